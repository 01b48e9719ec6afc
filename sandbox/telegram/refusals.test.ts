import { InputFile } from "grammy";
import type { Api } from "grammy";
import { expect, test } from "vitest";

import { personas } from "./personas.ts";
import type { TelegramServer } from "./server.ts";
import { startTestBot } from "./test-bot.ts";

type Setting = {
  readonly api: Api;
  readonly telegram: TelegramServer;
  readonly group: number;
  /** A message of the bot, a message of a person, and a document of the bot. */
  readonly card: number;
  readonly foreign: number;
  readonly file: number;
};

const rows: readonly {
  readonly refusal: string;
  readonly code: number;
  readonly when: string;
  readonly act: (setting: Setting) => Promise<unknown>;
}[] = [
  {
    when: "the chat does not exist",
    code: 400,
    refusal: "Bad Request: chat not found",
    act: ({ api }) => api.sendMessage(-42, "hello"),
  },
  {
    when: "no chat is named",
    code: 400,
    refusal: "Bad Request: chat_id is empty",
    act: ({ api }) => api.raw.sendMessage({ text: "hello" } as never),
  },
  {
    when: "the person never wrote to the bot",
    code: 403,
    refusal: "Forbidden: bot can't initiate conversation with a user",
    act: ({ api }) => api.sendMessage(personas.viewer.id, "hello"),
  },
  {
    when: "the text is empty",
    code: 400,
    refusal: "Bad Request: message text is empty",
    act: ({ api, group }) => api.sendMessage(group, "  \n"),
  },
  {
    when: "the text is missing",
    code: 400,
    refusal: "Bad Request: message text is empty",
    act: ({ api, group }) => api.raw.sendMessage({ chat_id: group } as never),
  },
  {
    when: "the text has 4,097 characters",
    code: 400,
    refusal: "Bad Request: message is too long",
    act: ({ api, group }) => api.sendMessage(group, "x".repeat(4097)),
  },
  {
    when: "the text holds half a surrogate pair",
    code: 400,
    refusal: "Bad Request: strings must be encoded in UTF-8",
    act: ({ api, group }) => api.sendMessage(group, "a\ud83d"),
  },
  {
    when: "the caption has 1,025 characters",
    code: 400,
    refusal: "Bad Request: message caption is too long",
    act: ({ api, group }) =>
      api.sendDocument(group, new InputFile(Buffer.from("x"), "x.txt"), {
        caption: "x".repeat(1025),
      }),
  },
  {
    when: "an entity ends behind the text",
    code: 400,
    refusal:
      "Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 3",
    act: ({ api, group }) =>
      api.sendMessage(group, "ab", { entities: [{ type: "bold", offset: 0, length: 3 }] }),
  },
  {
    when: "callback_data has 65 bytes",
    code: 400,
    refusal: "Bad Request: BUTTON_DATA_INVALID",
    act: ({ api, group }) =>
      api.sendMessage(group, "a", {
        reply_markup: { inline_keyboard: [[{ text: "b", callback_data: "x".repeat(65) }]] },
      }),
  },
  {
    when: "callback_data has 33 letters of two bytes",
    code: 400,
    refusal: "Bad Request: BUTTON_DATA_INVALID",
    act: ({ api, group }) =>
      api.sendMessage(group, "a", {
        reply_markup: { inline_keyboard: [[{ text: "b", callback_data: "ж".repeat(33) }]] },
      }),
  },
  {
    when: "a button does nothing",
    code: 400,
    refusal:
      "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
    act: ({ api, group }) =>
      api.sendMessage(group, "a", {
        reply_markup: { inline_keyboard: [[{ text: "b" } as never]] },
      }),
  },
  {
    when: "the topic does not exist",
    code: 400,
    refusal: "Bad Request: message thread not found",
    act: ({ api, group }) => api.sendMessage(group, "a", { message_thread_id: 7 }),
  },
  {
    when: "the message to reply to is gone",
    code: 400,
    refusal: "Bad Request: message to be replied not found",
    act: ({ api, group }) => api.sendMessage(group, "a", { reply_parameters: { message_id: 1 } }),
  },
  {
    when: "the edit changes nothing",
    code: 400,
    refusal:
      "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
    act: ({ api, group, card }) => api.editMessageText(group, card, "card"),
  },
  {
    when: "the message to edit does not exist",
    code: 400,
    refusal: "Bad Request: message to edit not found",
    act: ({ api, group }) => api.editMessageText(group, 1, "new"),
  },
  {
    when: "the message to edit is not the bot's",
    code: 400,
    refusal: "Bad Request: message can't be edited",
    act: ({ api, group, foreign }) => api.editMessageText(group, foreign, "new"),
  },
  {
    when: "the message to edit has no text",
    code: 400,
    refusal: "Bad Request: there is no text in the message to edit",
    act: ({ api, group, file }) => api.editMessageText(group, file, "new"),
  },
  {
    when: "the edit does not say which message",
    code: 400,
    refusal: "Bad Request: message identifier is not specified",
    act: ({ api, group }) => api.raw.editMessageText({ chat_id: group, text: "new" }),
  },
  {
    when: "the message to delete does not exist",
    code: 400,
    refusal: "Bad Request: message to delete not found",
    act: ({ api, group }) => api.deleteMessage(group, 1),
  },
  {
    when: "the message to delete is not the bot's",
    code: 400,
    refusal: "Bad Request: message can't be deleted",
    act: ({ api, group, foreign }) => api.deleteMessage(group, foreign),
  },
  {
    when: "the message to pin does not exist",
    code: 400,
    refusal: "Bad Request: message to pin not found",
    act: ({ api, group }) => api.pinChatMessage(group, 1),
  },
  {
    when: "a bot that is no administrator pins",
    code: 400,
    refusal: "Bad Request: not enough rights to manage pinned messages in the chat",
    act: ({ api, group, card, telegram }) => {
      telegram.setBotStatus("member");
      return api.pinChatMessage(group, card);
    },
  },
  {
    when: "the message to react to does not exist",
    code: 400,
    refusal: "Bad Request: message to react not found",
    act: ({ api, group }) => api.setMessageReaction(group, 1, [{ type: "emoji", emoji: "👀" }]),
  },
  {
    when: "the reaction is not one of Telegram's",
    code: 400,
    refusal: "Bad Request: REACTION_INVALID",
    act: ({ api, group, card }) =>
      api.setMessageReaction(group, card, [{ type: "emoji", emoji: "✅" as never }]),
  },
  {
    when: "the tap is unknown",
    code: 400,
    refusal: "Bad Request: query is too old and response timeout expired or query ID is invalid",
    act: ({ api }) => api.answerCallbackQuery("1"),
  },
  {
    when: "the tap was answered before",
    code: 400,
    refusal: "Bad Request: query is too old and response timeout expired or query ID is invalid",
    act: async ({ api, telegram }) => {
      const { queryId } = telegram.as("viewer").tap({ data: "x" });
      await api.answerCallbackQuery(queryId);
      return await api.answerCallbackQuery(queryId);
    },
  },
  {
    when: "the answer to a tap has 201 characters",
    code: 400,
    refusal: "Bad Request: MESSAGE_TOO_LONG",
    act: ({ api }) => api.answerCallbackQuery("1", { text: "x".repeat(201) }),
  },
  {
    when: "a command has a dash",
    code: 400,
    refusal: "Bad Request: BOT_COMMAND_INVALID",
    act: ({ api }) => api.setMyCommands([{ command: "pre-flight", description: "x" }]),
  },
  {
    when: "the person is unknown",
    code: 400,
    refusal: "Bad Request: user not found",
    act: ({ api, group }) => api.getChatMember(group, 99),
  },
  {
    when: "the file is unknown",
    code: 400,
    refusal: "Bad Request: wrong file identifier/HTTP URL specified",
    act: ({ api, group }) => api.sendDocument(group, "nothing"),
  },
  {
    when: "the photo is no image",
    code: 400,
    refusal: "Bad Request: IMAGE_PROCESS_FAILED",
    act: ({ api, group }) => api.sendPhoto(group, new InputFile(Buffer.from("text"), "a.png")),
  },
  {
    when: "the webhook is not HTTPS",
    code: 400,
    refusal: "Bad Request: bad webhook: An HTTPS URL must be provided for webhook",
    act: ({ api }) => api.setWebhook("http://example.com/hook"),
  },
  {
    when: "the bot left the group",
    code: 403,
    refusal: "Forbidden: bot is not a member of the supergroup chat",
    act: async ({ api, group }) => {
      await api.leaveChat(group);
      return await api.sendMessage(group, "a");
    },
  },
  {
    when: "the bot was kicked",
    code: 403,
    refusal: "Forbidden: bot was kicked from the supergroup chat",
    act: async ({ api, group, telegram }) => {
      telegram.setBotStatus("kicked");
      return await api.sendMessage(group, "a");
    },
  },
  {
    when: "there is no such method",
    code: 404,
    refusal: "Not Found: method not found",
    act: ({ api }) => api.raw.sendPoll({} as never),
  },
];

