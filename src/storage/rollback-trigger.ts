import { z } from "zod";

import type { Transaction } from "./database.ts";

const triggerRow = z
  .object({
    id: z.string(),
    target: z.string(),
    rule: z.string(),
    alert_id: z.string(),
    met_at: z.date(),
    looked_at: z.date().nullable(),
    release_to: z.string().nullable(),
    run_id: z.string().nullable(),
  })
  .transform((row) => ({
    id: row.id,
    target: row.target,
    rule: row.rule,
    alertId: row.alert_id,
    metAt: row.met_at,
    /** When somebody looked what one would go back to, and what that is. */
    lookedAt: row.looked_at ?? undefined,
    to: row.release_to ?? undefined,
    /** The run that the rule began by itself. */
    runId: row.run_id ?? undefined,
  }));

const COLUMNS = "id, target, rule, alert_id, met_at, looked_at, release_to, run_id";

/** A rule that asks for a rollback because of an alert, for as long as it does. */
export type RollbackTrigger = z.output<typeof triggerRow>;

/** The rules that ask for a rollback now, the oldest first. */
export async function openTriggers(
  tx: Transaction,
  target: string,
): Promise<readonly RollbackTrigger[]> {
  return tx.rows(
    triggerRow,
    `select ${COLUMNS} from rollback_trigger where target = $1 and over_at is null order by id`,
    [target],
  );
}

/** The rules that ask because of this alert. */
export async function triggersOf(
  tx: Transaction,
  alertId: string,
): Promise<readonly RollbackTrigger[]> {
  return tx.rows(
    triggerRow,
    `select ${COLUMNS} from rollback_trigger where alert_id = $1 and over_at is null order by id`,
    [alertId],
  );
}

/** A rule begins to ask. Undefined: it asks already. */
export async function openTrigger(
  tx: Transaction,
  now: Date,
  trigger: { readonly target: string; readonly rule: string; readonly alertId: string },
): Promise<RollbackTrigger | undefined> {
  const [opened] = await tx.rows(
    triggerRow,
    `insert into rollback_trigger (target, rule, alert_id, met_at) values ($1, $2, $3, $4)
     on conflict do nothing returning ${COLUMNS}`,
    [trigger.target, trigger.rule, trigger.alertId, now],
  );
  return opened;
}

export async function closeTrigger(tx: Transaction, now: Date, id: string): Promise<void> {
  await tx.change(`update rollback_trigger set over_at = $2 where id = $1 and over_at is null`, [
    id,
    now,
  ]);
}

/** Keeps what one would go back to, as it was just found. */
export async function noteRelease(
  tx: Transaction,
  now: Date,
  id: string,
  to: string | undefined,
): Promise<void> {
  await tx.change(`update rollback_trigger set looked_at = $2, release_to = $3 where id = $1`, [
    id,
    now,
    to ?? null,
  ]);
}

/** The rule acts by itself, once for as long as it asks. False: it has already. */
export async function noteAction(
  tx: Transaction,
  now: Date,
  id: string,
  runId: string,
): Promise<boolean> {
  const changed = await tx.change(
    `update rollback_trigger set acted_at = $2, run_id = $3 where id = $1 and run_id is null`,
    [id, now, runId],
  );
  return changed === 1;
}

/** When a rule of a target last acted by itself, whichever and because of whatever alert. */
export async function lastActionOn(tx: Transaction, target: string): Promise<Date | undefined> {
  const [row] = await tx.rows(
    z.object({ at: z.date().nullable() }),
    `select max(acted_at) as at from rollback_trigger where target = $1`,
    [target],
  );
  return row?.at ?? undefined;
}
