import { Api } from "grammy";

import { startTelegram } from "./server.ts";
import type { TelegramOptions, TelegramServer } from "./server.ts";

export const botToken = "7000001:made-up";

export type TestBot = AsyncDisposable & {
  readonly telegram: TelegramServer;
  readonly api: Api;
  /** Moves the sandbox's clock. */
  readonly pass: (durationMs: number) => void;
};

/** A Telegram whose time stands still unless a test moves it, and a real client for it. */
export async function startTestBot(
  options: Omit<TelegramOptions, "botToken" | "now"> = {},
): Promise<TestBot> {
  let nowMs = Date.UTC(2026, 5, 1, 12);
  const telegram = await startTelegram({ botToken, now: () => new Date(nowMs), ...options });
  return {
    telegram,
    api: new Api(botToken, { apiRoot: telegram.url }),
    pass: (durationMs) => {
      nowMs += durationMs;
    },
    [Symbol.asyncDispose]: () => telegram[Symbol.asyncDispose](),
  };
}
