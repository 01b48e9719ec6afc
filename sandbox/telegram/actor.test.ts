import { describe, expect, test } from "vitest";

import { startTestBot } from "./test-bot.ts";

const keyboard = (...labels: readonly string[]) => ({
  reply_markup: {
    inline_keyboard: [labels.map((label) => ({ text: label, callback_data: `do:${label}` }))],
  },
});

describe("a person", () => {
  test("talks in the group and in private, each with their own id", async () => {
    await using bot = await startTestBot();
    bot.telegram.as("viewer").say("in the group");
    bot.telegram.as("approver").say("in private", { chat: "private" });
    const updates = await bot.api.getUpdates({ offset: 0 });
    expect(updates.map(({ message }) => [message?.from?.id, message?.chat.id])).toEqual([
      [1001, bot.telegram.chatId],
      [1003, 1003],
    ]);
    await bot.api.sendMessage(1003, "now the bot may write");
    expect(bot.telegram.as("approver").messages("private")).toHaveLength(2);
    expect(bot.telegram.violations()).toEqual([]);
  });

  test("taps the newest message that shows the button", async () => {
    await using bot = await startTestBot();
    await bot.api.sendMessage(bot.telegram.chatId, "old", keyboard("Approve"));
    const newer = await bot.api.sendMessage(bot.telegram.chatId, "new", keyboard("Approve"));
    bot.telegram.as("approver").tap("Approve");
    const [update] = await bot.api.getUpdates({ offset: 0 });
    expect(update?.callback_query?.message?.message_id).toBe(newer.message_id);
  });

  test("cannot tap what is not there, or does nothing", async () => {
    await using bot = await startTestBot();
    const operator = bot.telegram.as("operator");
    expect(() => operator.tap("Approve")).toThrow("There are: no buttons at all");
    await bot.api.sendMessage(bot.telegram.chatId, "a", keyboard("Reject"));
    expect(() => operator.tap("Approve")).toThrow(
      "Otto sees no button “Approve”. There are: Reject",
    );
    await bot.api.sendMessage(bot.telegram.chatId, "b", {
      reply_markup: { inline_keyboard: [[{ text: "Done", disabled: {} }]] },
    });
    expect(() => operator.tap("Done")).toThrow("sends nothing: it is disabled");
  });

  test("can forge the data of a tap, also for a message that is gone", async () => {
    await using bot = await startTestBot();
    const sent = await bot.api.sendMessage(bot.telegram.chatId, "a", keyboard("Approve"));
    bot.telegram.as("stranger").tap({ data: "ap:forged" });
    await bot.api.deleteMessage(bot.telegram.chatId, sent.message_id);
    bot.telegram.as("stranger").tap({ data: "ap:gone", messageId: sent.message_id });
    const updates = await bot.api.getUpdates({ offset: 0 });
    expect(
      updates.map(({ callback_query: query }) => [query?.data, query?.message?.date === 0]),
    ).toEqual([
      ["ap:forged", false],
      ["ap:gone", true],
    ]);
    expect(bot.telegram.violations()).toEqual([]);
  });

  test("edits only their own message, and the bot is told if it asked", async () => {
    await using bot = await startTestBot();
    const viewer = bot.telegram.as("viewer");
    const { messageId } = viewer.say("/deploy staging");
    viewer.edit(messageId, "/deploy production");
    const [, edited] = await bot.api.getUpdates({ offset: 0 });
    expect(edited?.edited_message).toMatchObject({
      text: "/deploy production",
      message_id: messageId,
    });
    expect(edited?.edited_message?.edit_date).toBeGreaterThan(0);
    expect(() => bot.telegram.as("operator").edit(messageId, "x")).toThrow("did not write");
  });

  test("reacts, and the bot is told if it asked", async () => {
    await using bot = await startTestBot();
    await bot.api.getUpdates({ offset: 0, allowed_updates: ["message_reaction"] });
    const sent = await bot.api.sendMessage(bot.telegram.chatId, "alert");
    bot.telegram.as("operator").react(sent.message_id, "👍");
    const [update] = await bot.api.getUpdates({ offset: -1 });
    expect(update?.message_reaction).toMatchObject({
      user: { id: 1002 },
      old_reaction: [],
      new_reaction: [{ type: "emoji", emoji: "👍" }],
    });
  });

  test("may send something else than it looks like: forwarded, via a bot, long ago", async () => {
    await using bot = await startTestBot();
    const origin = {
      type: "hidden_user",
      date: 1_700_000_000,
      sender_user_name: "Somebody",
    } as const;
    bot.telegram.as("operator").say("/deploy", {
      date: new Date("2026-06-01T06:00:00Z"),
      extra: { forward_origin: origin },
    });
    const [update] = await bot.api.getUpdates({ offset: 0 });
    expect(update?.message).toMatchObject({ date: 1_780_293_600, forward_origin: origin });
    expect(bot.telegram.violations()).toEqual([]);
  });

  test("may be anybody, so that five hundred can be", async () => {
    await using bot = await startTestBot();
    const guest = { id: 9_001, firstName: "Gil", username: "gil_guest", status: "member" } as const;
    bot.telegram.as(guest).say("hello");
    expect(bot.telegram.messages()).toMatchObject([{ from: { id: 9_001, name: "Gil" } }]);
    expect(await bot.api.getChatMember(bot.telegram.chatId, 9_001)).toMatchObject({
      status: "member",
    });
  });

  test("types a command that its menu calls ephemeral, and nobody else sees it", async () => {
    await using bot = await startTestBot();
    await bot.api.setMyCommands([
      { command: "whoami", description: "Your role", is_ephemeral: true },
    ]);
    bot.telegram.as("viewer").say("/whoami");
    expect(bot.telegram.as("operator").messages()).toEqual([]);
    const [update] = await bot.api.getUpdates({ offset: 0 });
    expect(update?.message).toMatchObject({ message_id: 0, ephemeral_message_id: 1 });
    await bot.api.sendMessage(bot.telegram.chatId, "A viewer", {
      reply_parameters: { ephemeral_message_id: 1 },
      ephemeral_message_parameters: { receiver_user_id: 1001 },
    });
    expect(bot.telegram.as("viewer").messages()).toHaveLength(2);
  });
});

