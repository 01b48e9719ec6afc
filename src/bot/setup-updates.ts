import type { Api } from "grammy";
import type { Update } from "grammy/types";

import { pause } from "../core/waiting.ts";
import { failureOrThrow } from "./setup-error.ts";
import { describeFailure } from "./telegram.ts";

const LONG_POLL_SECONDS = 25;
const RETRY_MS = 2_000;

/** Fetches the updates of a bot that no Flightdeck serves yet. */
export type SetupUpdates = {
  /** Forgets what waits at Telegram: it was meant for a bot that did not exist yet. */
  skipBacklog(signal: AbortSignal): Promise<void>;
  /** The next updates; none when the signal came first. */
  next(signal: AbortSignal): Promise<readonly Update[]>;
  /** Tells Telegram to forget what was fetched, so that the running bot does not see it again. */
  confirm(signal: AbortSignal): Promise<void>;
};

export function createSetupUpdates(
  api: Pick<Api, "getUpdates">,
  tell: (text: string) => void,
): SetupUpdates {
  let offset = 0;
  let troubled = false;

  async function fetch(
    request: { readonly offset: number; readonly timeout: number; readonly limit?: number },
    signal: AbortSignal,
  ): Promise<readonly Update[]> {
    while (!signal.aborted) {
      try {
        const updates = await api.getUpdates(
          // Topics are learnt from messages; nothing else is needed before the bot runs.
          { ...request, allowed_updates: ["message"] },
          signal as Parameters<Api["getUpdates"]>[1],
        );
        troubled = false;
        return updates;
      } catch (error) {
        if (signal.aborted) return [];
        const failure = failureOrThrow(error);
        if (!troubled) tell(`Waiting for Telegram (${describeFailure(failure)}); trying on.`);
        troubled = true;
        await pause(failure.kind === "slow-down" ? failure.retryAfterMs : RETRY_MS, signal);
      }
    }
    return [];
  }

  return {
    async skipBacklog(signal) {
      const newest = await fetch({ offset: -1, timeout: 0 }, signal);
      offset = (newest.at(-1)?.update_id ?? -1) + 1;
    },
    async next(signal) {
      const updates = await fetch({ offset, timeout: LONG_POLL_SECONDS }, signal);
      offset = (updates.at(-1)?.update_id ?? offset - 1) + 1;
      return updates;
    },
    async confirm(signal) {
      await fetch({ offset, timeout: 0, limit: 1 }, signal);
    },
  };
}
