import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { describe, expect, test } from "vitest";

import { startTestBot } from "./test-bot.ts";
import { telegramRetryDelayMs } from "./webhook.ts";

type Hit = { readonly text: string; readonly secret: string | undefined };

/** A bot's webhook that answers with the given statuses in turn, and with 200 after them. */
async function startHook(
  statuses: readonly number[],
  body = "",
): Promise<AsyncDisposable & { readonly url: string; readonly hits: readonly Hit[] }> {
  const hits: Hit[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const update = JSON.parse(Buffer.concat(chunks).toString()) as {
        readonly message?: { readonly text?: string };
      };
      hits.push({
        text: update.message?.text ?? "tap",
        secret: request.headers["x-telegram-bot-api-secret-token"] as string | undefined,
      });
      response.statusCode = statuses[hits.length - 1] ?? 200;
      response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    hits,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const quickly = { webhookRetryDelayMs: () => 1 };

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 5_000, interval: 5 }).toBe(true);
}

describe("a webhook", () => {
  test("gets each update with its secret, and again after a failure", async () => {
    await using hook = await startHook([500, 401]);
    await using bot = await startTestBot(quickly);
    await bot.api.setWebhook(hook.url, { secret_token: "a-secret" });
    bot.telegram.as("viewer").say("one");
    await until(() => hook.hits.length === 3);
    expect(hook.hits).toEqual(
      Array.from({ length: 3 }, () => ({ text: "one", secret: "a-secret" })),
    );
    expect(await bot.api.getWebhookInfo()).toMatchObject({
      url: hook.url,
      pending_update_count: 0,
      last_error_message: "Wrong response from the webhook: 401 Unauthorized",
    });
    expect(bot.telegram.violations()).toEqual([]);
  });

  test("gets the messages of a chat in order, however often one fails, while taps overtake them", async () => {
    await using hook = await startHook([500, 500, 500, 500]);
    await using bot = await startTestBot({ webhookRetryDelayMs: () => 30 });
    await bot.api.sendMessage(bot.telegram.chatId, "a", {
      reply_markup: { inline_keyboard: [[{ text: "Tap", callback_data: "x" }]] },
    });
    bot.telegram.as("viewer").say("one");
    bot.telegram.as("viewer").say("two");
    bot.telegram.as("viewer").tap("Tap");
    await bot.api.setWebhook(hook.url);
    await until(() => hook.hits.filter(({ text }) => text === "two").length === 1);
    const texts = hook.hits.map(({ text }) => text);
    expect(texts.filter((text) => text !== "tap").join(" ")).toMatch(/^one (?:one )*two$/);
    expect(texts.indexOf("tap")).toBeLessThan(texts.lastIndexOf("one"));
  });

  test("that was removed gets nothing more, and what it did not take waits for getUpdates", async () => {
    await using hook = await startHook([500]);
    await using bot = await startTestBot({ webhookRetryDelayMs: () => 60_000 });
    await bot.api.setWebhook(hook.url);
    const { updateId } = bot.telegram.as("viewer").say("one");
    await until(() => hook.hits.length === 1);
    await bot.api.deleteWebhook();
    const updates = await bot.api.getUpdates({ offset: 0 });
    expect(updates.map(({ update_id }) => update_id)).toEqual([updateId]);
  });

  test("may name a method in its answer, which is then executed", async () => {
    const reply = { method: "sendMessage", chat_id: -1_001_000_000_001, text: "by the way" };
    await using hook = await startHook([], JSON.stringify(reply));
    await using bot = await startTestBot(quickly);
    await bot.api.setWebhook(hook.url);
    bot.telegram.as("viewer").say("hello");
    const message = await bot.telegram.waitFor(
      (telegram) => telegram.messages().find(({ text }) => text === "by the way"),
      { timeoutMs: 5_000 },
    );
    expect(message.from.isBot).toBe(true);
  });

  test("is set at most once a second", async () => {
    await using hook = await startHook([]);
    await using bot = await startTestBot(quickly);
    await bot.api.setWebhook(hook.url);
    await expect(bot.api.setWebhook(hook.url)).rejects.toMatchObject({
      error_code: 429,
      parameters: { retry_after: 1 },
    });
    bot.pass(1_000);
    await bot.api.setWebhook(hook.url);
  });

  test("that says it is gone for 23 hours is closed", async () => {
    await using hook = await startHook(Array.from({ length: 10_000 }, () => 410));
    await using bot = await startTestBot({ webhookRetryDelayMs: () => 20 });
    await bot.api.setWebhook(hook.url);
    bot.telegram.as("viewer").say("one");
    await until(() => hook.hits.length >= 2);
    bot.pass(23.5 * 3_600_000);
    await expect
      .poll(async () => (await bot.api.getWebhookInfo()).url, { timeout: 5_000 })
      .toBe("");
  });
});

test("a failed delivery is repeated at once, then after 2, 4, 8 seconds and at most a minute", () => {
  expect([1, 2, 3, 4, 7, 8, 50].map(telegramRetryDelayMs)).toEqual([
    0, 2_000, 4_000, 8_000, 60_000, 60_000, 60_000,
  ]);
});
