import { z } from "zod";

import { entitySchema } from "./entities.ts";
import { inlineKeyboardSchema } from "./keyboards.ts";
import { userSchema } from "./user.ts";

/** What the sandbox sends to a bot, as strict as what it expects from one. */
const chatSchema = z.strictObject({
  id: z.int(),
  type: z.enum(["private", "group", "supergroup", "channel"]),
  title: z.string().optional(),
  username: z.string().optional(),
  first_name: z.string().optional(),
  last_name: z.string().optional(),
  is_forum: z.literal(true).optional(),
});
export type Chat = z.output<typeof chatSchema>;

const date = z.int().positive();

export const linkPreviewSchema = z.strictObject({
  is_disabled: z.boolean().optional(),
  url: z.string().optional(),
  prefer_small_media: z.boolean().optional(),
  prefer_large_media: z.boolean().optional(),
  show_above_text: z.boolean().optional(),
});

const originSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("user"), date, sender_user: userSchema }),
  z.strictObject({ type: z.literal("hidden_user"), date, sender_user_name: z.string() }),
  z.strictObject({
    type: z.literal("chat"),
    date,
    sender_chat: chatSchema,
    author_signature: z.string().optional(),
  }),
  z.strictObject({
    type: z.literal("channel"),
    date,
    chat: chatSchema,
    message_id: z.int(),
    author_signature: z.string().optional(),
  }),
]);

const photoSizeSchema = z.strictObject({
  file_id: z.string(),
  file_unique_id: z.string(),
  width: z.int(),
  height: z.int(),
  file_size: z.int().optional(),
});
const documentSchema = z.strictObject({
  file_id: z.string(),
  file_unique_id: z.string(),
  file_name: z.string().optional(),
  mime_type: z.string().optional(),
  file_size: z.int().optional(),
});

const plainMessageSchema = z.strictObject({
  message_id: z.int().min(0),
  message_thread_id: z.int().optional(),
  is_topic_message: z.literal(true).optional(),
  from: userSchema.optional(),
  sender_chat: chatSchema.optional(),
  sender_business_bot: userSchema.optional(),
  sender_tag: z.string().optional(),
  author_signature: z.string().optional(),
  date,
  chat: chatSchema,
  forward_origin: originSchema.optional(),
  is_automatic_forward: z.literal(true).optional(),
  is_from_offline: z.literal(true).optional(),
  via_bot: userSchema.optional(),
  guest_bot_caller_user: userSchema.optional(),
  edit_date: date.optional(),
  has_protected_content: z.literal(true).optional(),
  receiver_user: userSchema.optional(),
  ephemeral_message_id: z.int().optional(),
  text: z.string().min(1).max(4096).optional(),
  entities: z.array(entitySchema).optional(),
  link_preview_options: linkPreviewSchema.optional(),
  caption: z.string().max(1024).optional(),
  caption_entities: z.array(entitySchema).optional(),
  document: documentSchema.optional(),
  photo: z.array(photoSizeSchema).optional(),
  reply_markup: inlineKeyboardSchema.optional(),
  new_chat_members: z.array(userSchema).optional(),
  left_chat_member: userSchema.optional(),
  migrate_to_chat_id: z.int().optional(),
  migrate_from_chat_id: z.int().optional(),
  forum_topic_created: z
    .strictObject({
      name: z.string(),
      icon_color: z.int(),
      icon_custom_emoji_id: z.string().optional(),
    })
    .optional(),
  forum_topic_edited: z.strictObject({ name: z.string().optional() }).optional(),
  forum_topic_closed: z.strictObject({}).optional(),
  forum_topic_reopened: z.strictObject({}).optional(),
});

/** A message that is gone, or too old for the bot to see: its date is always 0. */
const inaccessibleMessageSchema = z.strictObject({
  chat: chatSchema,
  message_id: z.int(),
  date: z.literal(0),
});

/** A quoted message holds no further quotes, so the recursion ends after one step. */
const messageSchema = plainMessageSchema.extend({
  reply_to_message: plainMessageSchema.optional(),
  pinned_message: z.union([plainMessageSchema, inaccessibleMessageSchema]).optional(),
});
export type Message = z.output<typeof messageSchema>;

const callbackQuerySchema = z.strictObject({
  id: z.string().min(1),
  from: userSchema,
  message: z.union([messageSchema, inaccessibleMessageSchema]).optional(),
  inline_message_id: z.string().optional(),
  chat_instance: z.string().min(1),
  data: z.string().min(1).optional(),
});

const memberSchema = z.discriminatedUnion("status", [
  z.strictObject({ status: z.literal("creator"), user: userSchema, is_anonymous: z.boolean() }),
  z.strictObject({
    status: z.literal("administrator"),
    user: userSchema,
    can_be_edited: z.boolean(),
    is_anonymous: z.boolean(),
    can_manage_chat: z.boolean(),
    can_delete_messages: z.boolean(),
    can_manage_video_chats: z.boolean(),
    can_restrict_members: z.boolean(),
    can_promote_members: z.boolean(),
    can_change_info: z.boolean(),
    can_invite_users: z.boolean(),
    can_post_stories: z.boolean(),
    can_edit_stories: z.boolean(),
    can_delete_stories: z.boolean(),
    can_pin_messages: z.boolean(),
    can_manage_topics: z.boolean(),
    can_send_welcome_messages: z.boolean(),
  }),
  z.strictObject({ status: z.literal("member"), user: userSchema }),
  z.strictObject({ status: z.literal("left"), user: userSchema }),
  z.strictObject({ status: z.literal("kicked"), user: userSchema, until_date: z.int() }),
]);
export type Member = z.output<typeof memberSchema>;

const memberChangeSchema = z.strictObject({
  chat: chatSchema,
  from: userSchema,
  date,
  old_chat_member: memberSchema,
  new_chat_member: memberSchema,
});

export const reactionSchema = z.strictObject({ type: z.literal("emoji"), emoji: z.string() });
const reactionChangeSchema = z.strictObject({
  chat: chatSchema,
  message_id: z.int(),
  user: userSchema.optional(),
  actor_chat: chatSchema.optional(),
  date,
  old_reaction: z.array(reactionSchema),
  new_reaction: z.array(reactionSchema),
});

const updateBodies = {
  message: messageSchema,
  edited_message: messageSchema,
  channel_post: messageSchema,
  edited_channel_post: messageSchema,
  guest_message: messageSchema,
  callback_query: callbackQuerySchema,
  message_reaction: reactionChangeSchema,
  my_chat_member: memberChangeSchema,
  chat_member: memberChangeSchema,
} as const;
export type UpdateKind = keyof typeof updateBodies;
export type Update = { readonly update_id: number } & {
  readonly [Kind in UpdateKind]?: z.output<(typeof updateBodies)[Kind]> | undefined;
};

export const updateSchema = z
  .strictObject({
    update_id: z.int().positive(),
    ...(Object.fromEntries(
      Object.entries(updateBodies).map(([kind, schema]) => [kind, schema.optional()]),
    ) as { [Kind in UpdateKind]: z.ZodOptional<(typeof updateBodies)[Kind]> }),
  })
  .refine((update) => Object.keys(update).length === 2, "an update holds exactly one thing");

/** The one thing that an update is about; a hand-made update may be about something that we do not know. */
export function kindOf(update: object): string | undefined {
  return Object.keys(update).find((key) => key !== "update_id");
}
