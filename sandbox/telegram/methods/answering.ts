import { z } from "zod";

import { chatId, flag, messageId } from "../fields.ts";
import { reactionSchema } from "../objects.ts";
import { post, replacePost } from "../posts.ts";
import { badRequest } from "../refusal.ts";
import { demandAdministrator } from "../rooms.ts";
import type { Posted, Room } from "../rooms.ts";
import type { TelegramState } from "../state.ts";
import { defineMethod } from "./api-method.ts";

const REACTIONS = new Set(
  (
    "❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 " +
    "👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡"
  ).split(" "),
);

export const answerCallbackQuery = defineMethod(
  z
    .strictObject({
      callback_query_id: z.string(),
      text: z.string().optional(),
      show_alert: flag,
      url: z.string().optional(),
      cache_time: z.int().min(0).optional(),
    })
    .superRefine(({ text = "" }, context) => {
      if (text.length <= 200) return;
      context.addIssue({
        code: "custom",
        path: ["text"],
        message: `an answer holds at most 200 characters, not ${text.length}`,
        params: { refusal: "MESSAGE_TOO_LONG" },
      });
    }),
  (state, fields) => {
    const tap = state.callbacks.answer(fields.callback_query_id);
    if (tap === undefined) {
      throw badRequest("query is too old and response timeout expired or query ID is invalid");
    }
    state.callbackAnswers.add({
      queryId: fields.callback_query_id,
      userId: tap.userId,
      text: fields.text ?? "",
      alert: fields.show_alert ?? false,
      url: fields.url,
      at: state.now(),
    });
    return true;
  },
);

export const setMessageReaction = defineMethod(
  z.strictObject({
    chat_id: chatId,
    message_id: messageId,
    reaction: z.array(reactionSchema).max(1).optional(),
    is_big: flag,
  }),
  (state, fields) => {
    const { room, posted } = findPost(state, fields, "react");
    const emoji = fields.reaction?.[0]?.emoji;
    if (emoji !== undefined && !REACTIONS.has(emoji)) throw badRequest("REACTION_INVALID");
    const others = posted.reactions.filter((reaction) => reaction.userId !== state.bot.id);
    const own = emoji === undefined ? [] : [{ userId: state.bot.id, emoji }];
    replacePost(state, room, { ...posted, reactions: [...others, ...own] });
    return true;
  },
);

export const pinChatMessage = defineMethod(
  z.strictObject({ chat_id: chatId, message_id: messageId, disable_notification: flag }),
  (state, fields) => {
    const { room, posted } = findPost(state, fields, "pin");
    demandAdministrator(room, state.bot, "manage pinned messages in the chat");
    replacePost(state, room, { ...posted, pinned: true });
    const { reply_to_message: _reply, pinned_message: _pinned, ...pinned } = posted.message;
    post(
      state,
      room,
      { from: state.bot, pinned_message: pinned },
      { silent: fields.disable_notification },
    );
    return true;
  },
);

export const unpinChatMessage = defineMethod(
  z.strictObject({ chat_id: chatId, message_id: messageId.optional() }),
  (state, fields) => {
    const room = state.rooms.forBot(fields.chat_id);
    const pinned = [...room.posts.values()].filter((posted) => posted.pinned);
    const posted =
      fields.message_id === undefined
        ? pinned.at(-1)
        : pinned.find(({ message }) => message.message_id === fields.message_id);
    if (posted === undefined) throw badRequest("message to unpin not found");
    replacePost(state, room, { ...posted, pinned: false });
    return true;
  },
);

function findPost(
  state: TelegramState,
  { chat_id, message_id }: { readonly chat_id: number | string; readonly message_id: number },
  purpose: "react" | "pin",
): { readonly room: Room; readonly posted: Posted } {
  const room = state.rooms.forBot(chat_id);
  const posted = room.posts.get(message_id);
  if (posted === undefined) throw badRequest(`message to ${purpose} not found`);
  return { room, posted };
}
