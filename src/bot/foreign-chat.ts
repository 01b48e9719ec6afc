import type { Api } from "grammy";

import { isMoveTarget } from "../storage/chat-move.ts";
import type { Database } from "../storage/database.ts";
import { failureOf, telegramError } from "./telegram.ts";

export type ForeignChatParts = {
  readonly api: Api;
  readonly database: Database;
  readonly onError: (error: unknown, during: string) => void;
};

/** Leaves a chat into which somebody has put the bot, unless it is what one of ours has become. Never throws. */
export async function leaveForeignChat(parts: ForeignChatParts, chatId: number): Promise<void> {
  await leave(parts, chatId).catch((error: unknown) =>
    parts.onError(error, `leaving the chat ${chatId}`),
  );
}

async function leave({ api, database, onError }: ForeignChatParts, chatId: number): Promise<void> {
  if (await database.transaction(async (tx) => isMoveTarget(tx, chatId))) return;
  onError(new Error(`somebody put the bot into the chat ${chatId}; it leaves`), "guarding the bot");
  await api.leaveChat(chatId).catch((error: unknown) => {
    throw telegramError(failureOf(error));
  });
}
