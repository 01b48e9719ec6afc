import { kindOf } from "./objects.ts";
import type { Update } from "./objects.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const RETENTION_MS = 24 * HOUR;
/** A tap that nobody fetched is worthless soon: the person has long seen a spinner that ended. */
const CALLBACK_RETENTION_MS = 150 * SECOND;
/** How many updates can be sent once more. */
const REMEMBERED = 1_000;
/** The server drops an update whose JSON is larger. */
const MAX_BYTES = 64 * 1024;
/** An offset this far beyond the newest update is taken for nonsense, and answered from the oldest one. */
const FUTURE_OFFSET = 10;

const DEFAULT_EXCLUDED = ["chat_member", "message_reaction", "message_reaction_count"];

/** Updates that are held back until they are released. */
export type HeldUpdates = {
  /** Sends them as they came, or in the order of these ids; then those that are not named are lost. */
  release(order?: readonly number[]): void;
};

/** The bot's queue of updates as the real server keeps it. */
export type UpdateQueue = {
  /** Queues an update if the bot asked for its kind; it returns its id in any case. */
  readonly push: (body: Omit<Update, "update_id">) => number;
  /** Queues an update that has an id of its own, or an earlier one once more: it is delivered once, before all others. */
  readonly repeat: (update: Update) => void;
  /** One of the newest updates, delivered or not. */
  readonly find: (updateId: number) => Update;
  readonly nextId: () => number;
  readonly hold: () => HeldUpdates;
  /** What getUpdates answers. An offset confirms everything before it; a negative one keeps only the newest. */
  readonly take: (offset: number, limit: number) => readonly Update[];
  readonly pending: () => readonly Update[];
  readonly remove: (update: Update) => void;
  readonly clear: () => void;
  readonly setAllowed: (kinds: readonly string[]) => void;
  /** What getWebhookInfo shows: undefined while the default is in force. */
  readonly allowed: () => readonly string[] | undefined;
};

type Queued = { readonly update: Update; readonly expiresAt: number };

export function createUpdateQueue(options: {
  readonly firstId: number;
  readonly now: () => Date;
  readonly onPush: () => void;
}): UpdateQueue {
  const { now, onPush } = options;
  let queued: Queued[] = [];
  let repeats: Queued[] = [];
  let allowedKinds: readonly string[] = [];
  let nextId = options.firstId;
  let history: readonly Update[] = [];
  let held: Update[] | undefined;

  const isLive = (entry: Queued) => entry.expiresAt > now().getTime();
  const isWanted = (kind: string) =>
    allowedKinds.length === 0 ? !DEFAULT_EXCLUDED.includes(kind) : allowedKinds.includes(kind);

  function entryOf(update: Update): Queued {
    const retention = update.callback_query === undefined ? RETENTION_MS : CALLBACK_RETENTION_MS;
    return { update, expiresAt: now().getTime() + retention };
  }

  function find(updateId: number): Update {
    const update = history.findLast((update) => update.update_id === updateId);
    if (update === undefined) throw new Error(`There was no update ${updateId}`);
    return update;
  }

  function remember(update: Update): void {
    history = [...history.slice(1 - REMEMBERED), update];
  }

  function enqueue(update: Update): void {
    const isSmall = Buffer.byteLength(JSON.stringify(update)) <= MAX_BYTES;
    if (!isSmall || !isWanted(kindOf(update) ?? "")) return;
    queued.push(entryOf(update));
    onPush();
  }

  function repeat(update: Update): void {
    remember(update);
    repeats.push(entryOf(update));
    onPush();
  }

  function expire(): void {
    queued = queued.filter(isLive);
    repeats = repeats.filter(isLive);
  }

  return {
    push: (body) => {
      const update: Update = { update_id: nextId, ...body };
      nextId += 1;
      remember(update);
      if (held === undefined) enqueue(update);
      else held.push(update);
      return update.update_id;
    },
    repeat,
    find,
    nextId: () => nextId,
    hold: () => {
      const holding: Update[] = [];
      held = holding;
      return {
        release: (order) => {
          if (held === holding) held = undefined;
          if (order === undefined) holding.forEach(enqueue);
          else order.map(find).forEach(repeat);
        },
      };
    },
    take: (offset, limit) => {
      expire();
      if (offset < 0) queued = queued.slice(offset);
      else if (offset <= nextId + FUTURE_OFFSET) {
        queued = queued.filter((entry) => entry.update.update_id >= offset);
      }
      const first = repeats.splice(0, limit).map((entry) => entry.update);
      const rest = queued.slice(0, limit - first.length).map((entry) => entry.update);
      return [...first, ...rest];
    },
    pending: () => {
      expire();
      return [...repeats, ...queued].map((entry) => entry.update);
    },
    remove: (update) => {
      repeats = repeats.filter((entry) => entry.update !== update);
      queued = queued.filter((entry) => entry.update !== update);
    },
    clear: () => {
      queued = [];
      repeats = [];
    },
    setAllowed: (kinds) => {
      allowedKinds = kinds;
    },
    allowed: () => (allowedKinds.length === 0 ? undefined : allowedKinds),
  };
}
