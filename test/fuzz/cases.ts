import { tries } from "../support/long-run.ts";

/** How many cases the long run tries of what takes anything that a stranger sends. */
const MANY = 100_000;

/** How often a property is tried: some cases for everybody's run, a hundred thousand in the long one. */
export function cases(short: number): { readonly numRuns: number } {
  return { numRuns: tries({ short, long: MANY }) };
}

/** Time enough for the long run on a machine that has other work; nothing here measures time. */
export const FUZZ_TIMEOUT_MS = tries({ short: 60_000, long: 3 * 60 * 60_000 });
