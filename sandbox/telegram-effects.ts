import type { TelegramServer } from "./telegram/server.ts";

const counted = {
  sendMessage: "messagesSent",
  sendDocument: "documentsSent",
  sendPhoto: "photosSent",
  editMessageText: "messagesEdited",
  answerCallbackQuery: "callbacksAnswered",
} as const;

type Counts = Record<(typeof counted)[keyof typeof counted], number>;

/** What the bot did to Telegram. Telegram forgets old calls, so each is counted when it is first seen. */
export function createTelegramEffects(telegram: Pick<TelegramServer, "calls">): {
  counts(): Counts;
} {
  const counts: Counts = {
    messagesSent: 0,
    documentsSent: 0,
    photosSent: 0,
    messagesEdited: 0,
    callbacksAnswered: 0,
  };
  let lastSeen = 0;
  return {
    counts() {
      for (const call of telegram.calls()) {
        if (call.id <= lastSeen) continue;
        lastSeen = call.id;
        const effect = counted[call.method as keyof typeof counted];
        // A lost answer has no status and was executed all the same.
        const happened = call.status === 200 || call.fault === "lost-answer";
        if (effect !== undefined && happened) counts[effect] += 1;
      }
      return { ...counts };
    },
  };
}
