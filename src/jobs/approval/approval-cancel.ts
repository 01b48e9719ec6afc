import type { Actor } from "../../core/actor.ts";
import type { Transaction } from "../../storage/database.ts";
import { stateChanged } from "../../storage/outbox.ts";
import { findRun, isAsking, requestCancel, type Run } from "../../storage/run.ts";
import { subjectOf, type RecordOrigin } from "../engine/run-record.ts";
import { endAsking } from "./approval-end.ts";

/** Ends a run that waits for people, and asks one that works to stop where it can. False: there is nothing to stop. */
export async function stopRun(
  tx: Transaction,
  now: Date,
  origin: RecordOrigin,
  { id }: Pick<Run, "id">,
  actor: Actor | undefined,
): Promise<boolean> {
  const run = await findRun(tx, id, "for update");
  if (!run) return false;
  if (await isAsking(tx, id)) {
    const by = actor === undefined ? "an operator" : actor.name;
    const changed = [`Withdrawn by ${by}.`];
    await endAsking(tx, now, origin, run, {
      approval: "revoked",
      run: "cancelled",
      changed,
      actor,
    });
    return true;
  }
  const asked = await requestCancel(tx, now, id);
  if (asked) await stateChanged(tx, now, subjectOf(run));
  return asked;
}
