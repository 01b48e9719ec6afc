import type { Refusal } from "./gate.ts";

const MINUTE_MS = 60_000;

export type RefusalTally = {
  count(reason: Refusal): void;
  counts(): Readonly<Partial<Record<Refusal, number>>>;
};

/** Counts what the gate turns away, and says so at most once a minute however many there are. */
export function createRefusalTally(
  say: (fresh: Readonly<Partial<Record<Refusal, number>>>) => void,
  monotonicMs: () => number = () => performance.now(),
): RefusalTally {
  const total: Partial<Record<Refusal, number>> = {};
  let fresh: Partial<Record<Refusal, number>> = {};
  let saidAtMs = -MINUTE_MS;
  return {
    count(reason) {
      total[reason] = (total[reason] ?? 0) + 1;
      fresh[reason] = (fresh[reason] ?? 0) + 1;
      if (monotonicMs() - saidAtMs < MINUTE_MS) return;
      saidAtMs = monotonicMs();
      say(fresh);
      fresh = {};
    },
    counts: () => ({ ...total }),
  };
}
