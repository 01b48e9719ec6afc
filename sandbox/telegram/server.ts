import type { AddressInfo } from "node:net";

import { createAdaptorServer } from "@hono/node-server";

import { createActor, menuReader } from "./actor.ts";
import type { Actor } from "./actor.ts";
import type { BotProfile } from "./bot-profile.ts";
import { createBot } from "./bot.ts";
import type { Bot } from "./bot.ts";
import { createChanges, waitForChange } from "./changes.ts";
import { chatMessages } from "./chat-message.ts";
import type { ChatMessage } from "./chat-message.ts";
import type { BotCommand } from "./command-menus.ts";
import type { Faults } from "./faults.ts";
import type { StoredFile } from "./file-store.ts";
import { createFlood } from "./flood.ts";
import { createLog } from "./journal.ts";
import type { ApiCall, CallbackAnswer, Violation } from "./journal.ts";
import type { Update } from "./objects.ts";
import { otherBotOf } from "./other-bot.ts";
import type { OtherBot } from "./other-bot.ts";
import { personas } from "./personas.ts";
import type { MemberStatus, Persona, PersonaName } from "./personas.ts";
import { post } from "./posts.ts";
import { describeMember, memberOf } from "./rooms.ts";
import { unixTime } from "./state.ts";
import type { HeldUpdates } from "./update-queue.ts";
import { botUser, userOf } from "./user.ts";
import { telegramRetryDelayMs } from "./webhook.ts";

export type { ChatMessage } from "./chat-message.ts";
export type { CallbackAnswer } from "./journal.ts";
export { personaNames, personas } from "./personas.ts";
export type { Persona, PersonaName } from "./personas.ts";

const GROUP_ID = -1_001_000_000_001;
const GROUP_TITLE = "Ops";
export type TelegramOptions = {
  /** Made up, `<number>:<anything>`; one that looks real is refused. */
  readonly botToken: string;
  readonly now?: () => Date;
  /** A free one when left out. */
  readonly port?: number;
  /** The real server's limits per chat; off when left out, so that tests run at their own pace. */
  readonly floodControl?: boolean;
  /** The wait before the nth repetition of a failed webhook delivery. */
  readonly webhookRetryDelayMs?: (failures: number) => number;
};

export type TelegramServer = AsyncDisposable & {
  /** The API's root, for a client that appends `/bot<token>/<method>`. */
  readonly url: string;
  readonly botId: number;
  readonly botName: string;
  /** The ops group, a supergroup in which the bot is an administrator. */
  readonly chatId: number;
  readonly chatTitle: string;
  as(who: PersonaName | Persona): Actor;
  /** Sends an update of the tester's making: a channel post, another bot, an anonymous administrator. It must be well formed. */
  deliver(update: object): number;
  /** The same, for what Telegram would never send. */
  deliverMalformed(update: object): number;
  /** Sends earlier updates once more, in this order. */
  redeliver(...updateIds: readonly number[]): void;
  hold(): HeldUpdates;
  /** Everything that stands in a chat, also what only one person sees; the ops group unless a chat is named. */
  messages(chatId?: number): readonly ChatMessage[];
  callbackAnswers(): readonly CallbackAnswer[];
  calls(): readonly ApiCall[];
  violations(): readonly Violation[];
  readonly faults: Faults;
  /** The command menu that a person sees in a chat. */
  commands(who: PersonaName | Persona, chat?: "group" | "private"): readonly BotCommand[];
  file(fileId: string): StoredFile | undefined;
  /** The ops group becomes another one with a new id, as a basic group does that becomes a supergroup. */
  migrate(): number;
  /** Opens a topic in the group and returns its message_thread_id. */
  openTopic(name: string): number;
  /** Somebody throws the bot out of the ops group, or takes it in again. */
  setBotStatus(status: MemberStatus): void;
  /** Somebody adds the bot to a group of their own; the result is its id. */
  addBotToGroup(title: string, by: PersonaName | Persona): number;
  /** What the ops bot is told of itself. */
  readonly profile: BotProfile;
  /** Another bot on the same server, with a token, chats and updates of its own. */
  addBot(token: string, names: { readonly firstName: string; readonly username: string }): OtherBot;
  /** Resolves as soon as `what` finds something, looking after every change. */
  waitFor<T>(
    what: (telegram: TelegramServer) => T | undefined,
    options: { readonly timeoutMs: number },
  ): Promise<T>;
  onChange(listener: () => void): () => void;
};

