import { z } from "zod";

import {
  chatId,
  checkCaption,
  checkText,
  entities,
  ephemeralParameters,
  flag,
  noParseMode,
  replyParameters,
  threadId,
} from "../fields.ts";
import { imageSize } from "../image-size.ts";
import { replyMarkupSchema } from "../keyboards.ts";
import type { ReplyMarkup } from "../keyboards.ts";
import { linkPreviewSchema } from "../objects.ts";
import type { Message } from "../objects.ts";
import { keptKeyboard, keptText, post, quoted, topicPlace } from "../posts.ts";
import type { Draft } from "../posts.ts";
import { badRequest } from "../refusal.ts";
import type { Upload } from "../request-body.ts";
import type { Posted, Room } from "../rooms.ts";
import type { TelegramState } from "../state.ts";
import type { User } from "../user.ts";
import { defineMethod } from "./api-method.ts";

const MEGABYTE = 1024 * 1024;

const envelope = {
  chat_id: chatId,
  message_thread_id: threadId,
  disable_notification: flag,
  protect_content: flag,
  reply_parameters: replyParameters,
  reply_markup: replyMarkupSchema.optional(),
  ephemeral_message_parameters: ephemeralParameters,
};
type Envelope = z.output<z.ZodObject<typeof envelope>>;

const caption = {
  caption: z.string().optional(),
  caption_entities: entities,
  parse_mode: noParseMode,
};

const upload = z.custom<Upload>(
  (value) => typeof value === "object" && value !== null && "bytes" in value,
  "expected a file that is uploaded with the request",
);
const fileOrId = z.union([upload, z.string().min(1)]);

export const sendMessage = defineMethod(
  z
    .strictObject({
      ...envelope,
      text: z.string(),
      entities,
      parse_mode: noParseMode,
      link_preview_options: linkPreviewSchema.optional(),
    })
    .superRefine(checkText),
  (state, fields) =>
    send(state, fields, {
      ...keptText(fields.text, fields.entities),
      link_preview_options: fields.link_preview_options,
    }),
);

export const sendDocument = defineMethod(
  z
    .strictObject({
      ...envelope,
      ...caption,
      document: fileOrId,
      disable_content_type_detection: flag,
    })
    .superRefine(checkCaption),
  (state, fields) => {
    const file = fileFor(state, fields.document, 50 * MEGABYTE);
    return send(state, fields, {
      ...keptCaption(fields),
      document: {
        file_id: file.id,
        file_unique_id: file.uniqueId,
        file_name: file.name,
        mime_type: file.type,
        file_size: file.bytes.length,
      },
    });
  },
);

export const sendPhoto = defineMethod(
  z
    .strictObject({
      ...envelope,
      ...caption,
      photo: fileOrId,
      show_caption_above_media: flag,
      has_spoiler: flag,
    })
    .superRefine(checkCaption),
  (state, fields) => {
    const file = fileFor(state, fields.photo, 10 * MEGABYTE);
    const size = imageSize(file.bytes);
    if (size === undefined) throw badRequest("IMAGE_PROCESS_FAILED");
    const [longer, shorter] = [size.width, size.height].toSorted((a, b) => b - a) as [
      number,
      number,
    ];
    if (longer + shorter > 10_000 || longer > 20 * shorter) {
      throw badRequest("PHOTO_INVALID_DIMENSIONS");
    }
    return send(state, fields, {
      ...keptCaption(fields),
      photo: [
        { file_id: file.id, file_unique_id: file.uniqueId, ...size, file_size: file.bytes.length },
      ],
    });
  },
);

const CHAT_ACTIONS = [
  "typing",
  "upload_photo",
  "record_video",
  "upload_video",
  "record_voice",
  "upload_voice",
  "upload_document",
  "choose_sticker",
  "find_location",
  "record_video_note",
  "upload_video_note",
] as const;

export const sendChatAction = defineMethod(
  z.strictObject({
    chat_id: chatId,
    message_thread_id: threadId,
    action: z.enum(CHAT_ACTIONS),
  }),
  (state, fields) => {
    topicPlace(state.rooms.forBot(fields.chat_id), fields.message_thread_id);
    return true;
  },
);

function send(state: TelegramState, fields: Envelope, content: Draft): Message {
  const room = state.rooms.forBot(fields.chat_id);
  const quote = quoted(room, fields.reply_parameters);
  return post(
    state,
    room,
    {
      from: state.bot,
      ...topicPlace(room, fields.message_thread_id),
      reply_to_message: quote,
      reply_markup: keptKeyboard(fields.reply_markup),
      has_protected_content: fields.protect_content === true ? true : undefined,
      ...content,
    },
    {
      silent: fields.disable_notification,
      receiver: receiverOf(room, fields.ephemeral_message_parameters),
      asksReplyOf: askedForReply(fields.reply_markup, quote),
    },
  );
}

/** A selective question is only for the person whose message it answers. */
function askedForReply(
  markup: ReplyMarkup | undefined,
  quote: Message["reply_to_message"],
): Posted["asksReplyOf"] {
  if (markup === undefined || !("force_reply" in markup) || markup.force_reply !== true) {
    return undefined;
  }
  const isSelective = "selective" in markup && markup.selective === true;
  return isSelective ? quote?.from?.id : "everybody";
}

function receiverOf(
  room: Room,
  ephemeral: Envelope["ephemeral_message_parameters"],
): User | undefined {
  if (ephemeral === undefined) return undefined;
  const member = room.members.get(ephemeral.receiver_user_id);
  if (member === undefined) throw badRequest("user not found");
  return member.user;
}

function keptCaption(fields: {
  readonly caption?: string | undefined;
  readonly caption_entities?: z.output<typeof entities>;
}): Pick<Draft, "caption" | "caption_entities"> {
  if (fields.caption === undefined || fields.caption.trim() === "") return {};
  const kept = keptText(fields.caption, fields.caption_entities);
  return { caption: kept.text, caption_entities: kept.entities };
}

function fileFor(state: TelegramState, given: Upload | string, maxBytes: number) {
  const file = typeof given === "string" ? state.files.get(given) : state.files.add(given);
  if (file === undefined) throw badRequest("wrong file identifier/HTTP URL specified");
  if (file.bytes.length === 0) throw badRequest("file must be non-empty");
  if (file.bytes.length > maxBytes) throw badRequest("file is too big");
  return file;
}
