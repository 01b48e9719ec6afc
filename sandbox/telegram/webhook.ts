import type { Update } from "./objects.ts";
import { parseJson } from "./request-body.ts";
import type { Fields } from "./request-body.ts";
import type { UpdateQueue } from "./update-queue.ts";

type WebhookSettings = {
  readonly url: string;
  readonly secretToken: string | undefined;
  readonly maxConnections: number;
};

type WebhookStatus = {
  readonly settings: WebhookSettings | undefined;
  readonly setAt: Date | undefined;
  readonly lastError: { readonly at: Date; readonly message: string } | undefined;
};

/** Delivers updates by POST, in order within each queue, and again after failures until they expire. */
export type Webhook = {
  set(settings: WebhookSettings): void;
  remove(): void;
  status(): WebhookStatus;
  /** Something was queued. */
  wake(): void;
  close(): void;
};

const ANSWER_TIMEOUT_MS = 60_000;
const MAX_RETRY_AFTER_MS = 3_600_000;
/** A webhook that says "gone" for this long is taken at its word. */
const GONE_AFTER_MS = 23 * 3_600_000;
/** A method named in the answer is executed, except those that ask something or change the transport. */
const NOT_BY_ANSWER = /^(?:get|setWebhook$|deleteWebhook$|close$|logOut$)/;

type Attempt =
  | { readonly kind: "delivered"; readonly reply: Fields | undefined }
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly gone: boolean;
      readonly retryAfterMs: number | undefined;
    };

export function createWebhook(options: {
  readonly queue: Pick<UpdateQueue, "pending" | "remove">;
  readonly now: () => Date;
  /** The wait before the nth repetition of a failed delivery. */
  readonly retryDelayMs: (failures: number) => number;
  /** Runs the method that a webhook put into its answer. */
  readonly execute: (method: string, fields: Fields) => void;
}): Webhook {
  const { queue, now, retryDelayMs, execute } = options;
  let settings: WebhookSettings | undefined;
  let setAt: Date | undefined;
  let lastError: WebhookStatus["lastError"];
  let goneSince: Date | undefined;
  /** Aborted when the webhook changes: deliveries under way and waits belong to the old one. */
  let era = new AbortController();
  const busy = new Set<string>();
  const failures = new Map<number, number>();

  function endEra(): void {
    era.abort();
    era = new AbortController();
    busy.clear();
    failures.clear();
    goneSince = undefined;
  }

  function wake(): void {
    if (settings === undefined) return;
    for (const update of queue.pending()) {
      if (busy.size >= settings.maxConnections) return;
      const lane = laneOf(update);
      if (busy.has(lane)) continue;
      busy.add(lane);
      void deliver(update, lane, settings, era.signal);
    }
  }

  async function deliver(
    update: Update,
    lane: string,
    to: WebhookSettings,
    signal: AbortSignal,
  ): Promise<void> {
    const attempt = await postUpdate(update, to, signal);
    if (signal.aborted) return;
    if (attempt.kind === "delivered") {
      goneSince = undefined;
      queue.remove(update);
      failures.delete(update.update_id);
      runReply(attempt.reply);
    } else {
      lastError = { at: now(), message: attempt.reason };
      goneSince = attempt.gone ? (goneSince ?? now()) : undefined;
      if (goneSince !== undefined && now().getTime() - goneSince.getTime() > GONE_AFTER_MS) {
        settings = undefined;
        endEra();
        return;
      }
      const failed = (failures.get(update.update_id) ?? 0) + 1;
      failures.set(update.update_id, failed);
      await pause(attempt.retryAfterMs ?? retryDelayMs(failed), signal);
      if (signal.aborted) return;
    }
    busy.delete(lane);
    wake();
  }

  function runReply(reply: Fields | undefined): void {
    const { method, ...fields } = reply ?? {};
    if (typeof method === "string" && !NOT_BY_ANSWER.test(method)) execute(method, fields);
  }

  return {
    set: (next) => {
      endEra();
      settings = next;
      setAt = now();
      lastError = undefined;
      wake();
    },
    remove: () => {
      endEra();
      settings = undefined;
    },
    status: () => ({ settings, setAt, lastError }),
    wake,
    close: () => {
      settings = undefined;
      era.abort();
    },
  };
}

/** Immediately first, then 2, 4, 8 seconds and so on up to a minute. */
export function telegramRetryDelayMs(failures: number): number {
  return failures <= 1 ? 0 : Math.min(2 ** (failures - 1), 60) * 1_000;
}

/** What must stay in order: messages of a chat, taps of a person, reactions in a chat. A poison update blocks its lane. */
function laneOf(update: Update): string {
  if (update.callback_query !== undefined) return `taps of ${update.callback_query.from.id}`;
  if (update.message_reaction !== undefined) {
    return `reactions in ${update.message_reaction.chat.id}`;
  }
  const about =
    update.message ??
    update.edited_message ??
    update.channel_post ??
    update.edited_channel_post ??
    update.my_chat_member ??
    update.chat_member;
  return `chat ${about?.chat.id ?? "unknown"}`;
}

async function postUpdate(
  update: Update,
  { url, secretToken }: WebhookSettings,
  signal: AbortSignal,
): Promise<Attempt> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(secretToken === undefined ? {} : { "x-telegram-bot-api-secret-token": secretToken }),
      },
      body: JSON.stringify(update),
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    });
    const text = await response.text();
    if (response.ok) {
      const reply = parseJson(text);
      return {
        kind: "delivered",
        reply: typeof reply === "object" && reply !== null ? (reply as Fields) : undefined,
      };
    }
    const retryAfterMs = Number(response.headers.get("retry-after") ?? Number.NaN) * 1_000;
    return {
      kind: "failed",
      reason: `Wrong response from the webhook: ${response.status} ${response.statusText}`,
      gone: response.status === 410,
      retryAfterMs: Number.isFinite(retryAfterMs)
        ? Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)
        : undefined,
    };
  } catch (error) {
    const timedOut = error instanceof Error && error.name === "TimeoutError";
    return {
      kind: "failed",
      reason: timedOut ? "Read timeout expired" : "Connection refused",
      gone: false,
      retryAfterMs: undefined,
    };
  }
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal.addEventListener("abort", done, { once: true });
  });
}
