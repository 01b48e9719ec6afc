import { describe, expect, test } from "vitest";

import { startTestBot } from "./test-bot.ts";

describe("getUpdates", () => {
  test("waits for the next update and hands it over at once", async () => {
    await using bot = await startTestBot();
    const asked = bot.api.getUpdates({ offset: 0, timeout: 50 });
    await bot.api.getMe();
    const { updateId } = bot.telegram.as("operator").say("/status");
    expect((await asked).map(({ update_id }) => update_id)).toEqual([updateId]);
  });

  test("is a conflict for the older of two pollers", async () => {
    await using bot = await startTestBot();
    const first = bot.api.getUpdates({ offset: 0, timeout: 50 });
    const refusal = first.catch((error: unknown) => error);
    await bot.api.getMe();
    const second = bot.api.getUpdates({ offset: 1, timeout: 50 });
    expect(await refusal).toMatchObject({
      error_code: 409,
      description:
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    });
    bot.telegram.as("operator").say("hello");
    expect(await second).toHaveLength(1);
  });

  test("is a conflict while a webhook is set, and setting one ends the waiting request", async () => {
    await using bot = await startTestBot();
    const waiting = bot.api.getUpdates({ offset: 0, timeout: 50 });
    const refusal = waiting.catch((error: unknown) => error);
    await bot.api.getMe();
    await bot.api.setWebhook("http://127.0.0.1:9/hook");
    expect(await refusal).toMatchObject({
      description: "Conflict: terminated by setWebhook request",
    });
    await expect(bot.api.getUpdates()).rejects.toMatchObject({
      error_code: 409,
      description:
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    });
    await bot.api.deleteWebhook();
    expect(await bot.api.getUpdates({ offset: -1 })).toEqual([]);
  });

  test("remembers which kinds of updates the bot asked for", async () => {
    await using bot = await startTestBot();
    await bot.api.getUpdates({ offset: 0, allowed_updates: ["callback_query"] });
    bot.telegram.as("operator").say("not asked for");
    const sent = await bot.api.sendMessage(bot.telegram.chatId, "a", {
      reply_markup: { inline_keyboard: [[{ text: "Tap", callback_data: "x" }]] },
    });
    bot.telegram.as("operator").tap({ messageId: sent.message_id, label: "Tap" });
    const updates = await bot.api.getUpdates({ offset: -5 });
    expect(updates.map((update) => Object.keys(update)[1])).toEqual(["callback_query"]);
  });

  test("forgets a tap after 150 seconds by the sandbox's clock", async () => {
    await using bot = await startTestBot();
    await bot.api.sendMessage(bot.telegram.chatId, "a", {
      reply_markup: { inline_keyboard: [[{ text: "Tap", callback_data: "x" }]] },
    });
    const { queryId } = bot.telegram.as("operator").tap("Tap");
    bot.pass(150_000);
    expect(await bot.api.getUpdates({ offset: 0 })).toEqual([]);
    await expect(bot.api.answerCallbackQuery(queryId)).rejects.toMatchObject({ error_code: 400 });
  });
});
