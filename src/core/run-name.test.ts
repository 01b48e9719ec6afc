import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseRunName, runName } from "./run-name.ts";

const identity = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String);

test("every identity survives being named, read and typed back", () => {
  fc.assert(
    fc.property(identity, (id) => {
      const name = runName(id);
      expect(name).toMatch(/^R-[0-9A-HJKMNP-TV-Z]{1,13}$/);
      expect(parseRunName(name)).toBe(id);
      expect(parseRunName(name.toLowerCase())).toBe(id);
    }),
    { numRuns: 500 },
  );
});

test("different identities have different names", () => {
  const names = Array.from({ length: 5_000 }, (_, index) => runName(String(index + 1)));
  expect(new Set(names).size).toBe(names.length);
});

test.each([
  ["1", "R-1"],
  ["31", "R-Z"],
  ["32", "R-10"],
  ["1000", "R-Z8"],
  ["9223372036854775807", "R-7ZZZZZZZZZZZZ"],
])("identity %s is called %s", (id, name) => {
  expect(runName(id)).toBe(name);
});

describe("what people type for another letter", () => {
  test.each([
    ["R-1O", "R-10"],
    ["r-1o", "R-10"],
    ["R-I", "R-1"],
    ["R-l", "R-1"],
    ["R-L0", "R-10"],
    ["R-007", "R-7"],
  ])("%s is read as %s", (typed, meant) => {
    expect(parseRunName(typed)).toBe(parseRunName(meant));
    expect(parseRunName(typed)).toBeDefined();
  });
});

test.each([
  ["nothing", ""],
  ["no digits", "R-"],
  ["zero, which is no identity", "R-0"],
  ["the letter U, which the alphabet leaves out", "R-U"],
  ["two names", "R-1 R-2"],
  ["a sign", "R--1"],
  ["a prefix twice", "R-R-1"],
  ["more than a bigint holds", "R-8000000000000"],
  ["fourteen digits", "R-00000000000001"],
  ["a line break after the name", "R-1\n"],
  ["SQL", "R-1; drop table run"],
  ["digits of another script", "R-٣"],
])("%s is no run's name: %j", (_why, text) => {
  expect(parseRunName(text)).toBeUndefined();
});

test("no text makes the parser throw, and what it accepts is a positive bigint", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 30 }), (text) => {
      const id = BigInt(parseRunName(text) ?? "1");
      expect(id > 0n && id < 2n ** 63n).toBe(true);
    }),
    { numRuns: 500 },
  );
});
