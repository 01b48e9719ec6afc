import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseCommandLine, splitLine } from "./command-line.ts";

describe("splitLine", () => {
  test.each([
    ["preflight api-is-live", ["preflight", "api-is-live"]],
    ["  a \t b\n c ", ["a", "b", "c"]],
    ['say "two words" more', ["say", "two words", "more"]],
    ["say “two words” more", ["say", "two words", "more"]],
    ['say “mixed quotes" more', ["say", "mixed quotes", "more"]],
    ['empty ""', ["empty", ""]],
    ['it"s fine', ['it"s', "fine"]],
    ['"never closed', ['"never', "closed"]],
    ["", []],
    ["a\u00A0b", ["a", "b"]],
  ])("%j → %j", (text, tokens) => {
    expect(splitLine(text)).toEqual(tokens);
  });
});

describe("parseCommandLine", () => {
  test.each([
    ["preflight", { name: "preflight", words: [], flags: {} }],
    ["preflight a b", { name: "preflight", words: ["a", "b"], flags: {} }],
    [
      "preflight a --failed-of R-7 b",
      { name: "preflight", words: ["a", "b"], flags: { "failed-of": "R-7" } },
    ],
    ["preflight —failed-of R-7", { name: "preflight", words: [], flags: { "failed-of": "R-7" } }],
    ["preflight –failed-of R-7", { name: "preflight", words: [], flags: { "failed-of": "R-7" } }],
    ["preflight --failed-of", { name: "preflight", words: [], flags: { "failed-of": "" } }],
    ["run --one --two x", { name: "run", words: [], flags: { one: "", two: "x" } }],
    ["run -x --1 -- --Up", { name: "run", words: ["-x", "--1", "--", "--Up"], flags: {} }],
    ["", { name: "", words: [], flags: {} }],
  ])("%j", (text, line) => {
    expect(parseCommandLine(splitLine(text))).toEqual(line);
  });

  test("flags named like members of every object are flags like any other", () => {
    const { flags } = parseCommandLine(["x", "--constructor", "--to-string", "v"]);
    expect(Object.entries(flags)).toEqual([
      ["constructor", ""],
      ["to-string", "v"],
    ]);
  });
});

test("no text makes the parser throw, and no word of it is lost or invented", () => {
  const pieces = fc.oneof(
    fc.constantFrom('"', "“", "”", "--", "—", "–", " ", "\n", "-x", "--flag", "__proto__"),
    fc.string({ unit: "binary", maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join("");
      const tokens = splitLine(text);
      const { name, words, flags } = parseCommandLine(tokens);
      const bare = (value: string): string => value.replaceAll(/[\s“”"]/g, "");
      expect(bare(tokens.join(""))).toBe(bare(text));
      const flagTokens = Object.keys(flags).length;
      expect((name === "" ? 0 : 1) + words.length + flagTokens).toBeLessThanOrEqual(
        Math.max(tokens.length, 0),
      );
      for (const word of words) expect(tokens).toContain(word);
    }),
    { numRuns: 500 },
  );
});

test("a hostile line as long as the gate lets in is taken apart at once", () => {
  const startedAt = performance.now();
  for (const seed of ['"', "“a", "a “", '" "', "—", "--a "]) {
    splitLine(seed.repeat(4_096));
  }
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
