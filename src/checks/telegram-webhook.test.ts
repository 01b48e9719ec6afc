import { expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "../core/secret.ts";
import type { BotAnswer, BotWebhook } from "../systems/telegram-bot.ts";
import { telegramWebhook } from "./telegram-webhook.ts";

const signal = new AbortController().signal;
const url = "https://api.example.com/v1/integrations/telegram/webhook";
const settings = z
  .strictObject(telegramWebhook.settings)
  .parse({ token: new Secret("7000002:product"), url, pendingAtMost: 3, errorFreeFor: "10m" });
const error = (minutesAgo: number) => ({
  at: new Date(Date.now() - minutesAgo * 60_000),
  message: "Wrong response from the webhook: 403 Forbidden",
});

async function ask(seen: Partial<BotWebhook> | { readonly accepted: false; readonly why: string }) {
  const answer: BotAnswer<BotWebhook> =
    "accepted" in seen
      ? seen
      : {
          accepted: true,
          result: { url, pendingUpdates: 0, lastError: undefined, ...seen },
        };
  const never = async () =>
    Promise.reject(new Error("a check asks for the webhook and changes nothing"));
  const bots = { webhook: async () => answer, self: never, setWebhook: never };
  const { observations } = await telegramWebhook.observe(
    { systems: { telegramBot: bots }, settings },
    signal,
  );
  return observations.filter(({ ok }) => !ok).map(({ what, actual }) => `${what}: ${actual}`);
}

test.each([
  ["the right address, nothing waiting", {}, []],
  ["as many waiting as may", { pendingUpdates: 3 }, []],
  ["too many waiting", { pendingUpdates: 4 }, ["waiting updates: 4"]],
  ["no address", { url: "" }, ["webhook: none"]],
  [
    "a foreign address, shown without its path",
    { url: "https://evil.example/collect" },
    ["webhook: https://evil.example"],
  ],
  [
    "a failure a moment ago",
    { lastError: error(2) },
    ["failed deliveries: the last one 2m ago: Wrong response from the webhook: 403 Forbidden"],
  ],
  ["a failure that is old, which Telegram remembers for ever", { lastError: error(11) }, []],
  [
    "a refused token",
    { accepted: false, why: "401 Unauthorized" },
    ["token: refused: 401 Unauthorized"],
  ],
] as const)("%s", async (_name, seen, failures) => {
  expect(await ask(seen)).toEqual(failures);
});

test("a failure that Telegram's clock puts a little ahead of ours is a fresh one", async () => {
  expect(await ask({ lastError: error(-0.5) })).toHaveLength(1);
});
