import { describe, expect, test } from "vitest";
import { z } from "zod";

import { Refusal } from "./refusal.ts";
import { parseBody } from "./request-body.ts";

const schema = z.object({
  message: z.string(),
  limit: z.int().max(9).nullish(),
  kind: z.enum(["a", "b", "c"]).nullish(),
});

function refusalOf(text: string): { status: number; detail: unknown } {
  try {
    parseBody(schema, text);
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, detail: error.detail };
  }
  throw new Error("the body was accepted");
}

describe("a request body", () => {
  test("is handed on when it is right, without what nobody asked for", () => {
    expect(parseBody(schema, '{"message":"hi","more":1}')).toEqual({ message: "hi" });
  });

  test.each([
    [
      "a missing field echoes the whole input",
      '{"other":1}',
      { type: "missing", loc: ["body", "message"], msg: "Field required", input: { other: 1 } },
    ],
    [
      "a field of the wrong type echoes the field",
      '{"message":5}',
      {
        type: "string_type",
        loc: ["body", "message"],
        msg: "Input should be a valid string",
        input: 5,
      },
    ],
    [
      "a number that is none is named as such",
      '{"message":"hi","limit":"many"}',
      {
        type: "int_type",
        loc: ["body", "limit"],
        msg: "Input should be a valid integer",
        input: "many",
      },
    ],
    [
      "a number that is too big is told the limit",
      '{"message":"hi","limit":10}',
      {
        type: "less_than_equal",
        loc: ["body", "limit"],
        msg: "Input should be less than or equal to 9",
        input: 10,
        ctx: { le: 9 },
      },
    ],
    [
      "a word that is none of the known is told them",
      '{"message":"hi","kind":"d"}',
      {
        type: "enum",
        loc: ["body", "kind"],
        msg: "Input should be 'a', 'b' or 'c'",
        input: "d",
        ctx: { expected: "'a', 'b' or 'c'" },
      },
    ],
    [
      "a list where an object belongs",
      "[1]",
      {
        type: "model_attributes_type",
        loc: ["body"],
        msg: "Input should be a valid dictionary or object to extract fields from",
        input: [1],
      },
    ],
    ["an empty body", "", { type: "missing", loc: ["body"], msg: "Field required", input: null }],
    [
      "a body that is not JSON",
      "nonsense",
      {
        type: "json_invalid",
        loc: ["body", 0],
        msg: "JSON decode error",
        input: {},
        ctx: { error: "Expecting value" },
      },
    ],
  ])("is refused in FastAPI's words: %s", (_, text, problem) => {
    expect(refusalOf(text)).toEqual({ status: 422, detail: [problem] });
  });
});
