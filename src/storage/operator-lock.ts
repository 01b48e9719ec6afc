import { z } from "zod";

import type { Transaction } from "./database.ts";

export async function isLocked(
  tx: Transaction,
  target: string,
  telegramId: number,
): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ telegram_id: z.string() }),
    `select telegram_id from operator_lock where target = $1 and telegram_id = $2`,
    [target, telegramId],
  );
  return rows.length > 0;
}

/** Takes a person's rights away. False: they were gone already. */
export async function lockOperator(
  tx: Transaction,
  now: Date,
  person: { readonly target: string; readonly telegram: number },
  by: string,
): Promise<boolean> {
  const changed = await tx.change(
    `insert into operator_lock (target, telegram_id, locked_at, locked_by) values ($1, $2, $3, $4)
     on conflict do nothing`,
    [person.target, person.telegram, now, by],
  );
  return changed === 1;
}

/** Gives them back. False: they were not gone. */
export async function unlockOperator(
  tx: Transaction,
  person: { readonly target: string; readonly telegram: number },
): Promise<boolean> {
  const changed = await tx.change(
    `delete from operator_lock where target = $1 and telegram_id = $2`,
    [person.target, person.telegram],
  );
  return changed === 1;
}
