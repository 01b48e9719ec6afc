import type { BotProfile } from "./bot-profile.ts";
import type { Callbacks } from "./callbacks.ts";
import type { Changes } from "./changes.ts";
import type { CommandMenus } from "./command-menus.ts";
import type { FileStore } from "./file-store.ts";
import type { CallbackAnswer, Log, Violation } from "./journal.ts";
import type { LongPoll } from "./long-poll.ts";
import type { Update } from "./objects.ts";
import type { Rooms } from "./rooms.ts";
import type { UpdateQueue } from "./update-queue.ts";
import type { User } from "./user.ts";
import type { Webhook } from "./webhook.ts";

/** Everything that the methods and the people act on. */
export type TelegramState = {
  readonly now: () => Date;
  readonly bot: User;
  readonly profile: BotProfile;
  readonly rooms: Rooms;
  readonly updates: UpdateQueue;
  readonly longPoll: LongPoll;
  readonly webhook: Webhook;
  readonly callbacks: Callbacks;
  readonly menus: CommandMenus;
  readonly files: FileStore;
  readonly callbackAnswers: Log<CallbackAnswer>;
  readonly violations: Log<Violation>;
  readonly changes: Changes;
  /** Sends an update to the bot, after checking that the real server could have sent it; 0 if it would not have. */
  emit(body: Omit<Update, "update_id">): number;
};

/** Telegram counts time in whole seconds. */
export function unixTime(date: Date): number {
  return Math.floor(date.getTime() / 1_000);
}
