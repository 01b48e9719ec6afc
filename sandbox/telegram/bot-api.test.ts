import { InputFile } from "grammy";
import { describe, expect, test } from "vitest";

import { startTelegram } from "./server.ts";
import { botToken, startTestBot } from "./test-bot.ts";

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);

describe("a real client", () => {
  test("finds its bot, the group and the bot's rights in it", async () => {
    await using bot = await startTestBot();
    const { api, telegram } = bot;
    expect(await api.getMe()).toMatchObject({
      id: 7_000_001,
      is_bot: true,
      can_join_groups: false,
      can_read_all_group_messages: false,
    });
    expect(await api.getChat(telegram.chatId)).toMatchObject({ type: "supergroup", title: "Ops" });
    expect(await api.getChatMember(telegram.chatId, 7_000_001)).toMatchObject({
      status: "administrator",
      can_pin_messages: true,
      can_delete_messages: false,
    });
    const administrators = await api.getChatAdministrators(telegram.chatId);
    expect(administrators.map(({ user }) => user.first_name)).toEqual([
      "Otto",
      "Ada",
      "Flightdeck",
    ]);
    expect(telegram.violations()).toEqual([]);
  });

  test("sends, edits and answers as in an ops group", async () => {
    await using bot = await startTestBot();
    const { api, telegram } = bot;
    const said = telegram.as("operator").say("/preflight");
    const card = await api.sendMessage(telegram.chatId, "Preflight running", {
      entities: [{ type: "bold", offset: 0, length: 9 }],
      reply_parameters: { message_id: said.messageId },
      disable_notification: true,
      link_preview_options: { is_disabled: true },
      reply_markup: {
        inline_keyboard: [[{ text: "Cancel", callback_data: "cancel:1", style: "danger" }]],
      },
    });
    const tapped = telegram.as("operator").tap("Cancel");
    const updates = await api.getUpdates({ offset: 0 });
    expect(updates.map(({ update_id }) => update_id)).toEqual([said.updateId, tapped.updateId]);
    expect(updates[1]?.callback_query).toMatchObject({
      id: tapped.queryId,
      from: { id: 1002 },
      data: "cancel:1",
      message: { message_id: card.message_id, text: "Preflight running" },
    });
    await api.answerCallbackQuery(tapped.queryId, { text: "Cancelling", show_alert: true });
    await api.editMessageText(telegram.chatId, card.message_id, "Preflight cancelled", {
      reply_markup: { inline_keyboard: [[{ text: "Cancelled by Otto", disabled: {} }]] },
    });
    await api.setMessageReaction(telegram.chatId, said.messageId, [{ type: "emoji", emoji: "👀" }]);
    await api.pinChatMessage(telegram.chatId, card.message_id, { disable_notification: true });
    await api.sendChatAction(telegram.chatId, "typing");

    const [command, shown, pin] = telegram.messages();
    expect(command).toMatchObject({
      text: "/preflight",
      entities: [{ type: "bot_command", offset: 0, length: 10 }],
      reactions: [{ userId: 7_000_001, emoji: "👀" }],
    });
    expect(shown).toMatchObject({
      text: "Preflight cancelled",
      edits: 1,
      silent: true,
      pinned: true,
      replyTo: { id: said.messageId, name: "Otto", text: "/preflight" },
      buttons: [[{ label: "Cancelled by Otto", action: { kind: "disabled" } }]],
    });
    expect(pin).toMatchObject({ service: "pinned “Preflight cancelled”" });
    expect(telegram.callbackAnswers()).toMatchObject([
      { queryId: tapped.queryId, userId: 1002, text: "Cancelling", alert: true },
    ]);
    expect(telegram.violations()).toEqual([]);
  });

  test("uploads documents and photos, and finds them again", async () => {
    await using bot = await startTestBot();
    const { api, telegram } = bot;
    await api.sendDocument(telegram.chatId, new InputFile(Buffer.from("a long log"), "run.log"), {
      caption: "The log",
      caption_entities: [{ type: "bold", offset: 4, length: 3 }],
    });
    await api.sendPhoto(telegram.chatId, new InputFile(PNG, "chart.png"), { caption: "24 hours" });
    const [document, photo] = telegram.messages();
    expect(document).toMatchObject({
      text: "The log",
      entities: [{ type: "bold", offset: 4, length: 3 }],
      file: { name: "run.log", size: 10, isPhoto: false },
    });
    expect(photo).toMatchObject({ text: "24 hours", file: { isPhoto: true } });
    const fileId = document?.file?.fileId ?? "";
    const { file_path: path } = await api.getFile(fileId);
    const download = await fetch(`${telegram.url}/file/bot${botToken}/${path}`);
    expect(await download.text()).toBe("a long log");
    expect(telegram.calls()[0]?.params["document"]).toEqual({
      name: "run.log",
      type: "application/octet-stream",
      bytes: "10 bytes",
    });
    expect(telegram.violations()).toEqual([]);
  });

  test("keeps a command menu per scope, and each person sees the narrowest", async () => {
    await using bot = await startTestBot();
    const { api, telegram } = bot;
    const chat = { type: "chat", chat_id: telegram.chatId } as const;
    const administrators = { type: "chat_administrators", chat_id: telegram.chatId } as const;
    const [status, deploy, start] = ["status", "deploy", "start"].map((command) => [
      { command, description: command },
    ]) as [never, never, never];
    await api.setMyCommands(status, { scope: chat });
    await api.setMyCommands(deploy, { scope: administrators });
    await api.setMyCommands(start, { scope: { type: "all_private_chats" } });
    expect(await api.getMyCommands({ scope: chat })).toEqual(status);
    expect(telegram.commands("viewer")).toEqual(status);
    expect(telegram.commands("operator")).toEqual(deploy);
    expect(telegram.commands("operator", "private")).toEqual(start);
    await api.deleteMyCommands({ scope: administrators });
    expect(telegram.commands("operator")).toEqual(status);
  });

  test("writes to a topic of the group", async () => {
    await using bot = await startTestBot();
    const { api, telegram } = bot;
    const topic = telegram.openTopic("Incident 7");
    await api.sendMessage(telegram.chatId, "inside", { message_thread_id: topic });
    telegram.as("viewer").say("me too", { topic });
    const updates = await api.getUpdates({ offset: 0 });
    expect(telegram.messages().map((message) => message.topic?.name)).toEqual([
      undefined,
      "Incident 7",
      "Incident 7",
    ]);
    expect(updates[0]?.message).toMatchObject({ message_thread_id: topic, is_topic_message: true });
    await api.closeForumTopic(telegram.chatId, topic);
    await expect(
      api.sendMessage(telegram.chatId, "late", { message_thread_id: topic }),
    ).rejects.toMatchObject({ description: "Bad Request: TOPIC_CLOSED" });
  });

  test("whispers to one person in the group", async () => {
    await using bot = await startTestBot();
    const { api, telegram } = bot;
    const whisper = await api.sendMessage(telegram.chatId, "You may not do that", {
      ephemeral_message_parameters: { receiver_user_id: 1001 },
      reply_markup: { inline_keyboard: [[{ text: "Why?", callback_data: "why" }]] },
    });
    expect(whisper).toMatchObject({ message_id: 0, ephemeral_message_id: 1 });
    expect(telegram.as("viewer").messages()).toMatchObject([{ text: "You may not do that" }]);
    expect(telegram.as("operator").messages()).toEqual([]);
    expect(() => telegram.as("operator").tap("Why?")).toThrow("Otto sees no button “Why?”");
    telegram.as("viewer").tap("Why?");
    await api.raw.editEphemeralMessageText({
      chat_id: telegram.chatId,
      receiver_user_id: 1001,
      ephemeral_message_id: 1,
      text: "Because you are a viewer",
    });
    expect(telegram.as("viewer").messages()).toMatchObject([{ text: "Because you are a viewer" }]);
    expect(telegram.violations()).toEqual([]);
  });
});

