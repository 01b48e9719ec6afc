import type { Chat, Member, Message } from "./objects.ts";
import type { MemberStatus, Persona } from "./personas.ts";
import { badRequest, forbidden, upgraded } from "./refusal.ts";
import { userOf } from "./user.ts";
import type { User } from "./user.ts";

/** A message with what the chat knows of it beside the API's view. */
export type Posted = {
  readonly message: Message;
  readonly silent: boolean;
  readonly edits: number;
  readonly pinned: boolean;
  /** Whose client opens the field for a reply to it. */
  readonly asksReplyOf: "everybody" | number | undefined;
  readonly reactions: readonly { readonly userId: number; readonly emoji: string }[];
};

export type Topic = { readonly id: number; readonly name: string; readonly closed: boolean };

/** One chat: who is in it and what stands in it. */
export type Room = {
  readonly chat: Chat;
  readonly members: Map<number, { readonly user: User; readonly status: MemberStatus }>;
  readonly posts: Map<number, Posted>;
  /** Messages that only one person sees, by their own series of ids. */
  readonly ephemerals: Map<number, Posted>;
  readonly topics: Map<number, Topic>;
  readonly nextMessageId: () => number;
  readonly nextEphemeralId: () => number;
};

export type Rooms = {
  /** The room that a bot means by its chat_id, or the refusal that the real server would give. */
  forBot(chatId: number | string): Room;
  get(chatId: number): Room | undefined;
  openGroup(chat: Chat, people: readonly Persona[]): Room;
  /** A person who writes to the bot opens the private chat; a bot cannot. */
  openPrivate(user: User): Room;
  setBotStatus(room: Room, status: MemberStatus): void;
  /** The group goes on under another id, with the same people; the old id only tells where it has gone. */
  migrate(room: Room, toChatId: number): Room;
  all(): readonly Room[];
};

export function createRooms(bot: User, firstMessageId: number): Rooms {
  const rooms = new Map<number, Room>();
  const gone = new Map<number, number>();

  function open(chat: Chat): Room {
    const existing = rooms.get(chat.id);
    if (existing !== undefined) return existing;
    let [messageId, ephemeralId] = [firstMessageId, 0];
    const room: Room = {
      chat,
      members: new Map(),
      posts: new Map(),
      ephemerals: new Map(),
      topics: new Map(),
      nextMessageId: () => messageId++,
      nextEphemeralId: () => ++ephemeralId,
    };
    rooms.set(chat.id, room);
    return room;
  }

  return {
    forBot: (chatId) => {
      const movedTo = gone.get(Number(chatId));
      if (movedTo !== undefined) throw upgraded(movedTo);
      const room = rooms.get(Number(chatId));
      if (room !== undefined) return entered(room, bot);
      const isKnownPerson = [...rooms.values()].some((room) => room.members.has(Number(chatId)));
      throw isKnownPerson
        ? forbidden("bot can't initiate conversation with a user")
        : badRequest("chat not found");
    },
    get: (chatId) => rooms.get(chatId),
    migrate: (room, toChatId) => {
      const next = open({ ...room.chat, id: toChatId });
      for (const [id, member] of room.members) next.members.set(id, member);
      gone.set(room.chat.id, toChatId);
      return next;
    },
    openGroup: (chat, people) => {
      const room = open(chat);
      for (const person of people) {
        room.members.set(person.id, { user: userOf(person), status: person.status });
      }
      room.members.set(bot.id, { user: bot, status: "administrator" });
      return room;
    },
    openPrivate: (user) => {
      const names = { first_name: user.first_name, username: user.username };
      const room = open({ id: user.id, type: "private", ...names });
      room.members.set(user.id, { user, status: "member" });
      room.members.set(bot.id, { user: bot, status: "member" });
      return room;
    },
    setBotStatus: (room, status) => room.members.set(bot.id, { user: bot, status }),
    all: () => [...rooms.values()],
  };
}

function entered(room: Room, bot: User): Room {
  const status = room.members.get(bot.id)?.status ?? "left";
  if (status === "left") throw forbidden("bot is not a member of the supergroup chat");
  if (status === "kicked") {
    throw forbidden(
      room.chat.type === "private"
        ? "bot was blocked by the user"
        : "bot was kicked from the supergroup chat",
    );
  }
  return room;
}

/** What only an administrator may do; the words are those of the real server for a bot that is none. */
export function demandAdministrator(room: Room, bot: User, purpose: string): void {
  const isOrdinary = room.members.get(bot.id)?.status === "member";
  if (isOrdinary && room.chat.type !== "private") {
    throw badRequest(`not enough rights to ${purpose}`);
  }
}

export function memberOf(room: Room, userId: number): Member | undefined {
  const member = room.members.get(userId);
  return member === undefined ? undefined : describeMember(member.user, member.status);
}

export function describeMember(user: User, status: MemberStatus): Member {
  if (status === "creator") return { status, user, is_anonymous: false };
  if (status === "kicked") return { status, user, until_date: 0 };
  if (status !== "administrator") return { status, user };
  return {
    status,
    user,
    can_be_edited: false,
    is_anonymous: false,
    can_manage_chat: true,
    can_delete_messages: !user.is_bot,
    can_manage_video_chats: false,
    can_restrict_members: false,
    can_promote_members: false,
    can_change_info: false,
    can_invite_users: true,
    can_post_stories: false,
    can_edit_stories: false,
    can_delete_stories: false,
    can_pin_messages: true,
    can_manage_topics: true,
    can_send_welcome_messages: false,
  };
}
