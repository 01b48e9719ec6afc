import { z } from "zod";

import type { Change, ChangeStep } from "../../core/change-card.ts";
import { runName } from "../../core/run-name.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import type { Run } from "../../storage/run.ts";

/** A part of a change as people speak of it, and the names of the steps that it consists of. */
export type Stage = { readonly name: string; readonly steps: readonly string[] };

/** Milliseconds by the name of a step. */
const durationsSchema = z.record(z.string(), z.number());

/** A run as a change card shows it. */
export function changeRun(run: Run): Change["run"] {
  const { state, reason, createdAt, startedAt, endedAt, actor, cancelRequestedAt } = run;
  return {
    name: runName(run.id),
    state,
    reason,
    by: actor.name,
    createdAt,
    startedAt,
    endedAt,
    isCancelling: cancelRequestedAt !== null,
  };
}

/** How far each stage is by the journal, and how long it takes where the operation keeps its `usualDurations`. */
export function stagesOf(
  stages: readonly Stage[],
  {
    steps: journal,
    kept,
    now,
    run,
  }: {
    readonly steps: readonly JournalledStep[];
    readonly kept?: unknown;
    readonly now: Date;
    readonly run: Pick<Run, "state">;
  },
): readonly ChangeStep[] {
  const usual = durationsSchema.safeParse(kept).data ?? {};
  const isOver = run.state === "ok";
  const begun = stages.map(({ steps }) => journal.filter(({ name }) => steps.includes(name)));
  const lastBegun = begun.findLastIndex((of) => of.length > 0);
  return stages.map(({ name, steps }, index) => {
    const own = begun[index] ?? [];
    const known = steps.map((step) => usual[step]).filter((ms) => ms !== undefined);
    const [first] = own;
    const last = own.at(-1);
    return {
      name,
      state: stateOf(own, steps, index < lastBegun || isOver),
      usualMs: known.length > 0 ? known.reduce((sum, ms) => sum + ms, 0) : undefined,
      tookMs: first && (last?.endedAt ?? now).getTime() - first.startedAt.getTime(),
      progress: undefined,
    };
  });
}

function stateOf(
  journalled: readonly JournalledStep[],
  steps: readonly string[],
  isPassed: boolean,
): ChangeStep["state"] {
  if (journalled.some(({ state }) => state === "failed")) return "failed";
  if (journalled.some(({ state }) => state === "unknown")) return "in-doubt";
  if (isPassed) return journalled.length > 0 ? "done" : "skipped";
  if (journalled.length === 0) return "to-come";
  const last = journalled.at(-1);
  // A step that does not apply leaves no trace, so only its last one ends a stage that nothing has come behind.
  return last?.state === "done" && last.name === steps.at(-1) ? "done" : "under-way";
}
