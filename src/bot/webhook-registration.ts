import type { Api } from "grammy";
import type { WebhookInfo } from "grammy/types";

import { shownUrl } from "../core/shown-url.ts";
import { pause } from "../core/waiting.ts";
import type { Database } from "../storage/database.ts";
import { rememberWebhook } from "../storage/own-webhook.ts";
import { SystemError } from "../systems/system-error.ts";
import { ALLOWED_UPDATES } from "./intake.ts";
import { failureOf, telegramError, type CallFailure } from "./telegram.ts";
import type { WebhookSettings } from "./webhook-settings.ts";

export type RegistrationParts = {
  readonly api: Pick<Api, "setWebhook" | "getWebhookInfo">;
  readonly database: Database;
  readonly botId: number;
  readonly webhook: WebhookSettings;
  readonly lookEveryMs?: number;
  readonly onError: (error: unknown, during: string) => void;
};

const LOOK_EVERY_MS = 60_000;
const RETRY_MS = 5_000;

/** Has Telegram bring updates to us, and looks from time to time whether it still does. */
export async function keepWebhook(parts: RegistrationParts, signal: AbortSignal): Promise<void> {
  const { lookEveryMs = LOOK_EVERY_MS } = parts;
  let before: WebhookInfo | undefined;
  while (!signal.aborted) {
    try {
      before = await lookOrSet(parts, before);
      await pause(lookEveryMs, signal);
    } catch (error) {
      // Set anew after any failure, for nobody knows what holds now; the same setting twice does no harm.
      before = undefined;
      await pause(complain(parts, error), signal);
    }
  }
}

/** Sets the webhook unless the last look found ours, and says what is wrong with what is found now. */
async function lookOrSet(
  parts: RegistrationParts,
  before: WebhookInfo | undefined,
): Promise<WebhookInfo> {
  const { api, webhook, onError } = parts;
  if (before?.url !== webhook.url) await setWebhook(parts);
  const found = await api.getWebhookInfo();
  // The secret is all that cannot be read back; the first update that comes in proves it.
  for (const difference of differences(found, webhook)) {
    onError(new SystemError("telegram", "rejected", difference), "reading the webhook back");
  }
  if (before && found.last_error_date !== before.last_error_date) {
    const { last_error_message: message = "no reason given", pending_update_count: waiting } =
      found;
    const text = `Telegram could not bring an update: ${message}; ${waiting} waiting.`;
    onError(new SystemError("telegram", "unreachable", text), "receiving updates");
  }
  return found;
}

async function setWebhook({ api, database, botId, webhook }: RegistrationParts): Promise<void> {
  const { url, secret, maxConnections } = webhook;
  // Remembered first: a webhook that was set and then forgotten would look like somebody else's.
  await database.transaction(async (tx, now) => rememberWebhook(tx, now, { botId, url }));
  await api.setWebhook(url, {
    secret_token: secret.reveal(),
    allowed_updates: [...ALLOWED_UPDATES],
    max_connections: maxConnections,
  });
}

/** What Telegram keeps otherwise than it was told. */
function differences(found: WebhookInfo, wanted: WebhookSettings): readonly string[] {
  const kinds = new Set<string>(found.allowed_updates);
  const isAllowed =
    kinds.size === ALLOWED_UPDATES.length && ALLOWED_UPDATES.every((kind) => kinds.has(kind));
  const differing: readonly (readonly [boolean, string])[] = [
    [
      found.url !== wanted.url,
      found.url === undefined || found.url === ""
        ? "Somebody removed the webhook of this bot; it is set again. If nobody of yours did, revoke the token."
        : `Somebody set another webhook for this bot, ${shownUrl(found.url)}; ours is put back. If nobody of yours did, revoke the token.`,
    ],
    [
      !isAllowed,
      `The webhook brings other kinds of updates than it should: ${[...kinds].join(", ") || "the default"}.`,
    ],
    [
      found.max_connections !== wanted.maxConnections,
      `The webhook has ${found.max_connections ?? "the default of"} connections, not ${wanted.maxConnections}.`,
    ],
  ];
  return differing.filter(([differs]) => differs).map(([, text]) => text);
}

/** Says what failed, and how long to wait before the next try. */
function complain({ onError }: RegistrationParts, error: unknown): number {
  if (error instanceof SystemError) {
    onError(error, "remembering the webhook");
    return RETRY_MS;
  }
  const failure = failureOf(error);
  onError(telegramError(failure, adviceOn(failure)), "registering the webhook");
  return failure.kind === "slow-down" ? failure.retryAfterMs : RETRY_MS;
}

function adviceOn(failure: CallFailure): string {
  if (failure.kind !== "refused") return "";
  return failure.code === 401
    ? ". The bot token was revoked or mistyped; get a new one from BotFather."
    : ". Look at telegram.webhook.url: Telegram takes HTTPS on port 443, 80, 88 or 8443, at a name that it can resolve.";
}
