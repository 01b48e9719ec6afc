import { z } from "zod";

import { chatId } from "../fields.ts";
import { post } from "../posts.ts";
import { badRequest } from "../refusal.ts";
import { demandAdministrator, describeMember, memberOf } from "../rooms.ts";
import type { Room, Topic } from "../rooms.ts";
import { unixTime } from "../state.ts";
import type { TelegramState } from "../state.ts";
import { defineMethod } from "./api-method.ts";

const ICON_COLOR = 7_322_096;

export const getMe = defineMethod(z.strictObject({}), (state) => state.profile.self());

export const getChat = defineMethod(z.strictObject({ chat_id: chatId }), (state, fields) => {
  const room = state.rooms.forBot(fields.chat_id);
  const pinned = [...room.posts.values()].findLast((posted) => posted.pinned);
  return {
    ...room.chat,
    accent_color_id: 0,
    max_reaction_count: 11,
    accepted_gift_types: {
      unlimited_gifts: false,
      limited_gifts: false,
      unique_gifts: false,
      premium_subscription: false,
      gifts_from_channels: false,
    },
    pinned_message: pinned?.message,
  };
});

export const getChatMember = defineMethod(
  z.strictObject({ chat_id: chatId, user_id: z.int().positive() }),
  (state, fields) => {
    const member = memberOf(state.rooms.forBot(fields.chat_id), fields.user_id);
    if (member !== undefined) return member;
    const known = state.rooms
      .all()
      .map((room) => room.members.get(fields.user_id)?.user)
      .find((user) => user !== undefined);
    if (known === undefined) throw badRequest("user not found");
    return describeMember(known, "left");
  },
);

export const getChatAdministrators = defineMethod(
  z.strictObject({ chat_id: chatId, return_bots: z.boolean().optional() }),
  (state, fields) => {
    const room = state.rooms.forBot(fields.chat_id);
    if (room.chat.type === "private") {
      throw badRequest("there are no administrators in the private chat");
    }
    return [...room.members.values()]
      .filter(({ status }) => status === "creator" || status === "administrator")
      .filter(({ user }) => !user.is_bot || user.id === state.bot.id || fields.return_bots === true)
      .map(({ user, status }) => describeMember(user, status));
  },
);

export const leaveChat = defineMethod(z.strictObject({ chat_id: chatId }), (state, fields) => {
  const room = state.rooms.forBot(fields.chat_id);
  if (room.chat.type === "private")
    throw badRequest("chat member status can't be changed in private chats");
  const before = memberOf(room, state.bot.id) ?? describeMember(state.bot, "left");
  state.rooms.setBotStatus(room, "left");
  state.emit({
    my_chat_member: {
      chat: room.chat,
      from: state.bot,
      date: unixTime(state.now()),
      old_chat_member: before,
      new_chat_member: describeMember(state.bot, "left"),
    },
  });
  state.changes.announce();
  return true;
});

export const createForumTopic = defineMethod(
  z.strictObject({
    chat_id: chatId,
    name: z.string().min(1).max(128),
    icon_color: z.int().optional(),
    icon_custom_emoji_id: z.string().optional(),
  }),
  (state, fields) => {
    const room = state.rooms.forBot(fields.chat_id);
    if (room.chat.is_forum !== true) throw badRequest("the chat is not a forum");
    demandAdministrator(room, state.bot, "create a topic");
    const iconColor = fields.icon_color ?? ICON_COLOR;
    const opening = post(state, room, {
      from: state.bot,
      forum_topic_created: { name: fields.name, icon_color: iconColor },
    });
    const id = opening.message_id;
    room.topics.set(id, { id, name: fields.name, closed: false });
    return { message_thread_id: id, name: fields.name, icon_color: iconColor };
  },
);

const topicAddress = { chat_id: chatId, message_thread_id: z.int().positive() };

export const editForumTopic = defineMethod(
  z.strictObject({ ...topicAddress, name: z.string().max(128).optional() }),
  (state, fields) => {
    const name = fields.name ?? "";
    return changeTopic(state, fields, (topic) => (name === "" ? topic : { ...topic, name }));
  },
);

export const closeForumTopic = defineMethod(z.strictObject(topicAddress), (state, fields) =>
  changeTopic(state, fields, (topic) => ({ ...topic, closed: true })),
);

export const reopenForumTopic = defineMethod(z.strictObject(topicAddress), (state, fields) =>
  changeTopic(state, fields, (topic) => ({ ...topic, closed: false })),
);

function changeTopic(
  state: TelegramState,
  address: { readonly chat_id: number | string; readonly message_thread_id: number },
  change: (topic: Topic) => Topic,
): true {
  const room: Room = state.rooms.forBot(address.chat_id);
  const topic = room.topics.get(address.message_thread_id);
  if (topic === undefined) throw badRequest("message thread not found");
  const changed = change(topic);
  if (changed.closed === topic.closed && changed.name === topic.name) {
    throw badRequest("TOPIC_NOT_MODIFIED");
  }
  room.topics.set(topic.id, changed);
  state.changes.announce();
  return true;
}
