/** One request to the Bot API as it came in and was answered. It never holds the token. */
export type ApiCall = {
  readonly id: number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly at: Date;
  /** 0 when no answer was given: it hung, or the answer was lost on purpose. */
  readonly status: number;
  readonly description: string | undefined;
  readonly durationMs: number;
  readonly fault: string | undefined;
};

/** Something that the real Bot API would not have got or sent. Tests fail on any. */
export type Violation = {
  readonly id: number;
  readonly at: Date;
  readonly about: "request" | "update" | "method" | "token";
  /** The method or the kind of update. */
  readonly subject: string;
  readonly path: string;
  readonly message: string;
};

export type CallbackAnswer = {
  readonly id: number;
  readonly queryId: string;
  readonly userId: number;
  readonly text: string;
  readonly alert: boolean;
  readonly url: string | undefined;
  readonly at: Date;
};

const KEPT = 10_000;

/** A list that remembers the newest entries and numbers them. */
export type Log<Entry> = {
  readonly add: (entry: Omit<Entry, "id">) => void;
  readonly all: () => readonly Entry[];
};

export function createLog<Entry extends { readonly id: number }>(onAdd: () => void): Log<Entry> {
  let entries: Entry[] = [];
  let lastId = 0;
  return {
    add: (entry) => {
      lastId += 1;
      entries.push({ ...entry, id: lastId } as Entry);
      if (entries.length > KEPT) entries = entries.slice(-KEPT / 2);
      onAdd();
    },
    all: () => entries,
  };
}
