import { z } from "zod";

import { Refusal } from "../refusal.ts";
import { openRoute } from "../route.ts";

const textMessage = z.object({
  message: z.object({ text: z.string(), chat: z.object({ id: z.number() }) }),
});

/**
 * Where Telegram would deliver updates for the product's own bot. An empty secret switches the check off. No chat is
 * linked to a user here, so a message is accepted and leaves nothing behind.
 */
export const telegramWebhook = openRoute(
  "POST",
  "/v1/integrations/telegram/webhook",
  async ({ switches, settings }, { headers, text }) => {
    const secret = switches.webhookSecret ?? settings.webhookSecret;
    const given = headers.get("x-telegram-bot-api-secret-token");
    const taken = settings.takesSeveralWebhookSecrets ? secret.split(",") : [secret];
    if (secret !== "" && !taken.includes(given ?? "")) {
      throw new Refusal(403, "Unauthorized webhook source");
    }
    const isMessage = textMessage.safeParse(parseJson(text)).success;
    return { status: isMessage ? "ok" : "ignored" };
  },
);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
