import type { Api, Transformer } from "grammy";

import { failureOf, telegramError, type CallFailure } from "./telegram.ts";

/** How a call to Telegram ended. */
export type CallOutcome = "ok" | CallFailure["kind"];

export type TelegramCalls = {
  /** How long ago updates were last fetched; undefined when they never were. */
  fetchedAgoMs(): number | undefined;
  /** How long ago Telegram last brought an update. */
  broughtAgoMs(): number | undefined;
  /** Telegram brought an update. */
  brought(): void;
};

const FETCH = "getUpdates";

/** Notes how every call through this API ends, whoever makes it. */
export function observeCalls(
  api: Api,
  observe: (method: string, outcome: CallOutcome) => void,
): TelegramCalls {
  let fetchedAt: number | undefined;
  let broughtAt: number | undefined;
  const note: Transformer = async (call, method, payload, signal) => {
    try {
      const answer = await call(method, payload, signal);
      // A poll takes long when nobody says anything; until the first one has ended, any answer shows that one can.
      if (answer.ok && (method === FETCH || fetchedAt === undefined)) fetchedAt = performance.now();
      observe(method, outcomeOf(answer));
      return answer;
    } catch (error) {
      // Our own stopping says nothing about Telegram.
      if (signal?.aborted !== true) observe(method, failureOf(error).kind);
      throw error;
    }
  };
  api.config.use(note);
  const agoMs = (at: number | undefined): number | undefined =>
    at === undefined ? undefined : performance.now() - at;
  return {
    fetchedAgoMs: () => agoMs(fetchedAt),
    broughtAgoMs: () => agoMs(broughtAt),
    brought: () => {
      broughtAt = performance.now();
    },
  };
}

/** A poll this young proves that Telegram answers; it lasts 25 s when nobody says anything. */
export const POLL_IS_FRESH_MS = 60_000;

/**
 * Resolves when Telegram answers us.
 *
 * @throws {SystemError} when it does not
 */
export async function askTelegram(
  api: Api,
  { fetchedAgoMs }: Pick<TelegramCalls, "fetchedAgoMs">,
  signal: AbortSignal,
): Promise<void> {
  if ((fetchedAgoMs() ?? Infinity) <= POLL_IS_FRESH_MS) return;
  try {
    await api.getMe(signal as Parameters<Api["getMe"]>[0]);
  } catch (error) {
    // The error itself holds the token; ours says what there is to say.
    throw telegramError(failureOf(error));
  }
}

type Answer = Awaited<ReturnType<Parameters<Transformer>[0]>>;

function outcomeOf(answer: Answer): CallOutcome {
  if (answer.ok) return "ok";
  if (answer.error_code === 429) return "slow-down";
  if (answer.parameters?.migrate_to_chat_id !== undefined) return "moved";
  return answer.error_code >= 400 && answer.error_code < 500 ? "refused" : "in-doubt";
}
