import { createBotApi } from "./bot-api.ts";
import type { BotApi } from "./bot-api.ts";
import { createBotProfile } from "./bot-profile.ts";
import { createCallbacks } from "./callbacks.ts";
import type { Changes } from "./changes.ts";
import { createCommandMenus } from "./command-menus.ts";
import { createFaults } from "./faults.ts";
import { createFileStore } from "./file-store.ts";
import type { Flood } from "./flood.ts";
import { chatOf, hears } from "./hearing.ts";
import { createLog } from "./journal.ts";
import type { ApiCall, CallbackAnswer, Log, Violation } from "./journal.ts";
import { createLongPoll } from "./long-poll.ts";
import { kindOf, updateSchema } from "./objects.ts";
import { createRooms } from "./rooms.ts";
import type { TelegramState } from "./state.ts";
import { createUpdateQueue } from "./update-queue.ts";
import type { User } from "./user.ts";
import { createWebhook } from "./webhook.ts";

/** The update id of what the bot is not told. */
const NOT_HEARD = 0;

/** What all bots of a Telegram have in common. */
export type BotSurroundings = {
  readonly now: () => Date;
  readonly changes: Changes;
  readonly violations: Log<Violation>;
  readonly flood: Flood | undefined;
  readonly webhookRetryDelayMs: (failures: number) => number;
};

/** One bot with everything that Telegram keeps for it: its chats, its updates, its webhook. */
export type Bot = {
  readonly state: TelegramState;
  readonly api: BotApi;
  readonly calls: Log<ApiCall>;
  readonly faults: ReturnType<typeof createFaults>;
  /** Notes what the real server could not have sent. */
  check(update: object): void;
  close(): void;
};

export function createBot(token: string, user: User, around: BotSurroundings): Bot {
  const { now, changes, violations } = around;
  const calls = createLog<ApiCall>(changes.announce);
  const faults = createFaults(changes.announce);
  const firstId = idFromClock(now());
  const rooms = createRooms(user, firstId);
  const updates = createUpdateQueue({
    firstId: firstId * 8,
    now,
    onPush: () => {
      longPoll.wake();
      webhook.wake();
    },
  });
  const longPoll = createLongPoll(updates, () => performance.now());
  const webhook = createWebhook({
    queue: updates,
    now,
    retryDelayMs: around.webhookRetryDelayMs,
    execute: (method, fields) => api.execute(method, fields),
  });

  const state: TelegramState = {
    now,
    bot: user,
    profile: createBotProfile(user),
    rooms,
    updates,
    longPoll,
    webhook,
    callbacks: createCallbacks(now),
    menus: createCommandMenus(),
    files: createFileStore(),
    callbackAnswers: createLog<CallbackAnswer>(changes.announce),
    violations,
    changes,
    emit: (body) => {
      if (!hears(rooms.get(chatOf(body) ?? 0), user, body)) return NOT_HEARD;
      check({ update_id: updates.nextId(), ...body });
      return updates.push(body);
    },
  };

  function check(update: object): void {
    const parsed = updateSchema.safeParse(JSON.parse(JSON.stringify(update)));
    for (const issue of parsed.error?.issues ?? []) {
      violations.add({
        at: now(),
        about: "update",
        subject: kindOf(update) ?? "nothing",
        path: issue.path.map(String).join("."),
        message: issue.message,
      });
    }
  }

  const api = createBotApi({ botToken: token, state, faults, flood: around.flood, calls });
  return {
    state,
    api,
    calls,
    faults,
    check,
    close: () => {
      webhook.close();
      faults.clear();
    },
  };
}

/**
 * Ids go up from one start of the sandbox to the next, because a bot keeps in its database which updates it has seen
 * and which messages are its own.
 */
function idFromClock(now: Date): number {
  return Math.max(1, Math.floor((now.getTime() - Date.UTC(2026, 0, 1)) / 1_000));
}
