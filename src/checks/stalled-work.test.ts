import { describe, expect, test } from "vitest";

import { decideStall } from "./stalled-work.ts";

const now = new Date("2026-06-01T12:00:00Z");
const minutes = 60_000;
const withinMs = 10 * minutes;

/** Looks as pairs of minutes ago and jobs seen, oldest first. */
const judge = (completedAgo: number, ...looks: readonly (readonly [number, number])[]) =>
  decideStall(
    looks.map(([ago, jobs]) => ({ at: new Date(now.getTime() - ago * minutes), jobs })),
    now,
    { completedAgoMs: completedAgo * minutes, withinMs },
  );

describe("jobs wait now, and the last one was completed", () => {
  test.each([
    ["a moment ago, whatever was seen before", 1, [[30, 5]], "not-stalled"],
    ["long ago, and nobody has looked before", 120, [], "cannot-tell"],
    ["long ago, and they came since the last look", 120, [[5, 0]], "not-stalled"],
    ["long ago, and the last look that saw none is too long ago", 120, [[60, 0]], "cannot-tell"],
    ["long ago, and they were seen a moment ago for the first time", 120, [[1, 3]], "cannot-tell"],
    ["long ago, and they wait since then", 120, [[11, 3]], "stalled"],
    [
      "long ago, and every look since then saw some",
      120,
      [
        [11, 3],
        [6, 4],
        [1, 9],
      ],
      "stalled",
    ],
    ["exactly so long ago as is allowed", 10, [[11, 3]], "stalled"],
    [
      "before a look that saw none in between",
      120,
      [
        [30, 8],
        [5, 0],
        [1, 9],
      ],
      "not-stalled",
    ],
    ["never, and they wait since long", Number.POSITIVE_INFINITY, [[11, 3]], "stalled"],
    ["in the future, by a wrong clock", -60, [[11, 3]], "not-stalled"],
  ] as const)("%s", (_name, completedAgo, looks, stall) => {
    expect(judge(completedAgo, ...looks)).toBe(stall);
  });
});
