import type { Actor } from "../../core/actor.ts";
import type { Transaction } from "../../storage/database.ts";
import { stateChanged } from "../../storage/outbox.ts";
import { clearStep, endStep, stepsOf } from "../../storage/run-step.ts";
import { endRun, findRun, resumeRun } from "../../storage/run.ts";
import { record, subjectOf, type RecordOrigin } from "./run-record.ts";

/** What a person says of an effect that is in doubt. */
export type Decision = "happened" | "retry" | "abort";

type DoubtWord = {
  readonly runId: string;
  readonly decision: Decision;
  readonly actor: Actor;
  /** Of which doubt it was said, when a button carried it. */
  readonly turn: number | undefined;
};

/** A person's word on an effect in doubt, an entry of its own. False: nothing is in doubt any more. */
export async function decideDoubt(
  tx: Transaction,
  now: Date,
  origin: RecordOrigin,
  { runId, decision, actor, turn }: DoubtWord,
): Promise<boolean> {
  const run = await findRun(tx, runId, "for update");
  const doubtful = (await stepsOf(tx, runId)).find((step) => step.state === "unknown");
  if (run?.state !== "unknown" || !doubtful) return false;
  // A button of an earlier doubt must not decide a later one.
  if (turn !== undefined && turn !== run.epoch) return false;
  if (decision === "happened") {
    const end = { state: "done", result: { decidedBy: actor.name } } as const;
    await endStep(tx, now, { runId, n: doubtful.n }, end);
  }
  if (decision === "retry") await clearStep(tx, runId);
  if (decision === "abort") {
    const reason = `given up by ${actor.name} with an effect in doubt`;
    await endRun(tx, now, runId, { state: "failed", reason });
  } else {
    await resumeRun(tx, runId);
  }
  await stateChanged(tx, now, subjectOf(run));
  await record(tx, now, origin, run, { kind: "run.decision", result: decision, actor });
  if (decision !== "retry") {
    const result = decision === "happened" ? "ok" : "unknown";
    const step = doubtful.name;
    await record(tx, now, origin, run, { kind: "step.outcome", step, result, actor });
  }
  if (decision === "abort") {
    await record(tx, now, origin, run, { kind: "run.result", result: "failed", actor });
  }
  return true;
}
