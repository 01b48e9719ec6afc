import type { Comparison, Goal, Unit } from "./bench.ts";
import { median } from "./quantile.ts";

/** A comparison boiled down to medians over its rounds, and judged. */
export type Summary = {
  readonly what: string;
  readonly unit: Unit;
  readonly ours: number;
  readonly besideName: string;
  readonly beside: number;
  readonly ratio: number;
  /** How far apart the rounds were. */
  readonly ratioRange: readonly [lowest: number, highest: number];
  readonly difference: number;
  readonly goal: Goal | undefined;
  /** Undefined where nothing was asked for. */
  readonly reached: boolean | undefined;
};

/**
 * Ratio and difference are medians of those of each round, whose two halves met the same machine, rather than taken of
 * the medians of all.
 */
export function summarize({ what, unit, besideName, rounds, goal }: Comparison): Summary {
  const ratios = rounds.map(({ ours, beside }) => ours / beside);
  const measured = {
    value: median(rounds.map(({ ours }) => ours)),
    ratio: median(ratios),
    difference: median(rounds.map(({ ours, beside }) => ours - beside)),
  };
  return {
    what,
    unit,
    ours: measured.value,
    besideName,
    beside: median(rounds.map(({ beside }) => beside)),
    ratio: measured.ratio,
    ratioRange: [Math.min(...ratios), Math.max(...ratios)],
    difference: measured.difference,
    goal,
    reached: goal && isReached(goal, measured[goal.of]),
  };
}

function isReached(goal: Goal, measured: number): boolean {
  return "atMost" in goal ? measured <= goal.atMost : measured >= goal.atLeast;
}
