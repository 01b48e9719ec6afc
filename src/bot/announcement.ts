import { randomUUID } from "node:crypto";

import type { ServedTarget } from "../commands/served-target.ts";
import type { Card } from "../core/card.ts";
import type { Database } from "../storage/database.ts";
import { answer } from "../storage/outbox.ts";

/** Says something of the whole process where each of its targets is talked about. */
export async function announce(
  database: Database,
  targets: readonly ServedTarget[],
  card: Card,
): Promise<void> {
  await database.transaction(async (tx, now) => {
    for (const { context, chatId, topicId } of targets) {
      const subject = `notice:${context.target}:${randomUUID()}`;
      await answer(tx, now, subject, { chatId, topicId, replyTo: undefined }, card);
    }
  });
}
