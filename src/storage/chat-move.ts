import { z } from "zod";

import type { Transaction } from "./database.ts";

/**
 * Notes that a chat has gone on under another id and takes everything that was still to be said along. False: it is
 * known already.
 */
export async function moveChat(
  tx: Transaction,
  now: Date,
  fromChatId: number,
  toChatId: number,
): Promise<boolean> {
  const noted = await tx.change(
    `insert into chat_move (from_chat_id, to_chat_id, moved_at) values ($1, $2, $3)
     on conflict do nothing`,
    [fromChatId, toChatId, now],
  );
  // What stands in the old chat cannot be edited from the new one, so it is said there anew.
  await tx.change(
    `update outbox set chat_id = $2, message_id = null, message_kind = null, reply_to = null, not_before = $3,
       attempts = 0
     where chat_id = $1`,
    [fromChatId, toChatId, now],
  );
  return noted === 1;
}

/** Where a chat is today, however often it has moved. */
export async function presentChat(tx: Transaction, chatId: number): Promise<number> {
  const [row] = await tx.rows(
    z.object({ chat_id: z.string() }),
    `with recursive way (chat_id, hops) as (
       select $1::bigint, 0
       union all
       select m.to_chat_id, way.hops + 1 from chat_move m join way on m.from_chat_id = way.chat_id
       where way.hops < 10
     )
     select chat_id from way order by hops desc limit 1`,
    [chatId],
  );
  return Number(row?.chat_id ?? chatId);
}

/** Whether one of our chats has become this one. */
export async function isMoveTarget(tx: Transaction, chatId: number): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ to_chat_id: z.string() }),
    `select to_chat_id from chat_move where to_chat_id = $1`,
    [chatId],
  );
  return rows.length > 0;
}
