import type { Api } from "grammy";
import type { Update } from "grammy/types";

import { pause } from "../core/waiting.ts";
import { SystemError } from "../systems/system-error.ts";
import type { RulesFor } from "./gate-rules.ts";
import { ALLOWED_UPDATES, takeIn, type IntakeParts } from "./intake.ts";
import { ownUsername } from "./introduction.ts";
import { failureOf, telegramError, type CallFailure } from "./telegram.ts";
import { outlastWebhook } from "./webhook-removal.ts";

const LONG_POLL_SECONDS = 25;
const BACKOFF_MS = [500, 1_000, 2_000, 5_000, 15_000] as const;
const CONFLICT_WAIT_MS = 5_000;
const STORE_RETRY_MS = 1_000;

export type PollingParts = IntakeParts & {
  readonly api: Api;
  readonly botId: number;
  readonly rulesFor: RulesFor;
  readonly onError: (error: unknown, during: string) => void;
};

/**
 * Fetches updates until the signal. The offset moves, which is how Telegram is told to forget, only after the commit
 * that stored what came in: killed at any moment, an update is either still at Telegram or already here.
 */
export async function pollUpdates(parts: PollingParts, signal: AbortSignal): Promise<void> {
  const botUsername = await ownUsername(parts.api, parts.onError, signal);
  if (botUsername === undefined) return;
  const rules = parts.rulesFor(botUsername);
  let offset = 0;
  let failures = 0;
  while (!signal.aborted) {
    const fetched = await fetchUpdates(parts, offset, signal);
    if (signal.aborted) return;
    if (fetched.kind === "failed") {
      const { failure } = fetched;
      parts.onError(telegramError(failure, advice(failure)), "fetching updates");
      if (isAboutWebhook(failure)) await outlast(parts, signal);
      else await pause(waitMs(failure, failures), signal);
      failures += 1;
      continue;
    }
    failures = 0;
    try {
      await takeIn(parts, rules, fetched.updates);
      offset = (fetched.updates.at(-1)?.update_id ?? offset - 1) + 1;
    } catch (error) {
      // The offset stays, so Telegram hands the same updates out again.
      parts.onError(error, "storing updates");
      await pause(STORE_RETRY_MS, signal);
    }
  }
}

type Fetched =
  | { readonly kind: "fetched"; readonly updates: readonly Update[] }
  | { readonly kind: "failed"; readonly failure: CallFailure };

async function fetchUpdates(
  { api }: PollingParts,
  offset: number,
  signal: AbortSignal,
): Promise<Fetched> {
  try {
    const updates = await api.getUpdates(
      { offset, timeout: LONG_POLL_SECONDS, allowed_updates: [...ALLOWED_UPDATES] },
      signal as Parameters<Api["getUpdates"]>[1],
    );
    return { kind: "fetched", updates };
  } catch (error) {
    return { kind: "failed", failure: failureOf(error) };
  }
}

function isAboutWebhook(failure: CallFailure): boolean {
  return (
    failure.kind === "refused" && failure.code === 409 && failure.description.includes("webhook")
  );
}

async function outlast(parts: PollingParts, signal: AbortSignal): Promise<void> {
  try {
    await outlastWebhook(parts, signal);
  } catch (error) {
    parts.onError(
      error instanceof SystemError ? error : telegramError(failureOf(error)),
      "looking at the webhook",
    );
    await pause(CONFLICT_WAIT_MS, signal);
  }
}

function waitMs(failure: CallFailure, failures: number): number {
  if (failure.kind === "slow-down") return failure.retryAfterMs;
  if (failure.kind === "refused" || failure.kind === "moved") return CONFLICT_WAIT_MS;
  return BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] ?? 1_000;
}

/** What to do about a refusal, for whoever reads the log. */
function advice(failure: CallFailure): string {
  if (failure.kind !== "refused") return "";
  if (failure.code === 401) {
    return ". The bot token was revoked or mistyped; get a new one from BotFather.";
  }
  if (isAboutWebhook(failure)) return ". A webhook is set for this bot.";
  if (failure.code === 409) {
    return ". Somebody else uses this bot token: another Flightdeck, or a thief. Stop it, or revoke the token.";
  }
  return "";
}
