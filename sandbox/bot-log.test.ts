import { expect, test } from "vitest";

import { warningOf } from "./bot-log.ts";

test.each([
  ["a warning", '{"level":40,"msg":"late"}', "late"],
  [
    "an error with its cause",
    '{"level":50,"msg":"lost","err":{"message":"no route"}}',
    "lost: no route",
  ],
  ["an error without words of its own", '{"level":50,"err":{"message":"no route"}}', "no route"],
  ["the last words of a crash", "SyntaxError: Unexpected token", "SyntaxError: Unexpected token"],
  ["JSON that is no log entry", "42", "42"],
  ["plain information", '{"level":30,"msg":"polling"}', undefined],
  ["an empty line", "  ", undefined],
])("a person at the terminal sees %s as it should be", (_, line, shown) => {
  expect(warningOf(line)).toBe(shown);
});
