import { chatMessages } from "./chat-message.ts";
import type { ChatButton, ChatMessage } from "./chat-message.ts";
import type { Message } from "./objects.ts";
import type { Persona } from "./personas.ts";
import { keptText, post, quoted, replacePost, topicPlace } from "./posts.ts";
import type { Posted, Room } from "./rooms.ts";
import { unixTime } from "./state.ts";
import type { TelegramState } from "./state.ts";
import { userOf } from "./user.ts";

type SayOptions = {
  /** Where: in the ops group unless told otherwise. */
  readonly chat?: "group" | "private" | undefined;
  readonly topic?: number | undefined;
  readonly replyTo?: number | undefined;
  /** When it was sent, for messages that waited out an outage. */
  readonly date?: Date | undefined;
  /** Fields that make the message something else than it looks: forwarded, sent by a channel, via a bot… */
  readonly extra?: Partial<Message> | undefined;
};

type TapTarget =
  /** The newest message that shows such a button. */
  | string
  | { readonly messageId: number; readonly label: string }
  /** Forged: a modified client can send any data, for any message, also a deleted one. */
  | { readonly data: string; readonly messageId?: number | undefined };

/** What one person can do in Telegram. */
export type Actor = {
  readonly persona: Persona;
  say(
    text: string,
    options?: SayOptions,
  ): { readonly updateId: number; readonly messageId: number };
  tap(target: TapTarget): { readonly updateId: number; readonly queryId: string };
  edit(messageId: number, text: string): { readonly updateId: number };
  /** Sets this person's reaction; without an emoji it is taken back. */
  react(messageId: number, emoji?: string): { readonly updateId: number };
  /** What this person sees in the chat, oldest first. */
  messages(chat?: "group" | "private"): readonly ChatMessage[];
};

export function createActor(state: TelegramState, group: Room, persona: Persona): Actor {
  const user = userOf(persona);
  const roomOf = (chat: "group" | "private" = "group") =>
    chat === "group" ? group : state.rooms.openPrivate(user);
  /** The private chat first: in it a person presses on purpose. */
  const visibleRooms = () =>
    [state.rooms.get(user.id), group].filter((room): room is Room => room !== undefined);

  function find(messageId: number): { readonly room: Room; readonly posted: Posted } {
    for (const room of visibleRooms()) {
      const posted = room.posts.get(messageId) ?? ephemeralFor(room, messageId, user.id);
      if (posted !== undefined) return { room, posted };
    }
    throw new Error(`${persona.firstName} sees no message ${messageId}`);
  }

  function press(room: Room, message: Message | undefined, data: string, messageId: number) {
    const queryId = `${4_611_686_000_000_000_000n + BigInt(state.updates.nextId())}`;
    state.callbacks.open(queryId, user.id);
    const updateId = state.emit({
      callback_query: {
        id: queryId,
        from: user,
        message: message ?? { chat: room.chat, message_id: messageId, date: 0 },
        chat_instance: chatInstance(room),
        data,
      },
    });
    return { updateId, queryId };
  }

  return {
    persona,
    say: (text, options = {}) => {
      const room = roomOf(options.chat);
      const quote = options.replyTo === undefined ? undefined : { message_id: options.replyTo };
      const message = post(
        state,
        room,
        {
          from: user,
          ...topicPlace(room, options.topic),
          date: unixTime(options.date ?? state.now()),
          reply_to_message: quoted(room, quote),
          ...keptText(text),
          ...options.extra,
        },
        { receiver: isEphemeralCommand(state, room, persona, text) ? user : undefined },
      );
      const updateId = state.emit({ message });
      return { updateId, messageId: message.ephemeral_message_id ?? message.message_id };
    },
    tap: (target) => {
      if (typeof target !== "string" && "data" in target) {
        const messageId = target.messageId ?? newestOfBot(state, visibleRooms());
        const room = visibleRooms().find((room) => room.posts.has(messageId)) ?? group;
        return press(room, room.posts.get(messageId)?.message, target.data, messageId);
      }
      const { chatId, id, button } = findButton(
        visibleRooms().flatMap((room) => seenBy(room, user.id)),
        typeof target === "string" ? { label: target } : target,
        persona,
      );
      if (button.action.kind !== "callback") {
        throw new Error(`The button “${button.label}” sends nothing: it is ${button.action.kind}`);
      }
      const { room, posted } = findIn(state, chatId, id);
      return press(room, posted.message, button.action.data, id);
    },
    edit: (messageId, text) => {
      const { room, posted } = find(messageId);
      if (posted.message.from?.id !== user.id) {
        throw new Error(`${persona.firstName} did not write message ${messageId}`);
      }
      const message = {
        ...posted.message,
        ...keptText(text),
        edit_date: unixTime(state.now()),
      };
      replacePost(state, room, { ...posted, message, edits: posted.edits + 1 });
      return { updateId: state.emit({ edited_message: message }) };
    },
    react: (messageId, emoji) => {
      const { room, posted } = find(messageId);
      const own = posted.reactions.filter((reaction) => reaction.userId === user.id);
      const others = posted.reactions.filter((reaction) => reaction.userId !== user.id);
      const next = emoji === undefined ? [] : [{ userId: user.id, emoji }];
      replacePost(state, room, { ...posted, reactions: [...others, ...next] });
      const updateId = state.emit({
        message_reaction: {
          chat: room.chat,
          message_id: messageId,
          user,
          date: unixTime(state.now()),
          old_reaction: own.map(asReaction),
          new_reaction: next.map(asReaction),
        },
      });
      return { updateId };
    },
    messages: (chat = "group") => {
      const room = chat === "group" ? group : state.rooms.get(user.id);
      return room === undefined ? [] : seenBy(room, user.id);
    },
  };
}

