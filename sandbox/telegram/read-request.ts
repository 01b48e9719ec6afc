import type { z } from "zod";

import { badRequest } from "./refusal.ts";
import type { Refusal } from "./refusal.ts";
import { parseJson } from "./request-body.ts";
import type { Fields } from "./request-body.ts";

export type Problem = { readonly path: string; readonly message: string };

export type Read<T> = {
  readonly problems: readonly Problem[];
} & ({ readonly fields: T } | { readonly refusal: Refusal });

/** How the real server answers when the field is missing or no such thing. */
const MISSING: Readonly<Record<string, string>> = {
  chat_id: "chat_id is empty",
  text: "message text is empty",
  message_id: "message identifier is not specified",
  user_id: "invalid user_id specified",
  callback_query_id: "query is too old and response timeout expired or query ID is invalid",
  document: "there is no document in the request",
  photo: "there is no photo in the request",
};

/**
 * Reads a request by the method's strict schema. Unknown fields are problems, but the real server ignores them, so the
 * request goes on without them; any other problem is answered with a refusal, in the real words where we know them.
 */
export function readRequest<Schema extends z.ZodType>(
  schema: Schema,
  raw: Fields,
): Read<z.output<Schema>> {
  const known = structuredClone(decodeTexts(schema, raw));
  const strict = schema.safeParse(known);
  if (strict.success) return { problems: [], fields: strict.data };

  const problems = strict.error.issues.map(describe);
  for (const issue of strict.error.issues) {
    if (issue.code === "unrecognized_keys") removeKeys(known, issue.path, issue.keys);
  }
  const lenient = schema.safeParse(known);
  if (lenient.success) return { problems, fields: lenient.data };

  const seen = new Set(problems.map((problem) => problem.path + problem.message));
  const further = lenient.error.issues
    .map(describe)
    .filter((problem) => !seen.has(problem.path + problem.message));
  return { problems: [...problems, ...further], refusal: refusalFor(lenient.error.issues) };
}

/** A form sends numbers, lists and objects as text: what the schema does not take as text is read as JSON. */
function decodeTexts(schema: z.ZodType, raw: Fields): Record<string, unknown> {
  const shape = shapeOf(schema);
  return Object.fromEntries(
    Object.entries(raw).map(([name, value]) => {
      const field = shape[name];
      if (typeof value !== "string" || field === undefined) return [name, value];
      if (field.safeParse(value).success) return [name, value];
      return [name, parseJson(value) ?? value];
    }),
  );
}

function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType | undefined>> {
  return "shape" in schema ? (schema.shape as Readonly<Record<string, z.ZodType>>) : {};
}

function describe(issue: z.core.$ZodIssue): Problem {
  const message =
    issue.code === "unrecognized_keys"
      ? `unknown to Telegram or to this sandbox: ${issue.keys.join(", ")}`
      : issue.message;
  return { path: issue.path.map(String).join("."), message };
}

function refusalFor(issues: readonly z.core.$ZodIssue[]): Refusal {
  const issue = issues.find((issue) => issue.code === "custom") ?? issues[0];
  if (issue === undefined) return badRequest("the request can't be parsed");
  const known = issue.code === "custom" ? issue.params?.["refusal"] : undefined;
  if (typeof known === "string") return badRequest(known);
  const [name = "request"] = issue.path.map(String);
  if (issue.path.length === 1 && MISSING[name] !== undefined) return badRequest(MISSING[name]);
  return badRequest(`can't parse "${issue.path.map(String).join(".")}": ${issue.message}`);
}

function removeKeys(
  value: Record<string, unknown>,
  path: readonly PropertyKey[],
  keys: readonly string[],
): void {
  const holder = path.reduce<unknown>(
    (at, key) => (at as Readonly<Record<PropertyKey, unknown>> | undefined)?.[key],
    value,
  );
  for (const key of keys) delete (holder as Record<string, unknown>)[key];
}
