import { z } from "zod";

import type { Systems } from "../../systems/index.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { RolloutSettings } from "../deploy/rollout-settings.ts";

/** What the clone of the source says of the two releases; null where there is none, or it does not know. */
export const releaseHistorySchema = z.object({
  from: z.string().nullable(),
  to: z.string().nullable(),
  apart: z.object({ behind: z.number(), ahead: z.number() }).nullable(),
});
export type ReleaseHistory = z.output<typeof releaseHistorySchema>;

export type HistoryParts = {
  readonly systems: Pick<Systems, "gitHistory">;
  readonly rollout: Pick<RolloutSettings, "repository">;
  readonly scrub: (text: string) => string;
};

const TIMEOUT_MS = 5_000;

/** What a clone says is good to know, and never worth waiting for. */
export async function historyBetween(
  { from, to }: { readonly from: string | undefined; readonly to: string },
  { systems: { gitHistory }, rollout: { repository }, scrub }: HistoryParts,
  signal: AbortSignal,
): Promise<ReleaseHistory | null> {
  if (repository === undefined || from === undefined) return null;
  const each = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const [target, running] = await Promise.all([
      gitHistory.summary(repository, to, each),
      gitHistory.summary(repository, from, each),
    ]);
    const subjectOf = (found: typeof target): string | null =>
      found ? scrub(found.subject) : null;
    const apart = target && running ? await gitHistory.distance(repository, to, from, each) : null;
    return { from: subjectOf(running), to: subjectOf(target), apart };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SystemError) return null;
    throw error;
  }
}
