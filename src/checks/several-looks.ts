import type { Observation } from "../core/status.ts";

/**
 * What several looks of one check saw, in their order. A look that failed hides what passed beside it, for nobody knows
 * what it would have seen; it does not hide a failure.
 */
export async function severalLooks(
  looks: readonly Promise<readonly Observation[]>[],
): Promise<readonly Observation[]> {
  const outcomes = await Promise.allSettled(looks);
  const observations = outcomes.flatMap((outcome) =>
    outcome.status === "fulfilled" ? outcome.value : [],
  );
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined && observations.every(({ ok }) => ok)) throw failure.reason;
  return observations;
}
