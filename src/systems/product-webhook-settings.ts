import { z } from "zod";

import { secretSetting, urlSetting } from "../core/setting.ts";
import { botTokenProblem } from "./telegram-bot.ts";

export const productWebhookSetting = z
  .strictObject({
    token: secretSetting({ accepts: botTokenProblem }).meta({
      description: "The token of the product's bot, never of this one",
      examples: ["${env:PRODUCT_BOT_TOKEN}"],
    }),
    apiRoot: urlSetting()
      .default("https://api.telegram.org")
      .meta({ description: "Another Bot API server than Telegram's own" }),
    url: urlSetting().meta({
      description: "Where Telegram must bring the updates",
      examples: ["https://api.example.com/v1/integrations/telegram/webhook"],
    }),
    secret: secretSetting({ accepts: secretProblem }).meta({
      description: "What the product demands of Telegram in every delivery",
      examples: ["${env:PRODUCT_WEBHOOK_SECRET}"],
    }),
  })
  .meta({ description: "The webhook of the product's own bot" });

export type ProductWebhookSettings = z.output<typeof productWebhookSetting>;

function secretProblem(secret: string): string | undefined {
  if (/^[\w-]{1,256}$/.test(secret)) return undefined;
  return "expected at most 256 of A–Z, a–z, 0–9, _ and -, which is all that Telegram takes";
}
