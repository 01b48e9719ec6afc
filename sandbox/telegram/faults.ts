/** A way in which Telegram misbehaves on purpose. */
type FaultKind =
  /** 429 with `retry_after`. */
  | "rate-limit"
  /** 500, as during Telegram's maintenance. */
  | "server-error"
  /** The request is executed, then the connection breaks: the client cannot know. */
  | "lost-answer"
  /** Nothing is executed and nothing answered until the fault ends; then the connection breaks. */
  | "hang"
  /** 403: the bot was thrown out of the group, or blocked by the person. */
  | "refuse"
  /** 400: it takes offence at this very request. */
  | "offence"
  /** 401: BotFather has made the token void. */
  | "revoke";

export type Fault = {
  readonly kind: FaultKind;
  /** Every method, getUpdates included, when left out. */
  readonly method?: string | RegExp;
  /** Only requests to this chat. */
  readonly chatId?: number;
  /** How many requests it hits; all until it is removed when left out. */
  readonly times?: number;
  /** Seconds, for `rate-limit`; 1 when left out. */
  readonly retryAfter?: number;
  /** What it takes offence at, for `offence`; entities that it cannot parse when left out. */
  readonly because?: string;
};

export type ActiveFault = {
  readonly fault: Fault;
  /** Aborted when the fault is removed: what hangs then breaks. */
  readonly ended: AbortSignal;
};

export type Faults = {
  add(fault: Fault): Disposable;
  clear(): void;
};

export type FaultList = Faults & {
  /** The fault that hits this request, if any; it uses up one of its times. */
  hit(method: string, chatId: number | undefined): ActiveFault | undefined;
};

export function createFaults(onChange: () => void): FaultList {
  type Entry = { readonly active: ActiveFault; readonly ending: AbortController; left: number };
  let entries: Entry[] = [];

  function remove(entry: Entry): void {
    entries = entries.filter((other) => other !== entry);
    entry.ending.abort();
    onChange();
  }

  return {
    add: (fault) => {
      const ending = new AbortController();
      const entry: Entry = {
        active: { fault, ended: ending.signal },
        ending,
        left: fault.times ?? Number.POSITIVE_INFINITY,
      };
      entries.push(entry);
      onChange();
      return { [Symbol.dispose]: () => remove(entry) };
    },
    clear: () => {
      for (const entry of entries) remove(entry);
    },
    hit: (method, chatId) => {
      const entry = entries.find(
        ({ active, left }) => left > 0 && concerns(active.fault, method, chatId),
      );
      if (entry === undefined) return undefined;
      entry.left -= 1;
      return entry.active;
    },
  };
}

function concerns(fault: Fault, method: string, chatId: number | undefined): boolean {
  if (fault.chatId !== undefined && fault.chatId !== chatId) return false;
  if (fault.method === undefined) return true;
  return typeof fault.method === "string" ? fault.method === method : fault.method.test(method);
}
