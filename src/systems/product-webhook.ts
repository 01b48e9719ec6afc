import { randomBytes } from "node:crypto";

import { Secret } from "../core/secret.ts";
import type { HttpApi } from "./http-api.ts";
import { NotConfiguredError } from "./not-configured-error.ts";
import type { ProductWebhookSettings } from "./product-webhook-settings.ts";
import { SystemError } from "./system-error.ts";
import type { BotAnswer, BotWebhook, TelegramBot } from "./telegram-bot.ts";

/** How the product's door answers an update without content. */
type WebhookProbe = { readonly rightSecret: number; readonly wrongSecret: number };

/** The webhook of the product's own bot: what Telegram says of it, and what the product does behind it. */
export type ProductWebhook = {
  /** Where it should be. */
  url(): string;
  registration(signal: AbortSignal): Promise<BotWebhook>;
  /** Knocks at the product's door with the right secret and with a wrong one; neither has an effect. */
  probe(signal: AbortSignal): Promise<WebhookProbe>;
  /** What it answers to an update without content that comes with this secret. */
  answerTo(secret: Secret, signal: AbortSignal): Promise<number>;
  register(signal: AbortSignal): Promise<void>;
  /** The same with another secret than the configuration's; where it is, and how many come at once, stays. */
  registerWith(secret: Secret, signal: AbortSignal): Promise<void>;
};

/** What there is of it as long as nobody replaces its secret. */
export type RegisteredWebhook = Omit<ProductWebhook, "answerTo" | "registerWith">;

const SECRET_HEADER = "x-telegram-bot-api-secret-token";
/** An update that says nothing: whoever takes it has nothing to do. */
const EMPTY_UPDATE = JSON.stringify({ update_id: 1 });

export function createProductWebhook(
  http: Pick<HttpApi, "request">,
  bots: Pick<TelegramBot, "webhook" | "setWebhook">,
  settings: ProductWebhookSettings | undefined,
): ProductWebhook {
  if (settings === undefined) return NOT_CONFIGURED;
  const { url, secret } = settings;
  const knock = async (presented: Secret, signal: AbortSignal): Promise<number> => {
    const headers = { "content-type": "application/json", [SECRET_HEADER]: presented };
    const answer = await http.request({ method: "POST", url, headers, body: EMPTY_UPDATE }, signal);
    return answer.status;
  };
  return {
    url: () => url,
    registration: async (signal) => taken(await bots.webhook(settings, signal)),
    async probe(signal) {
      const wrong = new Secret(randomBytes(32).toString("base64url"));
      const [rightSecret, wrongSecret] = await Promise.all([
        knock(secret, signal),
        knock(wrong, signal),
      ]);
      return { rightSecret, wrongSecret };
    },
    answerTo: knock,
    async register(signal) {
      taken(await bots.setWebhook(settings, { url, secret }, signal));
    },
    async registerWith(other, signal) {
      const { maxConnections } = taken(await bots.webhook(settings, signal));
      taken(await bots.setWebhook(settings, { url, secret: other, maxConnections }, signal));
    },
  };
}

function taken<Result>(answer: BotAnswer<Result>): Result {
  if (answer.accepted) return answer.result;
  const message = `Telegram does not accept the token of the product's bot: ${answer.why}`;
  throw new SystemError("telegram", "unauthorized", message);
}

const SETTING = "systems.productWebhook";

async function unavailable(): Promise<never> {
  throw new NotConfiguredError(SETTING);
}

const NOT_CONFIGURED: ProductWebhook = {
  url() {
    throw new NotConfiguredError(SETTING);
  },
  registration: unavailable,
  probe: unavailable,
  answerTo: unavailable,
  register: unavailable,
  registerWith: unavailable,
};
