import { z } from "zod";

import type { Transaction } from "./database.ts";

/** Remembers the webhook that we are about to set for a bot, so that one left over is told from somebody else's. */
export async function rememberWebhook(
  tx: Transaction,
  now: Date,
  webhook: { readonly botId: number; readonly url: string },
): Promise<void> {
  await tx.change(
    `insert into own_webhook (bot_id, url, set_at) values ($1, $2, $3)
     on conflict (bot_id, url) do update set set_at = excluded.set_at`,
    [webhook.botId, webhook.url, now],
  );
}

/** Whether a webhook was ever ours. */
export async function isOwnWebhook(
  tx: Transaction,
  webhook: { readonly botId: number; readonly url: string },
): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ url: z.string() }),
    `select url from own_webhook where bot_id = $1 and url = $2`,
    [webhook.botId, webhook.url],
  );
  return rows.length > 0;
}
