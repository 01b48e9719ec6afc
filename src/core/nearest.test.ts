import { expect, test } from "vitest";

import { nearest } from "./nearest.ts";

const checks = ["api-is-live", "api-is-ready", "dead-letters-are-none"];

test.each([
  ["api-is-raedy", "api-is-ready"],
  ["API-IS-LIVE", "api-is-live"],
  ["ready", "api-is-ready"],
  ["letters", "dead-letters-are-none"],
])("%s probably means %s", (word, meant) => {
  expect(nearest(word, checks)).toBe(meant);
});

test.each(["", "x", "is", "api", "backup-is-fresh", "z".repeat(100_000)])(
  "%.20j is near to nothing",
  (word) => {
    expect(nearest(word, checks)).toBeUndefined();
  },
);

test("no candidates, no suggestion", () => {
  expect(nearest("ready", [])).toBeUndefined();
});
