import { z } from "zod";

import type { Transaction } from "./database.ts";
import { storableText } from "./storable.ts";

const KEPT_MS = 400 * 24 * 60 * 60 * 1000;

const anchorRow = z.object({
  name: z.string(),
  definition: z.string(),
  since: z.date(),
  obstacle: z.string().nullable(),
});

/** How far a schedule has been dealt with. */
export type Anchor = z.output<typeof anchorRow>;

export type ScheduleKey = { readonly target: string; readonly name: string };

export async function readAnchors(tx: Transaction, target: string): Promise<readonly Anchor[]> {
  return tx.rows(
    anchorRow,
    `select name, definition, since, obstacle from schedule where target = $1`,
    [target],
  );
}

/** Locks a schedule's anchor. A new schedule, and one that changed, has no slots before now. */
export async function holdAnchor(
  tx: Transaction,
  now: Date,
  { target, name }: ScheduleKey,
  definition: string,
): Promise<Anchor> {
  await tx.change(
    `insert into schedule (target, name, definition, since) values ($1, $2, $3, $4)
     on conflict (target, name) do update
       set definition = excluded.definition, since = excluded.since, obstacle = null
       where schedule.definition <> excluded.definition`,
    [target, name, definition, now],
  );
  const [anchor] = await tx.rows(
    anchorRow,
    `select name, definition, since, obstacle from schedule where target = $1 and name = $2 for update`,
    [target, name],
  );
  if (!anchor) throw new Error(`The schedule "${name}" of ${target} is gone.`);
  return anchor;
}

export async function moveAnchor(
  tx: Transaction,
  { target, name }: ScheduleKey,
  since: Date,
): Promise<void> {
  await tx.change(
    `update schedule set since = $3, obstacle = null where target = $1 and name = $2`,
    [target, name, since],
  );
}

/** Keeps why a slot that is due waits, for whoever has to tell that it was missed. */
export async function noteObstacle(
  tx: Transaction,
  { target, name }: ScheduleKey,
  obstacle: string,
): Promise<void> {
  await tx.change(
    `update schedule set obstacle = $3 where target = $1 and name = $2 and obstacle is distinct from $3`,
    [target, name, storableText(obstacle)],
  );
}

/** A schedule that is taken out of the file and put back later must not be found to have missed what lay between. */
export async function forgetAnchorsBut(
  tx: Transaction,
  target: string,
  names: readonly string[],
): Promise<void> {
  await tx.change(`delete from schedule where target = $1 and name <> all($2)`, [target, names]);
}

const slotRow = z
  .object({
    name: z.string(),
    slot: z.date(),
    outcome: z.enum(["run", "answered", "refused", "missed"]),
    run_id: z.string().nullable(),
    reason: z.string().nullable(),
  })
  .transform(({ run_id: runId, ...row }) => ({ ...row, runId }));

/** What became of a slot. */
export type Slot = z.output<typeof slotRow>;

const COLUMNS = "name, slot, outcome, run_id, reason";

export async function hasSlot(tx: Transaction, key: ScheduleKey, slot: Date): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ slot: z.date() }),
    `select slot from schedule_slot where target = $1 and name = $2 and slot = $3`,
    [key.target, key.name, slot],
  );
  return rows.length > 0;
}

export async function keepSlot(
  tx: Transaction,
  now: Date,
  target: string,
  { name, slot, outcome, runId, reason }: Slot,
): Promise<void> {
  await tx.change(
    `insert into schedule_slot (target, name, slot, decided_at, outcome, run_id, reason)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
    [target, name, slot, now, outcome, runId, reason === null ? null : storableText(reason)],
  );
}

/** Slots whose run has ended and was not looked at since. */
export async function endedSlots(
  tx: Transaction,
  target: string,
): Promise<readonly (Slot & { readonly runId: string })[]> {
  const rows = await tx.rows(
    slotRow,
    `select ${COLUMNS} from schedule_slot
     where target = $1 and outcome = 'run' and settled_at is null
       and exists (select from run where id = run_id and ended_at is not null)
     order by slot`,
    [target],
  );
  return rows.flatMap((row) => (row.runId === null ? [] : [{ ...row, runId: row.runId }]));
}

export async function settleSlot(
  tx: Transaction,
  now: Date,
  { target, name }: ScheduleKey,
  slot: Date,
): Promise<void> {
  await tx.change(
    `update schedule_slot set settled_at = $4 where target = $1 and name = $2 and slot = $3`,
    [target, name, slot, now],
  );
}

/** What became of the newest slot of each schedule that has had one. */
export async function newestSlots(tx: Transaction, target: string): Promise<readonly Slot[]> {
  return tx.rows(
    slotRow,
    `select distinct on (name) ${COLUMNS} from schedule_slot where target = $1 order by name, slot desc`,
    [target],
  );
}

/** Lets go of what is older than any schedule's rhythm. */
export async function forgetSlots(tx: Transaction, now: Date): Promise<void> {
  await tx.change(`delete from schedule_slot where decided_at < $1`, [
    new Date(now.getTime() - KEPT_MS),
  ]);
}
