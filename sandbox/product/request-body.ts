import { z } from "zod";

import { Refusal } from "./refusal.ts";

/** Parses a body and refuses a bad one in the words of FastAPI, which echo the input. */
export function parseBody<Body>(schema: z.ZodType<Body>, text: string): Body {
  if (text.trim() === "") {
    throw new Refusal(422, [
      { type: "missing", loc: ["body"], msg: "Field required", input: null },
    ]);
  }
  const input = parseJson(text);
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new Refusal(
    422,
    parsed.error.issues.map((issue) => problem(issue, input)),
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

function problem(issue: z.core.$ZodIssue, input: unknown): object {
  const loc = ["body", ...issue.path.map(String)];
  const [name] = issue.path;
  if (name === undefined) {
    const msg = "Input should be a valid dictionary or object to extract fields from";
    return { type: "model_attributes_type", loc, msg, input };
  }
  const value = (input as Record<PropertyKey, unknown>)[name];
  if (value === undefined) return { type: "missing", loc, msg: "Field required", input };
  const wanted = issue.code === "invalid_type" ? issue.expected : "string";
  return wanted === "string"
    ? { type: "string_type", loc, msg: "Input should be a valid string", input: value }
    : { type: "int_type", loc, msg: "Input should be a valid integer", input: value };
}
