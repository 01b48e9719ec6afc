import { setImmediate as nextTurn } from "node:timers/promises";

import { tries } from "../support/long-run.ts";

/**
 * How often a property is tried: some cases for everybody's run, a hundred thousand in the long one, or as many as make
 * up a hundred thousand together where several properties are about the same thing and each case takes long.
 */
export function cases(short: number, long = 100_000): { readonly numRuns: number } {
  return { numRuns: tries({ short, long }) };
}

/** Time enough for the long run on a machine that has other work; nothing here measures time. */
export const FUZZ_TIMEOUT_MS = tries({ short: 60_000, long: 3 * 60 * 60_000 });

const BREATH_EVERY_MS = 1_000;
let breathedAt = 0;

/** Between cases: a worker that is busy for a minute without a break is taken for dead. */
export async function breath(): Promise<void> {
  if (performance.now() - breathedAt < BREATH_EVERY_MS) return;
  await nextTurn();
  breathedAt = performance.now();
}
