import { setTimeout as sleep } from "node:timers/promises";

/** Waits, or returns early when the signal aborts; never throws. */
export async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  await sleep(durationMs, undefined, { signal }).catch(() => {});
}

/**
 * Says before each next look at something that takes its time how long to wait: little at first, because what fails at
 * once should be told at once, and then as long as was said.
 */
export function growingPauses(atMostMs: number): () => number {
  let nextMs = atMostMs / 8;
  return () => {
    const pauseMs = nextMs;
    nextMs = Math.min(2 * pauseMs, atMostMs);
    return pauseMs;
  };
}

/**
 * Settles with the work, or rejects with the signal's reason as soon as it aborts, even if the work ignores its signal.
 */
export async function untilAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  // Whichever loses the race may still reject later, when nobody listens any more.
  work.catch(() => {});
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {});
  const onAbort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Something to wait for that others can trigger: a trigger before the wait is not lost. */
export type Bell = {
  ring(): void;
  /** Resolves at the next ring, after `atMostMs`, or when the signal aborts. */
  wait(atMostMs: number, signal: AbortSignal): Promise<void>;
};

export function createBell(): Bell {
  let rung = false;
  let wakeUp = (): void => {};
  return {
    ring() {
      rung = true;
      wakeUp();
    },
    async wait(atMostMs, signal) {
      if (!rung && !signal.aborted) {
        const heard = new AbortController();
        wakeUp = () => heard.abort();
        await pause(atMostMs, AbortSignal.any([signal, heard.signal]));
        wakeUp = () => {};
      }
      rung = false;
    },
  };
}

/**
 * Runs works side by side until all have ended. When one fails the others are told to stop, and are waited for before
 * its failure is passed on.
 */
export async function together(
  signal: AbortSignal,
  works: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failed = new AbortController();
  const joint = AbortSignal.any([signal, failed.signal]);
  const ended = await Promise.allSettled(
    works.map(async (work) =>
      work(joint).catch((error: unknown) => {
        failed.abort();
        throw error;
      }),
    ),
  );
  const failure = ended.find((one) => one.status === "rejected");
  if (failure) throw failure.reason;
}
