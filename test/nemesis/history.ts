import type { ChatMessage, TelegramServer } from "../../sandbox/telegram/server.ts";

/** A message of the chat with everything that it ever said. */
export type RememberedMessage = Pick<ChatMessage, "id" | "chatId" | "sentAt" | "text"> & {
  readonly isOurs: boolean;
  readonly replyTo: number | undefined;
  readonly texts: readonly string[];
};

export type History = Disposable & {
  messages(): readonly RememberedMessage[];
  /** How many calls of the Bot API got no answer or no yes. */
  troubledCalls(): number;
};

/** Looks at the group after every change, because a bot may edit what it has said. */
export function keepHistory(telegram: TelegramServer): History {
  const messages = new Map<number, RememberedMessage>();
  let troubled = 0;
  let lastCall = 0;
  const look = (): void => {
    for (const message of telegram.messages()) {
      const before = messages.get(message.id);
      if (before?.text === message.text) continue;
      messages.set(message.id, {
        id: message.id,
        chatId: message.chatId,
        sentAt: message.sentAt,
        text: message.text,
        isOurs: message.from.isBot,
        replyTo: message.replyTo?.id,
        texts: [...(before?.texts ?? []), message.text],
      });
    }
    for (const call of telegram.calls()) {
      if (call.id <= lastCall) continue;
      lastCall = call.id;
      if (call.status !== 200) troubled += 1;
    }
  };
  const stop = telegram.onChange(look);
  return {
    messages: () => {
      look();
      return [...messages.values()];
    },
    troubledCalls: () => troubled,
    [Symbol.dispose]: stop,
  };
}