describe("the body of a request", () => {
  const send = {
    chat_id: "-1001000000001",
    text: "hello",
    entities: '[{"type":"bold","offset":0,"length":5}]',
  };

  test.each([
    ["the query", () => [`?${String(new URLSearchParams(send))}`, {}] as const],
    ["a urlencoded body", () => ["", { method: "POST", body: new URLSearchParams(send) }] as const],
    [
      "a form",
      () => {
        const form = new FormData();
        for (const [name, value] of Object.entries(send)) form.set(name, value);
        return ["", { method: "POST", body: form }] as const;
      },
    ],
    [
      "JSON",
      () =>
        [
          "",
          {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ ...send, entities: JSON.parse(send.entities) as unknown }),
          },
        ] as const,
    ],
  ])("may be %s", async (_name, request) => {
    await using bot = await startTestBot();
    const [query, init] = request();
    const response = await fetch(`${bot.telegram.url}/bot${botToken}/SENDMESSAGE${query}`, init);
    expect(await response.json()).toMatchObject({ ok: true, result: { text: "hello" } });
    expect(bot.telegram.messages()).toMatchObject([
      { text: "hello", entities: [{ type: "bold", offset: 0, length: 5 }] },
    ]);
  });

  test("that is no JSON object is refused", async () => {
    await using bot = await startTestBot();
    const response = await fetch(`${bot.telegram.url}/bot${botToken}/sendMessage`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "[1",
    });
    expect(response.status).toBe(400);
  });
});

