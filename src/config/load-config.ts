import { digestOf } from "../core/digest.ts";
import { secretsIn } from "../core/secret.ts";
import type { Secret } from "../core/secret.ts";
import { findingsOf, issueMessage } from "./issue.ts";
import type { JsonSchema } from "./json-schema.ts";
import { jsonSchemaOf } from "./json-schema.ts";
import type { Finding, Problem } from "./problem.ts";
import { formatPath } from "./problem.ts";
import type { ReferenceSources } from "./references.ts";
import { resolveReferences } from "./references.ts";
import type { Settings } from "./settings.ts";
import { settingsSchema } from "./settings.ts";
import type { Source } from "./source.ts";
import { readYaml } from "./source.ts";

export type ValidConfig = {
  readonly ok: true;
  readonly settings: Settings;
  /** SHA-256 of the file's meaning, references unresolved, so that it may be shown and recorded. */
  readonly hash: string;
  /** Every secret of the settings, for whoever scrubs what goes out. */
  readonly secrets: readonly Secret[];
};

export type LoadedConfig =
  | ValidConfig
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** JSON Schema of the file, for editors. */
export const configSchema: JsonSchema = jsonSchemaOf(settingsSchema);

/** Reads and validates a file as a whole. */
export function loadConfig(path: string, sources: ReferenceSources): LoadedConfig {
  let text: string;
  try {
    text = sources.readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    const message = `cannot read the file (${code}); expected a YAML file`;
    return { ok: false, problems: [{ line: 1, column: 1, path: "", message }] };
  }
  return parseConfig(text, sources);
}

/** Validates a configuration and tells every problem at once, in the order of the file. */
export function parseConfig(text: string, sources: ReferenceSources): LoadedConfig {
  const read = readYaml(text);
  if (!read.ok) return read;
  const { tree, findings } = resolveReferences(read.source.tree, sources);
  const parsed = settingsSchema.safeParse(tree ?? {}, { error: issueMessage });
  const issues = parsed.success
    ? []
    : parsed.error.issues.flatMap((issue) => findingsOf(issue, configSchema, tree));
  const problems = [...findings, ...withoutEchoes(issues, findings)].map((finding) =>
    problemOf(finding, read.source),
  );
  if (!parsed.success || problems.length > 0) {
    return { ok: false, problems: problems.toSorted(inFileOrder) };
  }
  return {
    ok: true,
    settings: parsed.data,
    hash: digestOf(read.source.tree),
    secrets: secretsIn(parsed.data),
  };
}

/** A reference that cannot be resolved makes its value wrong too; one message is enough. */
function withoutEchoes(issues: readonly Finding[], findings: readonly Finding[]): Finding[] {
  const known = new Set(findings.map(({ path }) => formatPath(path)));
  return issues.filter(({ path }) => !known.has(formatPath(path)));
}

function problemOf({ path, message, example }: Finding, source: Source): Problem {
  const problem = { ...source.locate(path), path: formatPath(path), message };
  return example === undefined ? problem : { ...problem, example };
}

function inFileOrder(one: Problem, other: Problem): number {
  return one.line - other.line || one.column - other.column;
}
