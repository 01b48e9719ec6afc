import type { AlertView, AskedRollback, Remedy } from "../../core/alert-card.ts";
import type { EscalationPolicy } from "../../core/escalation.ts";
import type { Operator } from "../../core/operator.ts";
import { runName } from "../../core/run-name.ts";
import { alertsBehind } from "../../storage/alert.ts";
import type { Transaction } from "../../storage/database.ts";
import type { Place } from "../../storage/outbox.ts";
import { triggersOf } from "../../storage/rollback-trigger.ts";
import { findRun } from "../../storage/run.ts";
import { hides, silencesOf } from "../../storage/silence.ts";
import type { NewsAbout } from "./alert-subject.ts";

/** What has to be known of a target to speak of its alerts. */
export type AlertScene = {
  readonly timeZone: string;
  /** Where its alerts are told. */
  readonly place: Place;
  readonly configHash: string;
  /** Whoever is on call first, then those who come next. */
  readonly rosterAt: (now: Date) => readonly Operator[];
  readonly escalation: EscalationPolicy;
  readonly runbookOf: (check: string) => string | undefined;
  readonly hasSmokeFlow: boolean;
  /** What may be asked for because of a check. */
  readonly remediesOf: (check: string) => readonly Remedy[];
  /** Until when a maintenance window keeps this check quiet; undefined when none does. */
  readonly maintenanceOf: (
    check: string,
    now: Date,
  ) => { readonly name: string; readonly until: Date } | undefined;
};

/** An alert as its card shows it now. */
export async function alertViewOf(
  tx: Transaction,
  now: Date,
  { id, target, check, severity, alert }: NewsAbout,
  scene: AlertScene,
): Promise<AlertView> {
  const behindIt = await alertsBehind(tx, target, check);
  const silence = (await silencesOf(tx, now, target)).find((one) => hides(one, check));
  const window = scene.maintenanceOf(check, now);
  const quiet = silence ?? (window && { until: window.until, setBy: window.name });
  return {
    id,
    target,
    check,
    severity,
    alert,
    runbook: scene.runbookOf(check),
    behindIt,
    silence: quiet && { until: quiet.until, setBy: quiet.setBy },
    hasSmokeFlow: scene.hasSmokeFlow,
    remedies: scene.remediesOf(check),
    rollback: await askedRollback(tx, id),
    now,
    timeZone: scene.timeZone,
  };
}

/** What the rules ask for because of an alert; of several the one that has begun already, else the first. */
async function askedRollback(tx: Transaction, id: string): Promise<AskedRollback | undefined> {
  const triggers = await triggersOf(tx, id);
  const trigger = triggers.find(({ runId }) => runId !== undefined) ?? triggers[0];
  if (!trigger) return undefined;
  const { rule, to, runId } = trigger;
  const run = runId === undefined ? undefined : await findRun(tx, runId);
  // One that has ended, and healed nothing, is offered to people.
  return { rule, to, run: run && run.endedAt === null ? runName(run.id) : undefined };
}