describe("the bot's place in groups", () => {
  test("is told to it when somebody adds it to another group, which it can leave", async () => {
    await using bot = await startTestBot();
    const elsewhere = bot.telegram.addBotToGroup("Elsewhere", "stranger");
    await bot.api.leaveChat(elsewhere);
    const updates = await bot.api.getUpdates({ offset: 0 });
    expect(
      updates.map(({ my_chat_member: change }) => [
        change?.chat.id,
        change?.old_chat_member.status,
        change?.new_chat_member.status,
      ]),
    ).toEqual([
      [elsewhere, "left", "member"],
      [elsewhere, "member", "left"],
    ]);
    expect(bot.telegram.violations()).toEqual([]);
  });
});

describe("what the bot hears in the group", () => {
  const talk = async (bot: Awaited<ReturnType<typeof startTestBot>>) => {
    const sent = await bot.api.sendMessage(bot.telegram.chatId, "hello");
    bot.telegram.setBotStatus("member");
    const viewer = bot.telegram.as("viewer");
    viewer.say("among us");
    viewer.say("/status");
    viewer.say("/status@another_bot");
    viewer.say("hey @flightdeck_sandbox_bot");
    viewer.say("an answer", { replyTo: sent.message_id });
  };
  const heard = async (bot: Awaited<ReturnType<typeof startTestBot>>) =>
    (await bot.api.getUpdates({ offset: 0 })).flatMap(({ message }) => message?.text ?? []);

  test("is only what is meant for it, once it is no administrator", async () => {
    await using bot = await startTestBot();
    await talk(bot);
    expect(await heard(bot)).toEqual(["/status", "hey @flightdeck_sandbox_bot", "an answer"]);
  });

  test("is nothing, once it was thrown out", async () => {
    await using bot = await startTestBot();
    bot.telegram.setBotStatus("kicked");
    expect(bot.telegram.as("viewer").say("/status").updateId).toBe(0);
    const updates = await bot.api.getUpdates({ offset: 0 });
    expect(updates.map(({ my_chat_member: change }) => change?.new_chat_member.status)).toEqual([
      "kicked",
    ]);
  });
});

describe("a question of the bot", () => {
  test("asks everybody, or only the person whose message it answers", async () => {
    await using bot = await startTestBot();
    const { messageId } = bot.telegram.as("operator").say("/silence");
    const ask = { force_reply: true } as const;
    await bot.api.sendMessage(bot.telegram.chatId, "Why?", {
      reply_markup: { ...ask, selective: true },
      reply_parameters: { message_id: messageId },
    });
    await bot.api.sendMessage(bot.telegram.chatId, "Anybody?", { reply_markup: ask });
    expect(bot.telegram.messages().map(({ asksReplyOf }) => asksReplyOf)).toEqual([
      undefined,
      1002,
      "everybody",
    ]);
  });
});

describe("updates of the tester's making", () => {
  test("come through, once more, and out of order", async () => {
    await using bot = await startTestBot();
    const { api, telegram } = bot;
    const chat = { id: telegram.chatId, type: "supergroup", title: "Ops" } as const;
    const post = telegram.deliver({
      message: { message_id: 5, date: 1, chat, sender_chat: chat, text: "/deploy" },
    });
    const held = telegram.hold();
    const first = telegram.as("viewer").say("first").updateId;
    const second = telegram.as("viewer").say("second").updateId;
    held.release([second, first]);
    telegram.redeliver(post);
    const updates = await api.getUpdates({ offset: 0 });
    expect(updates.map(({ update_id }) => update_id)).toEqual([second, first, post, post]);
    expect(telegram.violations()).toEqual([]);
  });
});