describe("violations", () => {
  test("an unknown field is recorded and otherwise ignored, as the real server does", async () => {
    await using bot = await startTestBot();
    await bot.api.sendMessage(bot.telegram.chatId, "a", {
      disable_web_page_preview: true,
      reply_markup: { inline_keyboard: [[{ text: "b", callback_data: "c", colour: "red" }]] },
    } as never);
    expect(bot.telegram.messages()).toHaveLength(1);
    expect(bot.telegram.violations()).toMatchObject([
      {
        about: "request",
        subject: "sendMessage",
        path: "reply_markup.inline_keyboard.0.0",
        message: "unknown to Telegram or to this sandbox: colour",
      },
      {
        about: "request",
        path: "",
        message: "unknown to Telegram or to this sandbox: disable_web_page_preview",
      },
    ]);
  });

  test("a parse mode is one, because texts are to be sent with entities", async () => {
    await using bot = await startTestBot();
    const sent = bot.api.sendMessage(bot.telegram.chatId, "<b>a</b>", { parse_mode: "HTML" });
    await expect(sent).rejects.toMatchObject({ error_code: 400 });
    expect(bot.telegram.violations()).toMatchObject([
      { path: "parse_mode", message: "send entities: this server reads no parse_mode" },
    ]);
  });

  test("the bot's token in a field is one, and is kept nowhere", async () => {
    await using bot = await startTestBot();
    await bot.api.sendMessage(bot.telegram.chatId, `my token is ${botToken}`);
    expect(bot.telegram.violations()).toMatchObject([{ about: "token", subject: "sendMessage" }]);
    expect(JSON.stringify([bot.telegram.calls(), bot.telegram.violations()])).not.toContain(
      botToken,
    );
  });

  test("an update that Telegram would not send is one, unless it is meant to be malformed", async () => {
    await using bot = await startTestBot();
    bot.telegram.deliver({ message: { text: "no chat, no date" } });
    expect(bot.telegram.violations().map(({ about, path }) => `${about} ${path}`)).toEqual([
      "update message.message_id",
      "update message.date",
      "update message.chat",
    ]);
    bot.telegram.deliverMalformed({ message: 7 });
    expect(bot.telegram.violations()).toHaveLength(3);
    expect(await bot.api.getUpdates({ offset: 0 })).toHaveLength(2);
  });

  test("an unknown method is one", async () => {
    await using bot = await startTestBot();
    await expect(bot.api.raw.sendDice({ chat_id: 1 })).rejects.toMatchObject({ error_code: 404 });
    expect(bot.telegram.violations()).toMatchObject([{ about: "method", subject: "sendDice" }]);
  });
});

