import { isDeepStrictEqual } from "node:util";

import { z } from "zod";

import { chatId, checkCaption, checkText, entities, messageId, noParseMode } from "../fields.ts";
import { inlineKeyboardSchema } from "../keyboards.ts";
import { linkPreviewSchema } from "../objects.ts";
import type { Message } from "../objects.ts";
import { keptKeyboard, keptText, replacePost } from "../posts.ts";
import { badRequest } from "../refusal.ts";
import type { Posted, Room } from "../rooms.ts";
import { unixTime } from "../state.ts";
import type { TelegramState } from "../state.ts";
import { defineMethod } from "./api-method.ts";

const NOT_MODIFIED =
  "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";
const DELETABLE_MS = 48 * 3_600_000;

const address = { chat_id: chatId, message_id: messageId };
const keyboard = { reply_markup: inlineKeyboardSchema.optional() };
const text = {
  text: z.string(),
  entities,
  parse_mode: noParseMode,
  link_preview_options: linkPreviewSchema.optional(),
};

export const editMessageText = defineMethod(
  z.strictObject({ ...address, ...keyboard, ...text }).superRefine(checkText),
  (state, fields) => {
    const { room, posted } = ownPost(state, fields);
    return changeText(state, room, posted, fields);
  },
);

export const editMessageCaption = defineMethod(
  z
    .strictObject({
      ...address,
      ...keyboard,
      caption: z.string().optional(),
      caption_entities: entities,
      parse_mode: noParseMode,
      show_caption_above_media: z.boolean().optional(),
    })
    .superRefine(checkCaption),
  (state, fields) => {
    const { room, posted } = ownPost(state, fields);
    if (posted.message.document === undefined && posted.message.photo === undefined) {
      throw badRequest("there is no caption in the message to edit");
    }
    const kept = keptText(fields.caption ?? "", fields.caption_entities);
    return change(state, room, posted, {
      caption: kept.text === "" ? undefined : kept.text,
      caption_entities: kept.entities,
      reply_markup: keptKeyboard(fields.reply_markup),
    });
  },
);

export const editMessageReplyMarkup = defineMethod(
  z.strictObject({ ...address, ...keyboard }),
  (state, fields) => {
    const { room, posted } = ownPost(state, fields);
    return change(state, room, posted, { reply_markup: keptKeyboard(fields.reply_markup) });
  },
);

export const deleteMessage = defineMethod(z.strictObject(address), (state, fields) => {
  const room = state.rooms.forBot(fields.chat_id);
  const posted = room.posts.get(fields.message_id);
  if (posted === undefined) throw badRequest("message to delete not found");
  if (!isDeletable(state, posted)) throw badRequest("message can't be deleted");
  room.posts.delete(fields.message_id);
  state.changes.announce();
  return true;
});

export const deleteMessages = defineMethod(
  z.strictObject({ chat_id: chatId, message_ids: z.array(messageId).min(1).max(100) }),
  (state, fields) => {
    const room = state.rooms.forBot(fields.chat_id);
    // Those that are gone or may not be deleted are skipped, as the real server does.
    for (const id of fields.message_ids) {
      const posted = room.posts.get(id);
      if (posted !== undefined && isDeletable(state, posted)) room.posts.delete(id);
    }
    state.changes.announce();
    return true;
  },
);

const ephemeralAddress = {
  chat_id: chatId,
  receiver_user_id: z.int().positive(),
  ephemeral_message_id: z.int(),
};

export const editEphemeralMessageText = defineMethod(
  z.strictObject({ ...ephemeralAddress, ...keyboard, ...text }).superRefine(checkText),
  (state, fields) => {
    const { room, posted } = ownEphemeral(state, fields);
    changeText(state, room, posted, fields);
    return true;
  },
);

export const deleteEphemeralMessage = defineMethod(
  z.strictObject(ephemeralAddress),
  (state, fields) => {
    const { room } = ownEphemeral(state, fields);
    room.ephemerals.delete(fields.ephemeral_message_id);
    state.changes.announce();
    return true;
  },
);

function changeText(
  state: TelegramState,
  room: Room,
  posted: Posted,
  fields: {
    readonly text: string;
    readonly entities?: z.output<typeof entities>;
    readonly link_preview_options?: Message["link_preview_options"];
    readonly reply_markup?: z.output<typeof inlineKeyboardSchema> | undefined;
  },
): Message {
  if (posted.message.text === undefined) {
    throw badRequest("there is no text in the message to edit");
  }
  return change(state, room, posted, {
    ...keptText(fields.text, fields.entities),
    link_preview_options: fields.link_preview_options,
    reply_markup: keptKeyboard(fields.reply_markup),
  });
}

function change(
  state: TelegramState,
  room: Room,
  posted: Posted,
  changed: Partial<Message>,
): Message {
  const isSame = Object.entries(changed).every(([name, value]) =>
    isDeepStrictEqual(posted.message[name as keyof Message], value),
  );
  if (isSame) throw badRequest(NOT_MODIFIED);
  const message = { ...posted.message, ...changed, edit_date: unixTime(state.now()) };
  replacePost(state, room, { ...posted, message, edits: posted.edits + 1 });
  return message;
}

function ownPost(
  state: TelegramState,
  { chat_id, message_id }: { readonly chat_id: number | string; readonly message_id: number },
): { readonly room: Room; readonly posted: Posted } {
  const room = state.rooms.forBot(chat_id);
  const posted = room.posts.get(message_id);
  if (posted === undefined) throw badRequest("message to edit not found");
  if (posted.message.from?.id !== state.bot.id || posted.message.pinned_message !== undefined) {
    throw badRequest("message can't be edited");
  }
  return { room, posted };
}

function ownEphemeral(
  state: TelegramState,
  fields: {
    readonly chat_id: number | string;
    readonly receiver_user_id: number;
    readonly ephemeral_message_id: number;
  },
): { readonly room: Room; readonly posted: Posted } {
  const room = state.rooms.forBot(fields.chat_id);
  const posted = room.ephemerals.get(fields.ephemeral_message_id);
  const isTheirs =
    posted?.message.receiver_user?.id === fields.receiver_user_id &&
    posted.message.from?.id === state.bot.id;
  if (posted === undefined || !isTheirs) throw badRequest("message to edit not found");
  return { room, posted };
}

/** What the bot has sent itself, and in a private chat also what came in. */
function isDeletable(state: TelegramState, { message }: Posted): boolean {
  const ageMs = state.now().getTime() - message.date * 1_000;
  const isOurs = message.from?.id === state.bot.id || message.chat.type === "private";
  return isOurs && ageMs < DELETABLE_MS;
}
