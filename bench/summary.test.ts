import { describe, expect, test } from "vitest";

import type { Comparison, Goal } from "./bench.ts";
import { summarize } from "./summary.ts";

const comparison: Comparison = {
  what: "a walk",
  unit: "ms",
  besideName: "a crow's flight",
  rounds: [
    { ours: 12, beside: 10 },
    { ours: 30, beside: 10 },
    { ours: 28, beside: 20 },
  ],
};

describe("the summary of a comparison", () => {
  test("takes ratio and difference within each round, not between the medians", () => {
    const summary = summarize(comparison);
    expect(summary).toMatchObject({ ours: 28, beside: 10, difference: 8 });
    expect(summary.ratio).toBeCloseTo(1.4);
    expect(summary.ratioRange[0]).toBeCloseTo(1.2);
    expect(summary.ratioRange[1]).toBeCloseTo(3);
  });

  test.each<{ readonly goal: Goal; readonly reached: boolean }>([
    { goal: { of: "value", atMost: 28 }, reached: true },
    { goal: { of: "value", atMost: 27.9 }, reached: false },
    { goal: { of: "ratio", atMost: 1.5 }, reached: true },
    { goal: { of: "ratio", atMost: 1.3 }, reached: false },
    { goal: { of: "difference", atMost: 8 }, reached: true },
    { goal: { of: "difference", atMost: 7 }, reached: false },
    { goal: { of: "value", atLeast: 28 }, reached: true },
    { goal: { of: "value", atLeast: 28.1 }, reached: false },
  ])("judges $goal: reached is $reached", ({ goal, reached }) => {
    expect(summarize({ ...comparison, goal }).reached).toBe(reached);
  });

  test("judges nothing where nothing was asked for", () => {
    expect(summarize(comparison).reached).toBeUndefined();
  });
});
