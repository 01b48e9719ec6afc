import type { z } from "zod";

import { nearest } from "../core/nearest.ts";
import { Secret } from "../core/secret.ts";
import type { JsonSchema } from "./json-schema.ts";
import { schemaAt } from "./json-schema.ts";
import type { Finding } from "./problem.ts";

const TYPES: Readonly<Record<string, string>> = {
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  string: "a text",
  number: "a number",
  boolean: "true or false",
};

/** Our words for what zod says by itself; a setting that brings its own message keeps it. */
export function issueMessage(issue: z.core.$ZodRawIssue): string | undefined {
  const missing = issue.input === undefined ? "is missing; " : "";
  switch (issue.code) {
    case "invalid_type":
      return `${missing}expected ${TYPES[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `${missing}expected ${oneOf(issue.values)}${suggestion(issue.input, issue.values)}`;
    case "invalid_union": {
      if (issue.discriminator === undefined)
        return `${missing}has none of the forms that are allowed`;
      const kinds = (issue.options ?? []) as readonly unknown[];
      const kind = (issue.input as Readonly<Record<string, unknown>> | undefined)?.[
        issue.discriminator
      ];
      const absent = kind === undefined ? "is missing; " : "";
      return `${absent}expected ${oneOf(kinds)}${suggestion(kind, kinds)}`;
    }
    case "too_small":
      return issue.origin === "array" ? `expected at least ${issue.minimum} of them` : undefined;
    case "too_big":
      return issue.origin === "array" ? `expected at most ${issue.maximum} of them` : undefined;
    default:
      return undefined;
  }
}

/** One finding a mistake: an issue about several unknown keys is several, each at its own place. */
export function findingsOf(issue: z.core.$ZodIssue, schema: JsonSchema, tree: unknown): Finding[] {
  const path = issue.path.filter((part) => typeof part !== "symbol");
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(schemaAt(schema, tree, path)?.properties ?? {});
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, known) }));
  }
  if (issue.code === "invalid_key") {
    return [{ path, message: `not a name for this: ${issue.issues[0]?.message ?? "not allowed"}` }];
  }
  return [{ path, message: issue.message, example: exampleOf(schemaAt(schema, tree, path)) }];
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const hint =
    meant === undefined ? `expected one of ${known.join(", ")}` : `did you mean ${meant}?`;
  return `there is no setting of this name; ${hint}`;
}

function exampleOf(schema: JsonSchema | undefined): string | undefined {
  const example = schema?.examples?.[0];
  if (example === undefined) return undefined;
  return typeof example === "string" ? example : JSON.stringify(example);
}

function oneOf(values: readonly unknown[]): string {
  const words = values.map(String);
  return words.length === 1 ? String(words[0]) : `one of ${words.join(", ")}`;
}

/** A value is never repeated, since it may be a misplaced secret; the known word that it resembles may be. */
function suggestion(input: unknown, values: readonly unknown[]): string {
  const text = input instanceof Secret ? undefined : input;
  const meant = typeof text === "string" ? nearest(text, values.map(String)) : undefined;
  return meant === undefined ? "" : `; did you mean ${meant}?`;
}
