import { withFoundEntities } from "./entities.ts";
import type { Entity } from "./entities.ts";
import type { InlineKeyboard, ReplyMarkup } from "./keyboards.ts";
import type { Message } from "./objects.ts";
import { badRequest } from "./refusal.ts";
import type { Posted, Room } from "./rooms.ts";
import { unixTime } from "./state.ts";
import type { TelegramState } from "./state.ts";
import type { User } from "./user.ts";

/** The parts of a message that are not decided by where and when it is posted. */
export type Draft = Partial<Omit<Message, "message_id" | "chat">>;

export type Target = {
  readonly silent?: boolean | undefined;
  /** Only this person sees it. */
  readonly receiver?: User | undefined;
  readonly asksReplyOf?: Posted["asksReplyOf"];
};

/** Puts a message into the chat and returns it as the API shows it. */
export function post(state: TelegramState, room: Room, draft: Draft, target: Target = {}): Message {
  const place = { date: unixTime(state.now()), ...draft, chat: room.chat };
  const posted = {
    silent: target.silent ?? false,
    edits: 0,
    pinned: false,
    reactions: [],
    asksReplyOf: target.asksReplyOf,
  };
  if (target.receiver === undefined) {
    const message: Message = { message_id: room.nextMessageId(), ...place };
    room.posts.set(message.message_id, { ...posted, message });
    state.changes.announce();
    return message;
  }
  const ephemeralId = room.nextEphemeralId();
  const message: Message = {
    message_id: 0,
    ...place,
    receiver_user: target.receiver,
    ephemeral_message_id: ephemeralId,
  };
  room.ephemerals.set(ephemeralId, { ...posted, message });
  state.changes.announce();
  return message;
}

/** Replaces a message of the chat, wherever it is kept. */
export function replacePost(state: TelegramState, room: Room, posted: Posted): void {
  const { message_id: messageId, ephemeral_message_id: ephemeralId } = posted.message;
  if (ephemeralId === undefined) room.posts.set(messageId, posted);
  else room.ephemerals.set(ephemeralId, posted);
  state.changes.announce();
}

/** A text as the server keeps it: without white space at its end, with what it found in it. */
export function keptText(
  text: string,
  given: readonly Entity[] = [],
): { readonly text: string; readonly entities: Entity[] | undefined } {
  const kept = text.trimEnd();
  const inside = given
    .filter((entity) => entity.offset < kept.length)
    .map((entity) => ({ ...entity, length: Math.min(entity.length, kept.length - entity.offset) }));
  const entities = withFoundEntities(kept, inside);
  return { text: kept, entities: entities.length === 0 ? undefined : entities };
}

/** Only an inline keyboard stays at its message, and an empty one is none. */
export function keptKeyboard(markup: ReplyMarkup | undefined): InlineKeyboard | undefined {
  if (markup === undefined || !("inline_keyboard" in markup)) return undefined;
  const rows = markup.inline_keyboard.filter((row) => row.length > 0);
  return rows.length === 0 ? undefined : { inline_keyboard: rows };
}

/** The message that a reply quotes; a quote holds no quote of its own. */
export function quoted(
  room: Room,
  reply:
    | {
        readonly message_id?: number | undefined;
        readonly ephemeral_message_id?: number | undefined;
        readonly allow_sending_without_reply?: boolean | undefined;
      }
    | undefined,
): Message["reply_to_message"] {
  if (reply === undefined) return undefined;
  const posted =
    reply.message_id === undefined
      ? room.ephemerals.get(reply.ephemeral_message_id ?? 0)
      : room.posts.get(reply.message_id);
  if (posted === undefined) {
    if (reply.allow_sending_without_reply === true) return undefined;
    throw badRequest("message to be replied not found");
  }
  const { reply_to_message: _reply, pinned_message: _pinned, ...message } = posted.message;
  return message;
}

/** Where in a forum a message goes; a message outside of topics has neither field. */
export function topicPlace(
  room: Room,
  threadId: number | undefined,
): Pick<Message, "message_thread_id" | "is_topic_message"> {
  if (threadId === undefined) return {};
  const topic = room.topics.get(threadId);
  if (topic === undefined) throw badRequest("message thread not found");
  if (topic.closed) throw badRequest("TOPIC_CLOSED");
  return { message_thread_id: threadId, is_topic_message: true };
}
