import { z } from "zod";

import { integerSetting, urlSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import { botIdOf } from "../systems/telegram-bot.ts";
import type { BotSelf, BotWebhook, TelegramBot } from "../systems/telegram-bot.ts";
import type { CheckKind } from "./check-kind.ts";
import { botTokenSetting, refusedToken, telegramAddress } from "./telegram-address.ts";

const settings = {
  ...telegramAddress,
  otherThan: z
    .record(z.string().min(1).max(64), botTokenSetting())
    .default({})
    .meta({ description: "Tokens of bots that it must not be, by what they are called" }),
  webhook: urlSetting()
    .optional()
    .meta({ description: "Where updates go; without it the bot polls and may have no webhook" }),
  pendingAtMost: integerSetting({ minimum: 0 })
    .default(100)
    .meta({ description: "More waiting updates mean that nobody takes them" }),
} satisfies z.ZodRawShape;

type Settings = z.output<z.ZodObject<typeof settings>>;

export const telegramBot = {
  kind: "telegram-bot",
  summary: "a bot is the one that it should be, and can do no more than it needs",
  settings,
  async observe({ systems, settings }, signal) {
    const [self, webhook, others] = await Promise.all([
      systems.telegramBot.self(settings, signal),
      systems.telegramBot.webhook(settings, signal),
      otherBots(systems.telegramBot, settings, signal),
    ]);
    if (!self.accepted) return { observations: [refusedToken(self)] };
    if (!webhook.accepted) return { observations: [refusedToken(webhook)] };
    return {
      observations: [
        ...others.map((other) => identity(self.result, other)),
        ...posture(self.result),
        transport(webhook.result, settings),
        backlog(webhook.result, settings),
      ],
      measurements: [{ name: "pendingUpdates", value: webhook.result.pendingUpdates }],
    };
  },
} satisfies CheckKind<typeof settings, "telegramBot">;

type OtherBot = { readonly name: string; readonly id: number };

async function otherBots(
  bots: Pick<TelegramBot, "self">,
  { otherThan, apiRoot }: Settings,
  signal: AbortSignal,
): Promise<readonly OtherBot[]> {
  return Promise.all(
    Object.entries(otherThan).map(async ([name, token]) => {
      const answer = await bots.self({ token, apiRoot }, signal);
      // A token that is revoked still says whose it was.
      return { name, id: answer.accepted ? answer.result.id : botIdOf(token) };
    }),
  );
}

function identity({ id, username }: BotSelf, other: OtherBot): Observation {
  const ok = id !== other.id;
  const actual = ok ? `@${username}` : `the very same, @${username}`;
  return { what: "identity", expected: `another bot than ${other.name}`, actual, ok };
}

/** What a stolen token could be used for beyond our own chats, or what we would be told without need. */
const POWERS = {
  can_join_groups: "may be added to groups",
  can_read_all_group_messages: "reads all messages of groups",
  supports_inline_queries: "answers inline queries",
  supports_guest_queries: "answers as a guest in foreign chats",
  can_connect_to_business: "may be connected to business accounts",
  can_manage_bots: "may manage other bots",
} as const satisfies Partial<Record<keyof BotSelf, string>>;

function posture(self: BotSelf): Observation[] {
  return (Object.keys(POWERS) as (keyof typeof POWERS)[]).map((power) => ({
    what: `whether it ${POWERS[power]}`,
    expected: `no (${power} is off)`,
    actual: self[power] ? "yes" : "no",
    ok: !self[power],
  }));
}

function transport({ url }: BotWebhook, { webhook: expected = "" }: Settings): Observation {
  // Of a foreign address only the host is shown: its path may be somebody's secret.
  const actual = url === expected ? spelt(url) : spelt(URL.parse(url)?.origin ?? url);
  return { what: "webhook", expected: spelt(expected), actual, ok: url === expected };
}

function spelt(url: string): string {
  return url === "" ? "none" : url;
}

function backlog({ pendingUpdates }: BotWebhook, { pendingAtMost }: Settings): Observation {
  return {
    what: "waiting updates",
    expected: `at most ${pendingAtMost}`,
    actual: String(pendingUpdates),
    ok: pendingUpdates <= pendingAtMost,
  };
}
