import type { z } from "zod";

import { secretSetting, urlSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import { botTokenProblem } from "../systems/telegram-bot.ts";
import type { BotAnswer } from "../systems/telegram-bot.ts";

export function botTokenSetting() {
  return secretSetting({ accepts: botTokenProblem });
}

/** Which bot is asked, and where. */
export const telegramAddress = {
  token: botTokenSetting().meta({
    description: "The token of the bot that is looked at",
    examples: ["${env:PRODUCT_BOT_TOKEN}"],
  }),
  apiRoot: urlSetting()
    .default("https://api.telegram.org")
    .meta({ description: "Another Bot API server than Telegram's own" }),
} satisfies z.ZodRawShape;

/** A refused token is the answer to every question about its bot. */
export function refusedToken(
  answer: BotAnswer<unknown> & { readonly accepted: false },
): Observation {
  return { what: "token", expected: "accepted", actual: `refused: ${answer.why}`, ok: false };
}
