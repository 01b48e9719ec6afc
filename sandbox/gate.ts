/** A door in the way of requests: while it is shut they wait, and when it opens they go on, as in a thawed process. */
export type Gate = { shut(): void; open(): void; passing(): Promise<void> };

export function createGate(): Gate {
  let held: PromiseWithResolvers<void> | undefined;
  return {
    shut: () => {
      held ??= Promise.withResolvers<void>();
    },
    open: () => {
      held?.resolve();
      held = undefined;
    },
    passing: () => held?.promise ?? Promise.resolve(),
  };
}
