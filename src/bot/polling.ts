import type { Api } from "grammy";
import type { Update } from "grammy/types";

import { pass } from "../core/trace.ts";
import { pause, type Bell } from "../core/waiting.ts";
import type { Database } from "../storage/database.ts";
import type { Inbox, Received } from "../storage/inbox.ts";
import { judge, type GateRules } from "./gate.ts";
import type { RefusalTally } from "./refusal-tally.ts";
import { failureOf, telegramError, type CallFailure } from "./telegram.ts";

const LONG_POLL_SECONDS = 25;
const BACKOFF_MS = [500, 1_000, 2_000, 5_000, 15_000] as const;
const CONFLICT_WAIT_MS = 5_000;
const STORE_RETRY_MS = 1_000;

/** Set on every start, because Telegram remembers the last value for a token. Edits are asked for to be counted. */
const ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"] as const;

export type PollingParts = {
  readonly api: Api;
  readonly database: Database;
  readonly inbox: Inbox;
  readonly rules: GateRules;
  readonly tally: RefusalTally;
  /** Rung when something new is in the inbox. */
  readonly bell: Bell;
  readonly onError: (error: unknown, during: string) => void;
};

/**
 * Fetches updates until the signal. The offset moves, which is how Telegram is told to forget, only after the commit
 * that stored what came in: killed at any moment, an update is either still at Telegram or already here.
 */
export async function pollUpdates(parts: PollingParts, signal: AbortSignal): Promise<void> {
  let offset = 0;
  let failures = 0;
  while (!signal.aborted) {
    const fetched = await fetchUpdates(parts, offset, signal);
    if (signal.aborted) return;
    if (fetched.kind === "failed") {
      parts.onError(telegramError(fetched.failure, advice(fetched.failure)), "fetching updates");
      await pause(waitMs(fetched.failure, failures), signal);
      failures += 1;
      continue;
    }
    failures = 0;
    try {
      await storeAdmitted(parts, fetched.updates);
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

async function storeAdmitted(parts: PollingParts, updates: readonly Update[]): Promise<void> {
  const admitted: Received[] = [];
  for (const update of updates) {
    const judgement = judge(update, parts.rules);
    if (judgement.kind === "refused") parts.tally.count(judgement.reason);
    if (judgement.kind !== "admitted") continue;
    const { intake } = judgement;
    admitted.push({
      updateId: update.update_id,
      chatId: intake.chatId,
      body: JSON.stringify(intake),
    });
  }
  if (admitted.length === 0) return;
  await parts.database.transaction(async (tx, now) => parts.inbox.receive(tx, now, admitted));
  pass("inbox.stored", admitted.map((received) => received.updateId).join());
  parts.bell.ring();
}

function waitMs(failure: CallFailure, failures: number): number {
  if (failure.kind === "slow-down") return failure.retryAfterMs;
  if (failure.kind === "refused") return CONFLICT_WAIT_MS;
  return BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] ?? 1_000;
}

/** What to do about a refusal, for whoever reads the log. */
function advice(failure: CallFailure): string {
  if (failure.kind !== "refused") return "";
  if (failure.code === 401) {
    return ". The bot token was revoked or mistyped; get a new one from BotFather.";
  }
  if (failure.code === 409) {
    return ". Somebody else uses this bot token: another Flightdeck, or a thief. Stop it, or revoke the token.";
  }
  return "";
}
