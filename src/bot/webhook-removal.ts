import type { Api } from "grammy";

import { shownUrl } from "../core/shown-url.ts";
import { pause } from "../core/waiting.ts";
import type { Database } from "../storage/database.ts";
import { isOwnWebhook } from "../storage/own-webhook.ts";
import { SystemError } from "../systems/system-error.ts";

export type RemovalParts = {
  readonly api: Pick<Api, "getWebhookInfo" | "deleteWebhook">;
  readonly database: Database;
  readonly botId: number;
  readonly onError: (error: unknown, during: string) => void;
};

const LOOK_EVERY_MS = 10_000;

/**
 * Waits until updates can be fetched, for Telegram hands out none while a webhook is set. One of ours, from before the
 * configuration changed, is removed. A foreign one is named and left alone: behind a token in the wrong place it may be
 * the product's own, and removing that would take the product's bot down.
 */
export async function outlastWebhook(parts: RemovalParts, signal: AbortSignal): Promise<void> {
  const { api, database, botId, onError } = parts;
  while (!signal.aborted) {
    const { url = "" } = await api.getWebhookInfo();
    if (url === "") return;
    if (await database.transaction(async (tx) => isOwnWebhook(tx, { botId, url }))) {
      await api.deleteWebhook();
      return;
    }
    onError(foreign(url), "fetching updates");
    await pause(LOOK_EVERY_MS, signal);
  }
}

function foreign(url: string): SystemError {
  return new SystemError(
    "telegram",
    "rejected",
    `Somebody else's webhook is set for this bot: its updates go to ${shownUrl(url)}, and none can be fetched. If it is ` +
      "another program of yours, this is the wrong token. If nothing needs it any more, remove it by the Bot API's " +
      "deleteWebhook. If nobody of yours set it, the token is stolen: revoke it with BotFather.",
  );
}