function seenBy(room: Room, userId: number): readonly ChatMessage[] {
  return chatMessages(room).filter(
    ({ receiverId }) => receiverId === undefined || receiverId === userId,
  );
}

function findButton(
  messages: readonly ChatMessage[],
  wanted: { readonly label: string; readonly messageId?: number },
  persona: Persona,
): { readonly chatId: number; readonly id: number; readonly button: ChatButton } {
  const newestFirst = messages.toSorted(
    (a, b) => b.sentAt.getTime() - a.sentAt.getTime() || b.id - a.id,
  );
  for (const { chatId, id, buttons } of newestFirst) {
    if (wanted.messageId !== undefined && wanted.messageId !== id) continue;
    const button = buttons.flat().find(({ label }) => label === wanted.label);
    if (button !== undefined) return { chatId, id, button };
  }
  const labels = newestFirst.flatMap(({ buttons }) => buttons.flat().map(({ label }) => label));
  const shown = labels.length === 0 ? "no buttons at all" : labels.slice(0, 12).join(", ");
  throw new Error(`${persona.firstName} sees no button “${wanted.label}”. There are: ${shown}`);
}

function findIn(
  state: TelegramState,
  chatId: number,
  id: number,
): { readonly room: Room; readonly posted: Posted } {
  const room = state.rooms.get(chatId);
  const posted = room?.posts.get(id) ?? room?.ephemerals.get(id);
  if (room === undefined || posted === undefined) throw new Error(`There is no message ${id}`);
  return { room, posted };
}

function ephemeralFor(room: Room, id: number, userId: number): Posted | undefined {
  const posted = room.ephemerals.get(id);
  return posted?.message.receiver_user?.id === userId ? posted : undefined;
}

function newestOfBot(state: TelegramState, rooms: readonly Room[]): number {
  const ids = rooms
    .flatMap((room) => [...room.posts.values()])
    .filter(({ message }) => message.from?.id === state.bot.id)
    .map(({ message }) => message.message_id);
  if (ids.length === 0) throw new Error("The bot has not written anything that could be tapped");
  return Math.max(...ids);
}

/** A command may be declared ephemeral in its menu: then the group does not see that it was typed. */
function isEphemeralCommand(
  state: TelegramState,
  room: Room,
  persona: Persona,
  text: string,
): boolean {
  if (room.chat.type === "private") return false;
  const name = /^\/([a-z0-9_]+)/.exec(text)?.[1];
  const menu = state.menus.shownTo(menuReader(persona), room.chat.id);
  return menu.some((command) => command.command === name && command.is_ephemeral === true);
}

/** Whose menu Telegram shows. */
export function menuReader(persona: Persona): { readonly id: number; readonly isAdmin: boolean } {
  return {
    id: persona.id,
    isAdmin: persona.status === "creator" || persona.status === "administrator",
  };
}

function asReaction({ emoji }: { readonly emoji: string }): { type: "emoji"; emoji: string } {
  return { type: "emoji", emoji };
}

/** Unique for the chat and the same for all taps in it. */
function chatInstance(room: Room): string {
  return String(BigInt(Math.abs(room.chat.id)) * 7_919n);
}
