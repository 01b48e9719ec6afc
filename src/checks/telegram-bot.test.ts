import { describe, expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "../core/secret.ts";
import type { BotAddress, BotAnswer, BotSelf, BotWebhook } from "../systems/telegram-bot.ts";
import { telegramBot } from "./telegram-bot.ts";

const signal = new AbortController().signal;
const schema = z.strictObject(telegramBot.settings);
const own = "7000001:own";
const product = "7000002:product";
const safe: BotSelf = {
  id: 7000001,
  username: "ops_bot",
  can_join_groups: false,
  can_read_all_group_messages: false,
  supports_inline_queries: false,
  supports_guest_queries: false,
  can_connect_to_business: false,
  can_manage_bots: false,
};
const refused = { accepted: false, why: "401 Unauthorized" } as const;

async function ask(
  seen: {
    readonly self?: Partial<BotSelf> | typeof refused;
    readonly other?: Partial<BotSelf> | typeof refused;
    readonly webhook?: Partial<BotWebhook>;
  } = {},
  more: object = {},
) {
  const { self = {}, other = { id: 7000002 }, webhook = {} } = seen;
  const answer = (about: Partial<BotSelf> | typeof refused): BotAnswer<BotSelf> =>
    "accepted" in about ? about : { accepted: true, result: { ...safe, ...about } };
  const bots = {
    self: async ({ token }: BotAddress) => answer(token.reveal() === own ? self : other),
    webhook: async (): Promise<BotAnswer<BotWebhook>> => ({
      accepted: true,
      result: { url: "", pendingUpdates: 0, lastError: undefined, ...webhook },
    }),
    setWebhook: async () => Promise.reject(new Error("a check changes nothing")),
  };
  const settings = schema.parse({
    token: new Secret(own),
    otherThan: { "the product's bot": new Secret(product) },
    ...more,
  });
  const { observations } = await telegramBot.observe(
    { systems: { telegramBot: bots }, settings },
    signal,
  );
  return observations.filter(({ ok }) => !ok).map(({ what, actual }) => `${what}: ${actual}`);
}

test("a bot of its own that can do nothing beyond its need passes", async () => {
  expect(await ask()).toEqual([]);
});

test.each([
  ["can_join_groups", "whether it may be added to groups: yes"],
  ["can_read_all_group_messages", "whether it reads all messages of groups: yes"],
  ["supports_inline_queries", "whether it answers inline queries: yes"],
  ["supports_guest_queries", "whether it answers as a guest in foreign chats: yes"],
  ["can_connect_to_business", "whether it may be connected to business accounts: yes"],
  ["can_manage_bots", "whether it may manage other bots: yes"],
] as const)("%s must be off", async (power, said) => {
  expect(await ask({ self: { [power]: true } })).toEqual([said]);
});

describe("the product's bot", () => {
  test("is not ours, by what Telegram says of both tokens", async () => {
    expect(await ask({ other: { id: 7000001 } })).toEqual(["identity: the very same, @ops_bot"]);
  });

  test("is known by its number when its token is revoked", async () => {
    expect(await ask({ other: refused })).toEqual([]);
  });
});

describe("the transport", () => {
  test("of a bot that polls has no webhook; a foreign one is shown without its path", async () => {
    expect(await ask({ webhook: { url: "https://evil.example/collect?key=1" } })).toEqual([
      "webhook: https://evil.example",
    ]);
  });

  test("of a bot with a webhook is exactly that one", async () => {
    const more = { webhook: "https://ops.example/telegram" };
    expect(await ask({ webhook: { url: more.webhook } }, more)).toEqual([]);
    expect(await ask({}, more)).toEqual(["webhook: none"]);
  });

  test("takes what waits", async () => {
    expect(await ask({ webhook: { pendingUpdates: 100 } })).toEqual([]);
    expect(await ask({ webhook: { pendingUpdates: 101 } })).toEqual(["waiting updates: 101"]);
  });
});

test("a refused token is a failure by itself", async () => {
  expect(await ask({ self: refused })).toEqual(["token: refused: 401 Unauthorized"]);
});

test("a token that is none is refused without quoting it", () => {
  const issue = schema.safeParse({ token: new Secret("hunter2") }).error?.issues[0];
  expect(issue?.message).toContain("expected a bot's token");
  expect(JSON.stringify(issue)).not.toContain("hunter2");
});
