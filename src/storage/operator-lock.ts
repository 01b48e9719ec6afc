import { z } from "zod";

import type { Transaction } from "./database.ts";

export async function isLocked(tx: Transaction, telegramId: number): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ telegram_id: z.string() }),
    `select telegram_id from operator_lock where telegram_id = $1`,
    [telegramId],
  );
  return rows.length > 0;
}

/** Takes a person's rights away. False: they were gone already. */
export async function lockOperator(
  tx: Transaction,
  now: Date,
  telegramId: number,
  by: string,
): Promise<boolean> {
  const changed = await tx.change(
    `insert into operator_lock (telegram_id, locked_at, locked_by) values ($1, $2, $3)
     on conflict do nothing`,
    [telegramId, now, by],
  );
  return changed === 1;
}

/** Gives them back. False: they were not gone. */
export async function unlockOperator(tx: Transaction, telegramId: number): Promise<boolean> {
  const changed = await tx.change(`delete from operator_lock where telegram_id = $1`, [telegramId]);
  return changed === 1;
}