describe("faults", () => {
  test("a lost answer: executed once, and the client sees a broken connection", async () => {
    await using bot = await startTestBot();
    bot.telegram.faults.add({ kind: "lost-answer", method: "sendMessage", times: 1 });
    await expect(bot.api.sendMessage(bot.telegram.chatId, "once")).rejects.toMatchObject({
      name: "HttpError",
      error: { code: "ECONNRESET" },
    });
    expect(bot.telegram.messages().map(({ text }) => text)).toEqual(["once"]);
    expect(bot.telegram.calls()).toMatchObject([{ status: 0, fault: "lost-answer" }]);
    await bot.api.sendMessage(bot.telegram.chatId, "twice");
    expect(bot.telegram.messages()).toHaveLength(2);
  });

  test("a rate limit: 429 with the seconds to wait in the body and in the header", async () => {
    await using bot = await startTestBot();
    bot.telegram.faults.add({ kind: "rate-limit", method: /^send/, retryAfter: 7 });
    await expect(bot.api.sendMessage(bot.telegram.chatId, "a")).rejects.toMatchObject({
      error_code: 429,
      description: "Too Many Requests: retry after 7",
      parameters: { retry_after: 7 },
    });
    const response = await fetch(`${bot.telegram.url}/bot${botToken}/sendMessage`);
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
    expect(bot.telegram.messages()).toEqual([]);
  });

  test("a restart of the server: 500", async () => {
    await using bot = await startTestBot();
    bot.telegram.faults.add({ kind: "server-error" });
    await expect(bot.api.getMe()).rejects.toMatchObject({
      error_code: 500,
      description: "Internal Server Error: restart",
    });
  });

  test("a refusal: 403 in one chat only", async () => {
    await using bot = await startTestBot();
    bot.telegram.as("viewer").say("hi", { chat: "private" });
    bot.telegram.faults.add({ kind: "refuse", chatId: 1001 });
    await expect(bot.api.sendMessage(1001, "a")).rejects.toMatchObject({
      error_code: 403,
      description: "Forbidden: bot was blocked by the user",
    });
    await bot.api.sendMessage(bot.telegram.chatId, "a");
  });

  test("an offence: 400, of words unless told otherwise", async () => {
    await using bot = await startTestBot();
    bot.telegram.faults.add({ kind: "offence", times: 1 });
    bot.telegram.faults.add({ kind: "offence", because: "query is too old", times: 1 });
    const description = "Bad Request: can't parse entities";
    const sent = bot.api.sendMessage(bot.telegram.chatId, "a");
    await expect(sent).rejects.toMatchObject({ error_code: 400, description });
    await expect(bot.api.getMe()).rejects.toMatchObject({
      error_code: 400,
      description: "Bad Request: query is too old",
    });
    await bot.api.sendMessage(bot.telegram.chatId, "a");
  });

  test("a hang: nothing happens until the fault ends, and then the connection breaks", async () => {
    await using bot = await startTestBot();
    const { telegram } = bot;
    const fault = telegram.faults.add({ kind: "hang", method: "sendMessage" });
    let isOver = false;
    const sent = bot.api.sendMessage(telegram.chatId, "a").finally(() => (isOver = true));
    await bot.api.getMe();
    expect(isOver).toBe(false);
    fault[Symbol.dispose]();
    await expect(sent).rejects.toMatchObject({ name: "HttpError" });
    expect(telegram.messages()).toEqual([]);
    await bot.api.sendMessage(telegram.chatId, "b");
  });
});

describe("flood control", () => {
  test("is off unless it is asked for", async () => {
    await using bot = await startTestBot();
    for (let count = 0; count < 30; count += 1) {
      await bot.api.sendMessage(bot.telegram.chatId, `message ${count}`);
    }
    expect(bot.telegram.messages()).toHaveLength(30);
  });

  test("answers 429 to a burst, and forgives as time passes", async () => {
    await using bot = await startTestBot({ floodControl: true });
    const send = () => bot.api.sendMessage(bot.telegram.chatId, "a");
    for (let count = 0; count < 5; count += 1) await send();
    await expect(send()).rejects.toMatchObject({ error_code: 429, parameters: { retry_after: 5 } });
    bot.pass(5_000);
    await send();
  });
});

test("a token that looks real is refused", async () => {
  const botToken = `123456789:AA${"x".repeat(33)}`;
  await expect(startTelegram({ botToken })).rejects.toThrow("looks like a real one");
});

test("who waits is told as soon as it has happened, and why not when it has not", async () => {
  await using bot = await startTestBot();
  const waiting = bot.telegram.waitFor(
    (telegram) => telegram.messages().find(({ text }) => text === "done"),
    { timeoutMs: 5_000 },
  );
  await bot.api.sendMessage(bot.telegram.chatId, "busy");
  await bot.api.sendMessage(bot.telegram.chatId, "done");
  expect((await waiting).text).toBe("done");
  await expect(bot.telegram.waitFor(() => undefined, { timeoutMs: 20 })).rejects.toThrow(
    "Nothing came within 20 ms. Last seen: Flightdeck: done; sendMessage → 200",
  );
});
