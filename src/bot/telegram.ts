import { Api, GrammyError } from "grammy";

import { SystemError, type SystemErrorKind } from "../systems/system-error.ts";
import { tokenSafeFetch } from "../systems/token-safe-fetch.ts";
import type { TelegramSettings } from "./settings.ts";

/** How a call to Telegram ended badly, as its callers need to tell it apart. */
export type CallFailure =
  | { readonly kind: "slow-down"; readonly retryAfterMs: number }
  /** Telegram said no; nothing was done, and asking again would get the same answer. */
  | { readonly kind: "refused"; readonly code: number; readonly description: string }
  /** The group goes on under another id; nothing was done under the old one. */
  | { readonly kind: "moved"; readonly toChatId: number }
  /** No answer, or none that can be trusted: it may have been done. */
  | { readonly kind: "in-doubt"; readonly description: string };

const CALL_TIMEOUT_SECONDS = 30;

export function createTelegram(settings: Pick<TelegramSettings, "token" | "apiRoot">): Api {
  return new Api(settings.token.reveal(), {
    apiRoot: settings.apiRoot,
    timeoutSeconds: CALL_TIMEOUT_SECONDS,
    // One place under every call, whoever makes it, where the token stays out of errors.
    fetch: tokenSafeFetch,
  });
}

/** Never hands on the error itself: its neighbours hold the token and the payload. */
export function failureOf(error: unknown): CallFailure {
  if (error instanceof GrammyError) {
    const { error_code: code, description, parameters } = error;
    if (code === 429) {
      return { kind: "slow-down", retryAfterMs: (parameters.retry_after ?? 1) * 1000 };
    }
    if (parameters.migrate_to_chat_id !== undefined) {
      return { kind: "moved", toChatId: parameters.migrate_to_chat_id };
    }
    // Telegram refuses with a code of its own; JSON without one is somebody's between us and Telegram.
    return code >= 400 && code < 500
      ? { kind: "refused", code, description }
      : { kind: "in-doubt", description: `${code}: ${description}` };
  }
  const cause = error instanceof Error && "error" in error ? error.error : error;
  return { kind: "in-doubt", description: cause instanceof Error ? cause.message : "no answer" };
}

/**
 * Whether a refusal is about the words of this one message, which no repetition mends. All others (a revoked token, a
 * closed topic, a bot that was thrown out) a person can mend, so they are tried again.
 */
export function isAboutMessage(failure: CallFailure): boolean {
  const aboutWords =
    /too long|text is empty|can't parse|entit|BUTTON_|reply markup|wrong file|PHOTO_|IMAGE_|MEDIA_/i;
  return failure.kind === "refused" && failure.code === 400 && aboutWords.test(failure.description);
}

/** A failure as an error of ours, for logs. */
export function telegramError(failure: CallFailure, advice = ""): SystemError {
  return new SystemError("telegram", kindOf(failure), describeFailure(failure) + advice);
}

function kindOf(failure: CallFailure): SystemErrorKind {
  if (failure.kind === "slow-down") return "rate-limited";
  if (failure.kind === "in-doubt") return "unreachable";
  if (failure.kind === "moved") return "rejected";
  return failure.code === 401 ? "unauthorized" : "rejected";
}

export function describeFailure(failure: CallFailure): string {
  switch (failure.kind) {
    case "slow-down":
      return `Telegram asks to wait ${Math.ceil(failure.retryAfterMs / 1000)} s`;
    case "refused":
      return `Telegram refused: ${failure.code} ${failure.description}`;
    case "moved":
      return `the group has become a supergroup with the id ${failure.toChatId}`;
    case "in-doubt":
      return `no certain answer from Telegram: ${failure.description}`;
  }
}
