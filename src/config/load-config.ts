import { join, resolve } from "node:path";

import type { z } from "zod";

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
import type { Settings, TargetSettings } from "./settings.ts";
import { furtherSchema, settingsSchema } from "./settings.ts";
import type { Source } from "./source.ts";
import { readYaml } from "./source.ts";

/** One target as its file describes it. */
export type TargetConfig = {
  readonly settings: TargetSettings;
  /** SHA-256 of the file's meaning, references unresolved, so that it may be shown and recorded. */
  readonly hash: string;
};

export type ValidConfig = {
  readonly ok: true;
  /** What the process runs on, from the first file. */
  readonly settings: Settings;
  readonly hash: string;
  /** Every target that is served; the first file's comes first. */
  readonly targets: readonly [TargetConfig, ...TargetConfig[]];
  /** Every secret of the settings, for whoever scrubs what goes out. */
  readonly secrets: readonly Secret[];
};

export type LoadedConfig =
  | ValidConfig
  | { readonly ok: false; readonly problems: readonly Problem[] };

type FileProblems = { readonly file: string; readonly problems: readonly Problem[] };

export type LoadedConfigs =
  | ValidConfig
  | { readonly ok: false; readonly files: readonly FileProblems[] };

/** JSON Schema of the first file, for editors. */
export function configSchema(): JsonSchema {
  return jsonSchemaOf(settingsSchema);
}

/** Validates the text of a first file and tells every problem at once, in the order of the file. */
export function parseConfig(text: string, sources: ReferenceSources): LoadedConfig {
  const parsed = parseFile(text, sources, settingsSchema);
  return parsed.ok ? validConfig(parsed, []) : parsed;
}

/** Reads the files of a process, a target each, and validates them as a whole. */
export function loadConfigs(
  [first, ...further]: readonly [string, ...string[]],
  sources: ReferenceSources,
): LoadedConfigs {
  const main = readFile(first, sources, settingsSchema);
  const others = further.map((path) => readFile(path, sources, furtherSchema));
  const wrong = [main, ...others].filter((read) => !read.ok);
  if (!main.ok || wrong.length > 0) return { ok: false, files: wrong };
  const targets = others.filter((read) => read.ok);
  const home = main.settings.telegram.chat;
  const twins = targets.flatMap((read, index) =>
    twinOf(read, [main, ...targets.slice(0, index)], home),
  );
  return twins.length > 0 ? { ok: false, files: twins } : validConfig(main, targets);
}

function validConfig(
  main: { readonly settings: Settings; readonly hash: string },
  further: readonly TargetConfig[],
): ValidConfig {
  return {
    ok: true,
    settings: main.settings,
    hash: main.hash,
    targets: [main, ...further],
    secrets: [main, ...further].flatMap(({ settings }) => secretsIn(settings)),
  };
}

type ReadFile<Output> =
  | { readonly ok: true; readonly file: string; readonly settings: Output; readonly hash: string }
  | (FileProblems & { readonly ok: false });

function readFile<Schema extends z.ZodType>(
  file: string,
  sources: ReferenceSources,
  schema: Schema,
): ReadFile<z.output<Schema>> {
  let text: string;
  try {
    text = sources.readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    const message = `cannot read the file (${code}); expected a YAML file`;
    return { ok: false, file, problems: [{ line: 1, column: 1, path: "", message }] };
  }
  const parsed = parseFile(text, sources, schema);
  return { ...parsed, file };
}

/**
 * Two files that mean the same target, or the same place in the chat, would take each other's commands; two logs in one
 * folder would take each other's file.
 */
function twinOf(
  read: { readonly file: string; readonly settings: TargetSettings },
  earlier: readonly { readonly file: string; readonly settings: TargetSettings }[],
  home: number,
): FileProblems[] {
  const sameName = earlier.find(({ settings }) => settings.target === read.settings.target);
  const { chat = home, topic } = read.settings.place;
  const samePlace = earlier.find(
    ({ settings }) => (settings.place.chat ?? home) === chat && settings.place.topic === topic,
  );
  const sameDirectory = earlier.find(
    ({ settings }) =>
      resolve(settings.evidence.directory) === resolve(read.settings.evidence.directory),
  );
  const problem = (path: string, message: string): FileProblems[] => [
    { file: read.file, problems: [{ line: 1, column: 1, path, message }] },
  ];
  if (sameName) return problem("target", `is the target of ${sameName.file} already`);
  if (samePlace) {
    return problem(
      "place",
      `is the place of ${samePlace.file} already; give it a topic of its own`,
    );
  }
  if (sameDirectory) {
    const { target, evidence } = read.settings;
    return problem(
      "evidence.directory",
      `holds the log of ${sameDirectory.file} already; give this one a folder of its own, such as ` +
        join(evidence.directory, target),
    );
  }
  return [];
}

type ParsedFile<Output> =
  | { readonly ok: true; readonly settings: Output; readonly hash: string }
  | { readonly ok: false; readonly problems: readonly Problem[] };

function parseFile<Schema extends z.ZodType>(
  text: string,
  sources: ReferenceSources,
  schema: Schema,
): ParsedFile<z.output<Schema>> {
  const read = readYaml(text);
  if (!read.ok) return read;
  const { tree, findings } = resolveReferences(read.source.tree, sources);
  const parsed = schema.safeParse(tree ?? {}, { error: issueMessage });
  const issues = parsed.success ? [] : findingsIn(parsed.error, jsonSchemaOf(schema), tree);
  const problems = [...findings, ...withoutEchoes(issues, findings)].map((finding) =>
    problemOf(finding, read.source),
  );
  if (!parsed.success || problems.length > 0) {
    return { ok: false, problems: problems.toSorted(inFileOrder) };
  }
  return { ok: true, settings: parsed.data, hash: digestOf(read.source.tree) };
}

function findingsIn(error: z.ZodError, known: JsonSchema, tree: unknown): Finding[] {
  return error.issues.flatMap((issue) => findingsOf(issue, known, tree));
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
