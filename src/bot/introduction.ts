import type { Api } from "grammy";

import { pause } from "../core/waiting.ts";
import { failureOf, telegramError } from "./telegram.ts";

const RETRY_MS = 2_000;

/** Asks Telegram who we are, as often as it takes; undefined when the signal came first. */
export async function ownUsername(
  api: Api,
  onError: (error: unknown, during: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  while (!signal.aborted) {
    try {
      return (await api.getMe()).username;
    } catch (error) {
      onError(telegramError(failureOf(error)), "asking Telegram who this bot is");
      await pause(RETRY_MS, signal);
    }
  }
  return undefined;
}