export async function startTelegram(options: TelegramOptions): Promise<TelegramServer> {
  refuseRealToken(options.botToken);
  const now = options.now ?? (() => new Date());
  const changes = createChanges();
  const violations = createLog<Violation>(changes.announce);
  const around = {
    now,
    changes,
    violations,
    flood: options.floodControl === true ? createFlood(now) : undefined,
    webhookRetryDelayMs: options.webhookRetryDelayMs ?? telegramRetryDelayMs,
  };
  const own = createBot(options.botToken, botUser(options.botToken), around);
  const { state, faults, calls, check } = own;
  const { bot, rooms, updates } = state;
  let group = rooms.openGroup(
    { id: GROUP_ID, type: "supergroup", title: GROUP_TITLE, is_forum: true },
    Object.values(personas),
  );
  const others = new Map<string, Bot>();

  function changeBotStatus(room: typeof group, status: MemberStatus, by: Persona): void {
    const before = memberOf(room, bot.id) ?? describeMember(bot, "left");
    rooms.setBotStatus(room, status);
    state.emit({
      my_chat_member: {
        chat: room.chat,
        from: userOf(by),
        date: unixTime(now()),
        old_chat_member: before,
        new_chat_member: describeMember(bot, status),
      },
    });
    changes.announce();
  }

  const server = createAdaptorServer({
    // A token that is nobody's is refused by the first bot like any wrong one.
    fetch: (request, env) => (others.get(tokenOf(request.url)) ?? own).api.app.fetch(request, env),
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;

  const personOf = (who: PersonaName | Persona): Persona =>
    typeof who === "string" ? personas[who] : who;

  const telegram: TelegramServer = {
    url: `http://127.0.0.1:${port}`,
    botId: bot.id,
    botName: bot.first_name,
    chatId: GROUP_ID,
    chatTitle: GROUP_TITLE,
    as: (who) => {
      const persona = personOf(who);
      if (!group.members.has(persona.id)) {
        group.members.set(persona.id, { user: userOf(persona), status: persona.status });
      }
      return createActor(state, group, persona);
    },
    deliver: (update) => {
      check({ update_id: updates.nextId(), ...update });
      return telegram.deliverMalformed(update);
    },
    deliverMalformed: (update) => {
      if (!("update_id" in update)) return updates.push(update);
      const own = update as Update;
      updates.repeat(own);
      return own.update_id;
    },
    redeliver: (...updateIds) => {
      updateIds.map(updates.find).forEach(updates.repeat);
    },
    hold: updates.hold,
    messages: (chatId = group.chat.id) => {
      const room = rooms.get(chatId);
      return room === undefined ? [] : chatMessages(room);
    },
    callbackAnswers: state.callbackAnswers.all,
    calls: calls.all,
    violations: violations.all,
    faults,
    profile: state.profile,
    commands: (who, chat = "group") => {
      const persona = personOf(who);
      return state.menus.shownTo(menuReader(persona), chat === "group" ? GROUP_ID : persona.id);
    },
    file: state.files.get,
    openTopic: (name) => {
      const { message_id: id } = post(state, group, {
        from: userOf(personas.approver),
        forum_topic_created: { name, icon_color: 7_322_096 },
      });
      group.topics.set(id, { id, name, closed: false });
      return id;
    },
    migrate: () => {
      const from = userOf(personas.approver);
      const before = group;
      group = rooms.migrate(before, before.chat.id - 1_000_000);
      const message = post(state, before, { from, migrate_to_chat_id: group.chat.id });
      state.emit({ message });
      const arrival = post(state, group, { from, migrate_from_chat_id: before.chat.id });
      state.emit({ message: arrival });
      return group.chat.id;
    },
    setBotStatus: (status) => changeBotStatus(group, status, personas.approver),
    addBotToGroup: (title, by) => {
      const id = GROUP_ID - rooms.all().length;
      const room = rooms.openGroup({ id, type: "supergroup", title }, [personOf(by)]);
      rooms.setBotStatus(room, "left");
      changeBotStatus(room, "member", personOf(by));
      return id;
    },
    addBot: (token, { firstName, username }) => {
      refuseRealToken(token);
      const user = { ...botUser(token), first_name: firstName, username };
      const other = createBot(token, user, around);
      others.set(token, other);
      return otherBotOf(other);
    },
    waitFor: (what, { timeoutMs }) =>
      waitForChange(changes, () => what(telegram), {
        timeoutMs,
        describe: () => describeLast(telegram),
      }),
    onChange: changes.onChange,
    [Symbol.asyncDispose]: async () => {
      for (const each of [own, ...others.values()]) each.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      if ("closeAllConnections" in server) server.closeAllConnections();
      await closed;
    },
  };

  return telegram;
}

/** Nobody shall paste the key to a living bot into a toy. */
function refuseRealToken(botToken: string): void {
  if (/^\d{8,10}:AA[\w-]{33}$/.test(botToken)) {
    throw new Error(
      "The bot token looks like a real one. The sandbox takes a made-up token such as 7000001:sandbox",
    );
  }
  if (!/^\d+:[\w-]+$/.test(botToken)) {
    throw new Error("A bot token is a number, a colon and some of A–Z, a–z, 0–9, _ and -");
  }
}

/** The token in a path such as `/bot7000001:made-up/getMe`. */
function tokenOf(url: string): string {
  return /^\/bot([^/]+)\//.exec(decodeURIComponent(new URL(url).pathname))?.[1] ?? "";
}

function describeLast(telegram: TelegramServer): string {
  const message = telegram.messages().at(-1);
  const call = telegram.calls().at(-1);
  return [
    message === undefined ? "no message" : `${message.from.name}: ${message.text.slice(0, 200)}`,
    call === undefined ? "no call" : `${call.method} → ${call.status} ${call.description ?? ""}`,
  ].join("; ");
}
