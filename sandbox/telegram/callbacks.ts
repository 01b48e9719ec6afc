/** A button that a person pressed and that waits for its answer. */
type PendingTap = { readonly userId: number; readonly askedAt: Date };

/** Not documented; people report 5 to 20 seconds. */
const ANSWER_WITHIN_MS = 15_000;

export type Callbacks = {
  open(queryId: string, userId: number): void;
  /** Takes the tap if it may still be answered: once, and not late. */
  answer(queryId: string): PendingTap | undefined;
};

export function createCallbacks(now: () => Date): Callbacks {
  const pending = new Map<string, PendingTap>();
  return {
    open: (queryId, userId) => pending.set(queryId, { userId, askedAt: now() }),
    answer: (queryId) => {
      const tap = pending.get(queryId);
      pending.delete(queryId);
      if (tap === undefined) return undefined;
      return now().getTime() - tap.askedAt.getTime() > ANSWER_WITHIN_MS ? undefined : tap;
    },
  };
}
