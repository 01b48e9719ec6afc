import { z } from "zod";

import type { ReleaseLesson } from "../../core/release.ts";
import { parseRunName } from "../../core/run-name.ts";
import { meetRelease } from "../../storage/release.ts";
import { NotConfiguredError } from "../../systems/not-configured-error.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { LookStep, Results } from "../operation.ts";
import { releaseInPlaceSchema, seeReleaseInPlace, type ReleaseParts } from "./release-sight.ts";

const LESSON_STEPS = {
  before: "which release runs",
  after: "what is learnt of the release",
} as const;

const LOOK_TIMEOUT_MS = 30_000;
/** A proof must not wait for this, and not fail by it: it is about the target, and this is about our own knowledge. */
const EACH_LOOK_MS = 10_000;

/** What the look before found: a release in place, or why there is none to speak of. */
const seenSchema = z.union([
  z.object({ release: releaseInPlaceSchema }),
  z.object({ release: z.null(), reason: z.string() }),
]);
type Seen = z.output<typeof seenSchema>;

/**
 * Two looks around something that proves the target: if it did, and the same release was in place from the beginning to
 * the end, then that release is known to be good, on the schema that was there.
 */
export function lessonSteps(
  parts: ReleaseParts,
  lesson: ReleaseLesson,
  isProved: (results: Results) => boolean,
): { readonly before: LookStep; readonly after: LookStep } {
  return {
    before: {
      kind: "look",
      name: LESSON_STEPS.before,
      timeoutMs: LOOK_TIMEOUT_MS,
      look: async ({ signal }) => see(parts, signal),
    },
    after: {
      kind: "look",
      name: LESSON_STEPS.after,
      timeoutMs: LOOK_TIMEOUT_MS,
      applies: (results) => isProved(results) && seenIn(results)?.release !== null,
      async look({ run, results, signal }) {
        const before = seenIn(results)?.release ?? undefined;
        const { release: after } = await see(parts, signal);
        if (before === undefined || after === null || !isSame(before, after)) {
          return { learnt: null, reason: "another release took its place meanwhile" };
        }
        const runId = parseRunName(run);
        if (runId === undefined) throw new Error(`${run} is no name of a run.`);
        const { commit, schemaRevision } = after;
        await parts.database.transaction(async (tx, now) =>
          meetRelease(tx, now, parts.target, {
            commit,
            lesson,
            runId,
            schemaRevision: schemaRevision ?? undefined,
          }),
        );
        return { learnt: commit };
      },
    },
  };
}

function seenIn(results: Results): Seen | undefined {
  return seenSchema.safeParse(results[LESSON_STEPS.before]).data;
}

async function see(parts: ReleaseParts, signal: AbortSignal): Promise<Seen> {
  const each = AbortSignal.any([signal, AbortSignal.timeout(EACH_LOOK_MS)]);
  try {
    const release = await seeReleaseInPlace(parts, each);
    if (release) return { release };
    return { release: null, reason: "there is no one release in place" };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SystemError || error instanceof NotConfiguredError)) throw error;
    return { release: null, reason: error.message };
  }
}

type InPlace = z.output<typeof releaseInPlaceSchema>;

function isSame(before: InPlace, after: InPlace): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}
