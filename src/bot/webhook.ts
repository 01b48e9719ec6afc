import type { Api } from "grammy";
import type { Update } from "grammy/types";

import { untilAborted } from "../core/waiting.ts";
import { inBatches } from "./batches.ts";
import type { RulesFor } from "./gate-rules.ts";
import type { Door } from "./http.ts";
import { takeIn, type IntakeParts } from "./intake.ts";
import { ownUsername } from "./introduction.ts";
import { createWebhookApp } from "./webhook-app.ts";
import type { WebhookSettings } from "./webhook-settings.ts";

export type WebhookParts = IntakeParts & {
  readonly api: Api;
  readonly webhook: WebhookSettings;
  readonly rulesFor: RulesFor;
  /** Something was brought and is stored. */
  readonly onHeard: () => void;
  readonly onError: (error: unknown, during: string) => void;
};

const KNOWN_WITHIN_MS = 5_000;

/** Accepts what Telegram brings, in this process, whether it leads or not; the leader handles what is stored. */
export function openWebhook(parts: WebhookParts): AsyncDisposable & { readonly door: Door } {
  const { webhook, onError, onHeard } = parts;
  const stopping = new AbortController();
  // Commands are told from those of other bots by our own name, so nothing can be judged before it is known.
  const username = ownUsername(parts.api, onError, stopping.signal);
  // Telegram brings many at once, and each is answered once all that came with it are stored.
  const accept = inBatches<Update>(async (updates) => {
    const name = await untilAborted(username, AbortSignal.timeout(KNOWN_WITHIN_MS));
    if (name === undefined) throw new Error("This process is stopping.");
    await takeIn(parts, parts.rulesFor(name), updates);
    onHeard();
  });
  const app = createWebhookApp({
    path: new URL(webhook.url).pathname,
    secret: webhook.secret,
    accept,
    onError,
  });
  return {
    door: { listen: webhook.listen, app },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await username;
    },
  };
}
