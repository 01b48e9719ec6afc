import { z } from "zod";

import type { Transaction } from "./database.ts";
import { storableText } from "./storable.ts";

const silenceRow = z
  .object({
    id: z.string(),
    target: z.string(),
    checks: z.array(z.string()),
    alert_id: z.string().nullable(),
    until: z.date().nullable(),
    reason: z.string(),
    set_by: z.string(),
    set_at: z.date(),
  })
  .transform((row) => ({
    id: row.id,
    target: row.target,
    checks: row.checks,
    alertId: row.alert_id ?? undefined,
    until: row.until ?? undefined,
    reason: row.reason,
    setBy: row.set_by,
    setAt: row.set_at,
  }));

const COLUMNS = "id, target, checks, alert_id, until, reason, set_by, set_at";

/** What is not to be spoken of for a while. Without named checks it hides all of them. */
export type Silence = z.output<typeof silenceRow>;

/** The silences that hold now. */
export async function silencesOf(
  tx: Transaction,
  now: Date,
  target: string,
): Promise<readonly Silence[]> {
  return tx.rows(
    silenceRow,
    `select ${COLUMNS} from silence
     where target = $1 and ended_at is null and (until is null or until > $2) order by id`,
    [target, now],
  );
}

/** Whether somebody does not want to hear of this check now. */
export function hides(silence: Silence, check: string): boolean {
  return silence.checks.length === 0 || silence.checks.includes(check);
}

export async function setSilence(
  tx: Transaction,
  now: Date,
  silence: {
    readonly target: string;
    readonly checks: readonly string[];
    /** Until the alert with this id is over, or until a moment. */
    readonly until: Date | { readonly alertId: string };
    readonly reason: string;
    readonly setBy: string;
  },
): Promise<string> {
  const [moment, alertId] =
    silence.until instanceof Date ? [silence.until, null] : [null, silence.until.alertId];
  const [row] = await tx.rows(
    z.object({ id: z.string() }),
    `insert into silence (target, checks, alert_id, until, reason, set_by, set_at)
     values ($1, $2, $3, $4, $5, $6, $7) returning id`,
    [
      silence.target,
      silence.checks,
      alertId,
      moment,
      storableText(silence.reason),
      silence.setBy,
      now,
    ],
  );
  if (!row) throw new Error("An inserted row has an id.");
  return row.id;
}

/** Ends a silence that still holds. False: it had ended already. */
export async function endSilence(
  tx: Transaction,
  now: Date,
  id: string,
  endedBy: string,
): Promise<boolean> {
  const ended = await tx.change(
    `update silence set ended_at = $2, ended_by = $3 where id = $1 and ended_at is null`,
    [id, now, endedBy],
  );
  return ended > 0;
}

/** Ends what has run out, or whose alert is over, and tells which these were. */
export async function endOldSilences(
  tx: Transaction,
  now: Date,
  target: string,
): Promise<readonly Silence[]> {
  // Set later than now means that the clock was set back since: none hides anything for longer than it was meant to.
  await tx.change(
    `update silence set until = until - (set_at - $2), set_at = $2
     where target = $1 and ended_at is null and set_at > $2`,
    [target, now],
  );
  return tx.rows(
    silenceRow,
    `update silence set ended_at = $2, ended_by = 'its end'
     where target = $1 and ended_at is null and (until <= $2 or exists (
       select 1 from alert where alert.id = silence.alert_id and alert.state = 'resolved'))
     returning ${COLUMNS}`,
    [target, now],
  );
}
