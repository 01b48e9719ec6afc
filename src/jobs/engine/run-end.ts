import { pass } from "../../core/trace.ts";
import { stateChanged } from "../../storage/outbox.ts";
import { stepsOf, type JournalledStep } from "../../storage/run-step.ts";
import { endRun, holdsLease, type RunOutcome } from "../../storage/run.ts";
import { endQuestion, type QuestionEnd } from "../approval/approval-end.ts";
import { record, subjectOf } from "./run-record.ts";
import { suspend, type StepRunner } from "./step-runner.ts";

export type RunEnd = {
  readonly state: RunOutcome;
  readonly verdict?: string;
  readonly reason?: string;
  readonly facts?: Readonly<Record<string, string>>;
  /** What becomes of a question that is open at the end. */
  readonly question?: QuestionEnd;
};

/** Ends a run, and the question that it leaves open, unless it has become somebody else's. */
export async function endPerformed(
  { database, origin, run }: Pick<StepRunner, "database" | "origin" | "run">,
  end: RunEnd,
): Promise<void> {
  await database.transaction(async (tx, now) => {
    if (!(await holdsLease(tx, { runId: run.id, epoch: run.epoch }))) return;
    await endQuestion(tx, now, origin, run, end.question ?? questionLeft(end));
    await endRun(tx, now, run.id, end);
    await stateChanged(tx, now, subjectOf(run));
    // What was intended and surely not done ends with that, so that no intent stays open.
    for (const { name: step } of (await stepsOf(tx, run.id)).filter(isCleared)) {
      await record(tx, now, origin, run, { kind: "step.outcome", step, result: "not done" });
    }
    const reason = end.reason === undefined ? {} : { reason: end.reason };
    await record(tx, now, origin, run, {
      kind: "run.result",
      result: end.verdict ?? end.state,
      facts: { ...end.facts, ...reason },
    });
  });
  pass("run.ended", run.id);
}

/** Ends a run as failed, unless an effect is in doubt: then a person decides. */
export async function giveUp(runner: StepRunner, reason: string): Promise<void> {
  const { database, run } = runner;
  const journal = await database.transaction(async (tx) => stepsOf(tx, run.id));
  const open = journal.find(isOpenAct);
  if (open) return suspend(runner, open, open, reason);
  // Whose yes was not used yet has changed nothing, so nothing failed.
  const asks = journal.some(({ kind, state }) => kind === "ask" && state === "started");
  return endPerformed(runner, { state: asks ? "refused" : "failed", reason });
}

export function isOpenAct(step: JournalledStep | undefined): boolean {
  return step?.kind === "act" && (step.state === "started" || step.state === "unknown");
}

/** A question that is open when its run ends otherwise: somebody stopped it, or it cannot go on. */
function questionLeft({
  state,
  reason = "",
}: {
  readonly state: RunOutcome;
  readonly reason?: string;
}): QuestionEnd {
  return { approval: state === "cancelled" ? "revoked" : "stale", changed: [reason] };
}

function isCleared(step: JournalledStep): boolean {
  return step.state === "cleared";
}
