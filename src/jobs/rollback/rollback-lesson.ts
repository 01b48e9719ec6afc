import { parseRunName } from "../../core/run-name.ts";
import { meetRelease } from "../../storage/release.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { LookStep, Results } from "../operation.ts";
import { seeReleaseInPlace, type ReleaseInPlace, type ReleaseParts } from "./release-sight.ts";
import { planIn, ROLLBACK_STEPS } from "./rollback-report.ts";

const LOOK_TIMEOUT_MS = 30_000;

/**
 * The last look: does it still run, and what does that teach? Something that took its place meanwhile fails the run, for
 * what was proved is not what runs.
 */
export function learnStep(parts: ReleaseParts, isProved: (results: Results) => boolean): LookStep {
  return {
    kind: "look",
    name: ROLLBACK_STEPS.learn,
    timeoutMs: LOOK_TIMEOUT_MS,
    async look({ run, results, signal }) {
      const { to, applications } = planIn(results);
      const inPlace = await see(parts, signal);
      if (inPlace === "unseen") return { learnt: null };
      if (inPlace?.commit !== to) {
        throw new Error(
          "it is proved, and something else has been deployed since; look at Coolify, then at /rollback",
        );
      }
      const runId = parseRunName(run);
      if (runId === undefined) throw new Error(`${run} is no name of a run.`);
      const schemaRevision = inPlace.schemaRevision ?? undefined;
      const left = new Set(applications.map(({ from }) => from).filter((from) => from !== null));
      left.delete(to);
      await parts.database.transaction(async (tx, now) => {
        const meet = async (
          commit: string,
          lesson: "rolled-back-to" | "rolled-back-from",
        ): Promise<void> =>
          meetRelease(tx, now, parts.target, { commit, lesson, schemaRevision, runId });
        // What nobody proved is merely what runs now.
        if (isProved(results)) await meet(to, "rolled-back-to");
        for (const commit of left) await meet(commit, "rolled-back-from");
      });
      return { learnt: to };
    },
  };
}

/** What it did is done and proved; that nobody can look once more takes nothing from it. */
async function see(
  parts: ReleaseParts,
  signal: AbortSignal,
): Promise<ReleaseInPlace | undefined | "unseen"> {
  try {
    return await seeReleaseInPlace(parts, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SystemError) return "unseen";
    throw error;
  }
}
