import type { Actor } from "../../core/actor.ts";
import { endApproval, newestApproval, type ApprovalEnd } from "../../storage/approval.ts";
import type { Transaction } from "../../storage/database.ts";
import { stateChanged } from "../../storage/outbox.ts";
import { endStep, stepsOf } from "../../storage/run-step.ts";
import { endRun, type Run, type RunOutcome } from "../../storage/run.ts";
import { record, subjectOf, type RecordOrigin } from "../engine/run-record.ts";
import { factsOf } from "./approval-facts.ts";

/** How a question ends without its yes being used. */
export type QuestionEnd = {
  readonly approval: ApprovalEnd;
  /** Why, each a sentence for the card. */
  readonly changed: readonly string[];
  /** Who ended it; by default it ended by itself, in the name of whoever asked. */
  readonly actor?: Actor | undefined;
};

/** Ends the question that a run has open, if it has one; the caller has locked the run, and ends it too. */
export async function endQuestion(
  tx: Transaction,
  now: Date,
  origin: RecordOrigin,
  run: Run,
  { approval: state, changed, actor }: QuestionEnd,
): Promise<void> {
  const approval = await newestApproval(tx, run.id, "for update");
  if (!approval || !(await endApproval(tx, now, approval.id, { state, changed }))) return;
  const reason = changed.join(" ");
  await endStep(tx, now, { runId: run.id, n: approval.n }, { state: "failed", error: reason });
  await record(tx, now, origin, run, {
    kind: "approval.ended",
    step: (await stepsOf(tx, run.id)).find(({ n }) => n === approval.n)?.name,
    result: state,
    actor,
    facts: { ...factsOf(approval), reason },
  });
}

/** Ends a run that waits for people, with its question, and brings its card up to date. */
export async function endAsking(
  tx: Transaction,
  now: Date,
  origin: RecordOrigin,
  run: Run,
  end: QuestionEnd & { readonly run: RunOutcome },
): Promise<void> {
  const reason = end.changed.join(" ");
  await endQuestion(tx, now, origin, run, end);
  await endRun(tx, now, run.id, { state: end.run, reason });
  await stateChanged(tx, now, subjectOf(run));
  await record(tx, now, origin, run, {
    kind: "run.result",
    result: end.run,
    actor: end.actor,
    facts: { reason },
  });
}
