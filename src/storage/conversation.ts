import { z } from "zod";

import type { Transaction } from "./database.ts";
import { storableJson } from "./storable.ts";

const KEPT_MS = 24 * 60 * 60 * 1000;

/** What a conversation has come to, for whoever knows its form; locked, because its next turn is decided by it. */
export async function conversationOf(tx: Transaction, now: Date, key: string): Promise<unknown> {
  const [row] = await tx.rows(
    z.object({ state: z.unknown() }),
    `select state from conversation where key = $1 and expires_at > $2 for update`,
    [key, now],
  );
  return row?.state;
}

export async function keepConversation(
  tx: Transaction,
  now: Date,
  key: string,
  state: unknown,
): Promise<void> {
  await tx.change(
    `insert into conversation (key, state, expires_at) values ($1, $2, $3)
     on conflict (key) do update set state = excluded.state, expires_at = excluded.expires_at`,
    [key, storableJson(state), new Date(now.getTime() + KEPT_MS)],
  );
}

export async function endConversation(tx: Transaction, key: string): Promise<void> {
  await tx.change(`delete from conversation where key = $1`, [key]);
}

/** Nobody comes back to what he left a day ago. */
export async function forgetConversations(tx: Transaction, now: Date): Promise<void> {
  await tx.change(`delete from conversation where expires_at <= $1`, [now]);
}
