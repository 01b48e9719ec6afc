import { z } from "zod";

import type { Transaction } from "./database.ts";
import { isDue } from "./due.ts";
import type { Seal } from "./seal.ts";

/** An update that passed the gate, kept until it is handled. `body` is the text of the update as JSON. */
export type Received = {
  readonly updateId: number;
  readonly chatId: number;
  readonly body: string;
};

/** The leader listens here: whatever process stored an update, its router is woken at once. */
export const INBOX_CHANNEL = "flightdeck_inbox";

const KEPT_MS = 7 * 24 * 60 * 60 * 1000;
const RETRY_AFTER_MS = [1_000, 5_000, 15_000, 60_000] as const;

const dueRow = z.object({
  update_id: z.string(),
  chat_id: z.string(),
  received_at: z.date(),
  sealed: z.instanceof(Buffer),
});

export type DueUpdate = {
  readonly updateId: string;
  readonly chatId: number;
  readonly receivedAt: Date;
  /** Absent when it cannot be opened any more: sealed with another key, or changed in the database. */
  readonly body: string | undefined;
};

export type Inbox = ReturnType<typeof createInbox>;

/** The durable intake: what is stored here was told to Telegram as received, so it must end as handled or failed. */
export function createInbox(botId: number, seal: Seal) {
  const context = (updateId: string | number): string => `inbox:${botId}:${updateId}`;
  const opened = (sealed: Buffer, of: string): string | undefined => {
    try {
      return seal.open(sealed, of);
    } catch {
      return undefined;
    }
  };

  return {
    /** Stores what is new; an update that is here already, handled or not, is left as it is. */
    async receive(tx: Transaction, now: Date, updates: readonly Received[]): Promise<number> {
      const stored = await tx.change(
        `insert into inbox (bot_id, update_id, chat_id, received_at, next_try_at, sealed)
         select $1, update_id, chat_id, $2, $2, sealed
         from unnest($3::bigint[], $4::bigint[], $5::bytea[]) as brought (update_id, chat_id, sealed)
         on conflict do nothing`,
        [
          botId,
          now,
          updates.map(({ updateId }) => updateId),
          updates.map(({ chatId }) => chatId),
          updates.map(({ updateId, body }) => seal.close(body, context(updateId))),
        ],
      );
      if (stored > 0) await tx.change(`select pg_notify('${INBOX_CHANNEL}', '')`);
      return stored;
    },

    /** The next update to handle, oldest first, locked until the transaction ends. */
    async takeDue(tx: Transaction, now: Date): Promise<DueUpdate | undefined> {
      const [row] = await tx.rows(
        dueRow,
        `select update_id, chat_id, received_at, sealed from inbox
         where bot_id = $1 and state = 'received' and ${isDue("next_try_at", "$2", Math.max(...RETRY_AFTER_MS))}
         order by update_id limit 1 for update skip locked`,
        [botId, now],
      );
      if (!row) return undefined;
      return {
        updateId: row.update_id,
        chatId: Number(row.chat_id),
        receivedAt: row.received_at,
        body: opened(row.sealed, context(row.update_id)),
      };
    },

    async markHandled(tx: Transaction, updateId: string): Promise<void> {
      await tx.change(
        `update inbox set state = 'handled', sealed = null where bot_id = $1 and update_id = $2`,
        [botId, updateId],
      );
    },

    /** Puts a failed attempt off, or gives up when the waits are used up. Returns whether it will be tried again. */
    async markFailed(tx: Transaction, now: Date, updateId: string): Promise<boolean> {
      const [row] = await tx.rows(
        z.object({ attempts: z.number() }),
        `update inbox set attempts = attempts + 1
         where bot_id = $1 and update_id = $2 and state = 'received' returning attempts`,
        [botId, updateId],
      );
      const waitMs = RETRY_AFTER_MS[(row?.attempts ?? 1) - 1];
      if (waitMs === undefined) {
        await tx.change(
          `update inbox set state = 'failed', sealed = null where bot_id = $1 and update_id = $2`,
          [botId, updateId],
        );
        return false;
      }
      await tx.change(`update inbox set next_try_at = $3 where bot_id = $1 and update_id = $2`, [
        botId,
        updateId,
        new Date(now.getTime() + waitMs),
      ]);
      return true;
    },

    /** Forgets what Telegram can no longer deliver again; it keeps an update for 24 hours. */
    async forget(tx: Transaction, now: Date): Promise<void> {
      await tx.change(`delete from inbox where state <> 'received' and received_at < $1`, [
        new Date(now.getTime() - KEPT_MS),
      ]);
    },
  };
}
