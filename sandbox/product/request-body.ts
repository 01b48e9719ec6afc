import { z } from "zod";

import { Refusal } from "./refusal.ts";

/** Parses a body and refuses a bad one in the words of FastAPI, which echo the input. */
export function parseBody<Body>(schema: z.ZodType<Body>, text: string): Body {
  if (text.trim() === "") {
    throw new Refusal(422, [
      { type: "missing", loc: ["body"], msg: "Field required", input: null },
    ]);
  }
  return parse(schema, parseJson(text), "body");
}

/** The same for what stands behind the question mark of an address. */
export function parseQuery<Query>(schema: z.ZodType<Query>, query: URLSearchParams): Query {
  return parse(schema, Object.fromEntries(query), "query");
}

function parse<Value>(schema: z.ZodType<Value>, input: unknown, place: "body" | "query"): Value {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new Refusal(
    422,
    parsed.error.issues.map((issue) => problem(issue, input, place)),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(422, [
      {
        type: "json_invalid",
        loc: ["body", 0],
        msg: "JSON decode error",
        input: {},
        ctx: { error: "Expecting value" },
      },
    ]);
  }
}

function problem(issue: z.core.$ZodIssue, input: unknown, place: "body" | "query"): object {
  const loc = [place, ...issue.path.map(String)];
  const [name] = issue.path;
  if (name === undefined) {
    const msg = "Input should be a valid dictionary or object to extract fields from";
    return { type: "model_attributes_type", loc, msg, input };
  }
  const value = (input as Record<PropertyKey, unknown>)[name];
  if (value === undefined) return { type: "missing", loc, msg: "Field required", input };
  return { loc, input: value, ...complaint(issue) };
}

type Complaint = { readonly type: string; readonly msg: string; readonly ctx?: object };

function complaint(issue: z.core.$ZodIssue): Complaint {
  switch (issue.code) {
    case "invalid_value": {
      const expected = inWords(issue.values.map((value) => `'${String(value)}'`));
      return { type: "enum", msg: `Input should be ${expected}`, ctx: { expected } };
    }
    case "too_small": {
      const ge = Number(issue.minimum);
      const msg = `Input should be greater than or equal to ${ge}`;
      return { type: "greater_than_equal", msg, ctx: { ge } };
    }
    case "too_big": {
      const le = Number(issue.maximum);
      const msg = `Input should be less than or equal to ${le}`;
      return { type: "less_than_equal", msg, ctx: { le } };
    }
    case "invalid_format": {
      const msg = "Input should be a valid integer, unable to parse string as an integer";
      return { type: "int_parsing", msg };
    }
    default:
      return issue.code === "invalid_type" && issue.expected !== "string"
        ? { type: "int_type", msg: "Input should be a valid integer" }
        : { type: "string_type", msg: "Input should be a valid string" };
  }
}

function inWords(names: readonly string[]): string {
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
