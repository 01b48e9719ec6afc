import type { Api } from "grammy";

import { untilAborted } from "../core/waiting.ts";
import type { GateRules } from "./gate.ts";
import { startHttpServer, type HttpServer } from "./http.ts";
import { takeIn, type IntakeParts } from "./intake.ts";
import { ownUsername } from "./introduction.ts";
import { createWebhookApp } from "./webhook-app.ts";
import type { WebhookSettings } from "./webhook-settings.ts";

export type WebhookParts = IntakeParts & {
  readonly api: Api;
  readonly webhook: WebhookSettings;
  readonly rulesFor: (botUsername: string) => GateRules;
  readonly onError: (error: unknown, during: string) => void;
};

const KNOWN_WITHIN_MS = 5_000;

/** Accepts what Telegram brings, in this process, whether it leads or not; the leader handles what is stored. */
export async function startWebhook(parts: WebhookParts): Promise<HttpServer> {
  const { webhook, onError } = parts;
  await using starting = new AsyncDisposableStack();
  const stopping = new AbortController();
  starting.defer(() => stopping.abort());
  // Commands are told from those of other bots by our own name, so nothing can be judged before it is known.
  const username = ownUsername(parts.api, onError, stopping.signal);
  const app = createWebhookApp({
    path: new URL(webhook.url).pathname,
    secret: webhook.secret,
    async accept(update) {
      const name = await untilAborted(username, AbortSignal.timeout(KNOWN_WITHIN_MS));
      if (name === undefined) throw new Error("This process is stopping.");
      await takeIn(parts, parts.rulesFor(name), [update]);
    },
    onError,
  });
  const server = starting.use(await startHttpServer(app, { listen: webhook.listen }));
  const started = starting.move();
  return { port: server.port, [Symbol.asyncDispose]: async () => started.disposeAsync() };
}
