import { z } from "zod";

import type { Tick } from "../core/checklist.ts";
import type { Transaction } from "./database.ts";

const STATES = ["open", "complete", "expired", "superseded"] as const;

const checklistRow = z
  .object({
    run_id: z.string(),
    target: z.string(),
    name: z.string(),
    ends_at: z.date(),
    state: z.enum(STATES),
    closed_at: z.date().nullable(),
    superseded_by: z.string().nullable(),
  })
  .transform((row) => ({
    runId: row.run_id,
    target: row.target,
    name: row.name,
    endsAt: row.ends_at,
    state: row.state,
    closedAt: row.closed_at,
    supersededBy: row.superseded_by,
  }));

/** The part of a checklist that lies with people; what was seen lies in the journal of its run. */
export type KeptChecklist = z.output<typeof checklistRow>;

const COLUMNS = "run_id, target, name, ends_at, state, closed_at, superseded_by";

export async function keepChecklist(
  tx: Transaction,
  kept: Pick<KeptChecklist, "runId" | "target" | "name" | "endsAt">,
): Promise<void> {
  await tx.change(
    `insert into checklist (run_id, target, name, ends_at) values ($1, $2, $3, $4)
     on conflict (run_id) do nothing`,
    [kept.runId, kept.target, kept.name, kept.endsAt],
  );
}

export async function findChecklist(
  tx: Transaction,
  runId: string,
  lock: "for update" | "" = "",
): Promise<KeptChecklist | undefined> {
  const [kept] = await tx.rows(
    checklistRow,
    `select ${COLUMNS} from checklist where run_id = $1 ${lock}`,
    [runId],
  );
  return kept;
}

/** The one that people tick now; there is one at most of each name. */
export async function openChecklist(
  tx: Transaction,
  target: string,
  name: string,
): Promise<KeptChecklist | undefined> {
  const [kept] = await tx.rows(
    checklistRow,
    `select ${COLUMNS} from checklist where target = $1 and name = $2 and state = 'open' for update`,
    [target, name],
  );
  return kept;
}

export async function openChecklists(tx: Transaction, target: string): Promise<readonly string[]> {
  const rows = await tx.rows(
    z.object({ run_id: z.string() }),
    `select run_id from checklist where target = $1 and state = 'open' order by run_id`,
    [target],
  );
  return rows.map((row) => row.run_id);
}

export async function closeChecklist(
  tx: Transaction,
  now: Date,
  runId: string,
  state: "complete" | "expired" | "superseded",
  supersededBy: string | null = null,
): Promise<void> {
  await tx.change(
    `update checklist set state = $3, closed_at = $2, superseded_by = $4
     where run_id = $1 and state = 'open'`,
    [runId, now, state, supersededBy],
  );
}

const tickRow = z
  .object({ item: z.string(), ticked_by: z.string(), ticked_at: z.date() })
  .transform((row) => ({ item: row.item, by: row.ticked_by, at: row.ticked_at }));

export async function ticksOf(tx: Transaction, runId: string): Promise<readonly Tick[]> {
  return tx.rows(
    tickRow,
    `select item, ticked_by, ticked_at from checklist_tick where run_id = $1 order by ticked_at, item`,
    [runId],
  );
}

/** Keeps who ticked an item first. */
export async function keepTick(tx: Transaction, runId: string, tick: Tick): Promise<void> {
  await tx.change(
    `insert into checklist_tick (run_id, item, ticked_by, ticked_at) values ($1, $2, $3, $4)
     on conflict do nothing`,
    [runId, tick.item, tick.by, tick.at],
  );
}

export async function takeTickBack(tx: Transaction, runId: string, item: string): Promise<boolean> {
  const changed = await tx.change(`delete from checklist_tick where run_id = $1 and item = $2`, [
    runId,
    item,
  ]);
  return changed === 1;
}
