import type { Update } from "./objects.ts";
import { conflict } from "./refusal.ts";
import type { UpdateQueue } from "./update-queue.ts";

type Waiter = {
  readonly check: () => void;
  readonly end: (by: string) => void;
};

/** getUpdates: at most one request waits, and a newer one ends it with a conflict. */
export type LongPoll = {
  get(
    request: {
      readonly offset: number;
      readonly limit: number;
      readonly timeoutSeconds: number;
    },
    signal: AbortSignal,
  ): Promise<readonly Update[]>;
  /** Something was queued: whoever waits looks again. */
  wake(): void;
  /** Ends the waiting request with a conflict. */
  terminate(by: string): void;
};

export function createLongPoll(
  queue: Pick<UpdateQueue, "take">,
  monotonicMs: () => number,
): LongPoll {
  let waiter: Waiter | undefined;
  let previous = { offset: Number.NaN, at: Number.NEGATIVE_INFINITY };

  return {
    get: async (request, signal) => {
      waiter?.end("other getUpdates request; make sure that only one bot instance is running");
      const { limit, timeoutSeconds } = pace(request, previous, monotonicMs());
      previous = { offset: request.offset, at: monotonicMs() };

      const ready = queue.take(request.offset, limit);
      if (ready.length > 0 || timeoutSeconds === 0 || signal.aborted) return ready;

      return await new Promise<readonly Update[]>((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          signal.removeEventListener("abort", leave);
          if (waiter === self) waiter = undefined;
          settle();
        };
        // A caller who hangs up takes nothing along: what comes later stays in the queue.
        const leave = () => finish(() => resolve([]));
        const timer = setTimeout(leave, timeoutSeconds * 1_000);
        const self: Waiter = {
          check: () => {
            const updates = queue.take(request.offset, limit);
            if (updates.length > 0) finish(() => resolve(updates));
          },
          end: (by) => finish(() => reject(conflict(`terminated by ${by}`))),
        };
        signal.addEventListener("abort", leave, { once: true });
        waiter = self;
      });
    },
    wake: () => waiter?.check(),
    terminate: (by) => waiter?.end(by),
  };
}

/** The server slows down a bot that asks for the same offset again and again. */
function pace(
  request: { readonly offset: number; readonly limit: number; readonly timeoutSeconds: number },
  previous: { readonly offset: number; readonly at: number },
  nowMs: number,
): { readonly limit: number; readonly timeoutSeconds: number } {
  const limit = request.limit >= 1 && request.limit <= 100 ? request.limit : 100;
  const timeoutSeconds = Math.min(Math.max(request.timeoutSeconds, 0), 50);
  if (request.offset !== previous.offset) return { limit, timeoutSeconds };
  const sinceMs = nowMs - previous.at;
  return {
    limit: sinceMs < 500 ? 1 : limit,
    timeoutSeconds: sinceMs < 3_000 ? Math.max(timeoutSeconds, 3) : timeoutSeconds,
  };
}
