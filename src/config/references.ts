import { Secret } from "../core/secret.ts";
import type { Finding, Path } from "./problem.ts";

/** Where references lead; handed in, so that nothing here knows a process or a disk. */
export type ReferenceSources = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The text of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string;
};

/** The path of a file may hold references to variables: ${file:${env:SECRETS}/api-token}. */
const REFERENCE = /\$\{((?:\$\{[^}]*\}|[^$}]|\$(?!\{))*)\}/g;
const ENVIRONMENT = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
const FILE = /^file:(.+)$/s;

/**
 * Replaces every text that holds a reference by a sealed Secret: whether it may be opened is the setting's decision.
 * A text with a default (`${env:USER:-root}`) is not sealed: its author has written the value into the file, so it can
 * be no secret, and a secret setting refuses it like any other plain text.
 */
export function resolveReferences(
  tree: unknown,
  sources: ReferenceSources,
): { readonly tree: unknown; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];

  function walk(value: unknown, path: Path): unknown {
    if (path.length > 32) {
      findings.push({ path, message: "nested too deeply" });
      return undefined;
    }
    if (typeof value === "string") return resolveText(value, path);
    if (typeof value === "number" && !Number.isFinite(value)) {
      findings.push({ path, message: "expected a finite number" });
    }
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => {
        if (!key.isWellFormed())
          findings.push({ path, message: "has half of a character in a name" });
        return [key, walk(item, [...path, key])];
      }),
    );
  }

  function resolveText(text: string, path: Path): string | Secret {
    if (!text.isWellFormed()) findings.push({ path, message: "holds half of a character" });
    let holdsReference = false;
    let holdsDefault = false;
    const resolved = text.replaceAll(REFERENCE, (_whole, inner: string) => {
      const reference = resolve(inner, sources);
      holdsReference = true;
      if (reference.ok) holdsDefault ||= reference.hasDefault;
      else findings.push({ path, message: reference.message, example: reference.example });
      return reference.ok ? reference.value : "";
    });
    return holdsReference && !holdsDefault ? new Secret(resolved) : resolved;
  }

  return { tree: walk(tree, []), findings };
}

type Resolved =
  | { readonly ok: true; readonly value: string; readonly hasDefault: boolean }
  | { readonly ok: false; readonly message: string; readonly example?: string };

function resolve(inner: string, sources: ReferenceSources): Resolved {
  const [, name, fallback] = ENVIRONMENT.exec(inner) ?? [];
  if (name !== undefined) return resolveVariable(name, fallback, sources);
  const path = FILE.exec(inner)?.[1];
  if (path !== undefined) return resolvePath(path, sources);
  return {
    ok: false,
    message: "expected a reference of the form ${env:NAME} or ${file:path}",
    example: "${env:FLIGHTDECK_BOT_TOKEN}",
  };
}

/** An empty variable counts as one that is not set, as `:-` does in a shell. */
function resolveVariable(
  name: string,
  fallback: string | undefined,
  { environment }: ReferenceSources,
): Resolved {
  const value = environment[name];
  const hasDefault = fallback !== undefined;
  if (value !== undefined && value !== "") return { ok: true, value, hasDefault };
  if (hasDefault) return { ok: true, value: fallback, hasDefault };
  const state = value === undefined ? "not set" : "empty";
  return {
    ok: false,
    message: `the environment variable ${name} is ${state}; expected it to hold the value`,
    example: `export ${name}=…`,
  };
}

function resolvePath(text: string, sources: ReferenceSources): Resolved {
  let problem: Resolved | undefined;
  const path = text.replaceAll(REFERENCE, (whole, inner: string) => {
    const [, name, fallback] = ENVIRONMENT.exec(inner) ?? [];
    if (name === undefined) return whole;
    const variable = resolveVariable(name, fallback, sources);
    if (!variable.ok) problem = variable;
    return variable.ok ? variable.value : "";
  });
  return problem ?? resolveFile(path, text, sources);
}

/** Told as it is written: what a variable in it holds may be a secret that was mistaken for a folder. */
function resolveFile(path: string, written: string, { readFile }: ReferenceSources): Resolved {
  try {
    // Editors and `echo` end a file with a line break that belongs to no secret.
    const value = readFile(path).replace(/\r?\n$/, "");
    if (value !== "") return { ok: true, value, hasDefault: false };
    return { ok: false, message: `the file ${written} is empty; expected it to hold the value` };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    return {
      ok: false,
      message: `cannot read the file ${written} (${code}); expected it to hold the value`,
    };
  }
}
