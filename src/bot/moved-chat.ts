import { plainCard, type Card } from "../core/card.ts";
import { moveChat } from "../storage/chat-move.ts";
import type { Database } from "../storage/database.ts";
import { answer } from "../storage/outbox.ts";

/** Follows a group that goes on under another id, and says so there. False: that was known already. */
export async function followChat(
  database: Database,
  fromChatId: number,
  toChatId: number,
): Promise<boolean> {
  return database.transaction(async (tx, now) => {
    if (!(await moveChat(tx, now, fromChatId, toChatId))) return false;
    const place = { chatId: toChatId, topicId: undefined, replyTo: undefined };
    await answer(tx, now, `notice:moved:${toChatId}`, place, movedCard(toChatId));
    return true;
  });
}

function movedCard(toChatId: number): Card {
  return plainCard(
    "This group has a new id",
    `It has become a supergroup; Flightdeck follows it to ${toChatId}.`,
    `Put \`chat: ${toChatId}\` into the configuration when you next change it.`,
  );
}
