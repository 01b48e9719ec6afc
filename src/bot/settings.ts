import { z } from "zod";

import { integerSetting, secretSetting, urlSetting } from "../core/setting.ts";
import { webhookSetting } from "./webhook-settings.ts";

/** Where in the chat a target is talked about, when several are served or the group has topics. */
export const placeSetting = z
  .strictObject({
    chat: integerSetting({ maximum: -1 })
      .optional()
      .meta({ description: "Another group than the bot's own" }),
    topic: integerSetting({ minimum: 1 })
      .optional()
      .meta({ description: "Id of a topic; commands in it mean this target" }),
  })
  .prefault({});

export const TELEGRAM_API_ROOT = "https://api.telegram.org";

/** The bot's own identity and the one chat it listens to. */
export const telegramSettings = z.strictObject({
  token: secretSetting({
    accepts: (token) =>
      /^\d+:[\w-]{30,}$/.test(token)
        ? undefined
        : "is not a bot token; BotFather gives one such as 123456789:AA…",
  }),
  chat: integerSetting({ maximum: -1 }).meta({
    description: "Id of the ops group; ids of groups are negative",
    examples: [-1001234567890],
  }),
  apiRoot: urlSetting()
    .default(TELEGRAM_API_ROOT)
    .meta({ description: "Another Bot API server, such as one of your own" }),
  messagesPerMinute: integerSetting({ minimum: 1, maximum: 1_000 })
    .default(20)
    .meta({ description: "How many messages and edits a minute the group bears" }),
  webhook: webhookSetting.optional(),
});

export type TelegramSettings = z.output<typeof telegramSettings>;