test.each(rows)("$code $refusal, when $when", async ({ act, code, refusal }) => {
  await using bot = await startTestBot();
  const { api, telegram } = bot;
  const group = telegram.chatId;
  const card = await api.sendMessage(group, "card");
  const file = await api.sendDocument(group, new InputFile(Buffer.from("log"), "log.txt"));
  const foreign = telegram.as("viewer").say("hello").messageId;

  const refused = act({
    api,
    telegram,
    group,
    card: card.message_id,
    foreign,
    file: file.message_id,
  });

  await expect(refused).rejects.toMatchObject({ error_code: code, description: refusal });
  expect(telegram.calls().at(-1)).toMatchObject({ status: code, description: refusal });
});

test("401 Unauthorized, when the token is another", async () => {
  await using bot = await startTestBot();
  const response = await fetch(`${bot.telegram.url}/bot7000001:other/getMe`);
  expect(response.status).toBe(401);
  expect(await response.json()).toEqual({
    ok: false,
    error_code: 401,
    description: "Unauthorized",
  });
});

test("404 Not Found, when the path is not the Bot API's", async () => {
  await using bot = await startTestBot();
  const response = await fetch(`${bot.telegram.url}/elsewhere`);
  expect(await response.json()).toEqual({ ok: false, error_code: 404, description: "Not Found" });
});
