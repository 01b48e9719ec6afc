import type { OtherBot } from "./telegram/other-bot.ts";
import { personas } from "./telegram/personas.ts";
import type { TelegramServer } from "./telegram/server.ts";

/** The product's own bot: people write to it, and Telegram delivers to the product's webhook. */
export type ProductBot = {
  readonly bot: OtherBot;
  readonly webhookUrl: string;
  /** As the product's deployment does it, in place of whatever is set. */
  registerWebhook(): void;
  /** Somebody who has the token sends its updates elsewhere. */
  stealWebhook(): void;
  /** Telegram still has the secret of before, so that the product refuses what people write. */
  pileUpRefused(): void;
};

const MESSAGES = 30;

export function createProductBot(options: {
  readonly telegram: TelegramServer;
  readonly token: string;
  readonly apiUrl: string;
  readonly webhookSecret: string;
}): ProductBot {
  const { telegram, token, apiUrl, webhookSecret } = options;
  const bot = telegram.addBot(token, { firstName: "Todo", username: "todo_sandbox_bot" });
  const webhookUrl = `${apiUrl}/v1/integrations/telegram/webhook`;
  const set = (url: string, secretToken: string): void =>
    bot.webhook.set({ url, secretToken, maxConnections: 40 });
  return {
    bot,
    webhookUrl,
    registerWebhook: () => set(webhookUrl, webhookSecret),
    // A port of this machine at which nobody listens: a sandbox sends nothing out.
    stealWebhook: () => set("http://127.0.0.1:9/collect", webhookSecret),
    pileUpRefused: () => {
      set(webhookUrl, "the-secret-of-before");
      for (let count = 1; count <= MESSAGES; count += 1) {
        bot.say(personas.stranger, `remind me of thing ${count}`);
      }
    },
  };
}
