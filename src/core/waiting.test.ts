import { describe, expect, test } from "vitest";

import { createBell, growingPauses, pause, untilAborted } from "./waiting.ts";

const never = new AbortController().signal;
/** Far beyond what a test waits for: whoever waits this long has not been woken. */
const FAR_MS = 600_000;

describe("pause", () => {
  test("ends with the time", async () => {
    await expect(pause(1, never)).resolves.toBeUndefined();
  });

  test("ends at once with the signal, before or during", async () => {
    await expect(pause(FAR_MS, AbortSignal.abort())).resolves.toBeUndefined();
    const stopping = new AbortController();
    const paused = pause(FAR_MS, stopping.signal);
    stopping.abort();
    await expect(paused).resolves.toBeUndefined();
  });
});

describe("untilAborted", () => {
  test("settles with the work", async () => {
    await expect(untilAborted(Promise.resolve(7), never)).resolves.toBe(7);
    const failure = new Error("no");
    await expect(untilAborted(Promise.reject(failure), never)).rejects.toBe(failure);
  });

  test("rejects with the signal's reason although the work never ends", async () => {
    const stopping = new AbortController();
    const waiting = untilAborted(new Promise(() => {}), stopping.signal);
    const reason = new Error("enough");
    stopping.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test.each([
    ["before", true],
    ["during", false],
  ])("leaves nobody to hear when the work fails after an abort %s it", async (_when, before) => {
    const unheard: unknown[] = [];
    const listen = (reason: unknown): void => void unheard.push(reason);
    process.on("unhandledRejection", listen);
    try {
      const stopping = new AbortController();
      if (before) stopping.abort(new Error("enough"));
      const work = Promise.withResolvers<never>();
      const waiting = untilAborted(work.promise, stopping.signal);
      stopping.abort(new Error("enough"));
      await expect(waiting).rejects.toThrow("enough");
      work.reject(new Error("too late"));
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      expect(unheard).toEqual([]);
    } finally {
      process.off("unhandledRejection", listen);
    }
  });
});

describe("a bell", () => {
  test("rung before the wait is heard at once, and once", async () => {
    const bell = createBell();
    bell.ring();
    bell.ring();
    await bell.wait(FAR_MS, never);
    const stopping = new AbortController();
    let woken = false;
    const second = bell.wait(FAR_MS, stopping.signal).then(() => (woken = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(woken).toBe(false);
    stopping.abort();
    await second;
  });

  test("rung during the wait ends it", async () => {
    const bell = createBell();
    const waiting = bell.wait(FAR_MS, never);
    bell.ring();
    await expect(waiting).resolves.toBeUndefined();
  });

  test("rung between two waits is not lost", async () => {
    const bell = createBell();
    const first = bell.wait(FAR_MS, never);
    bell.ring();
    await first;
    bell.ring();
    await expect(bell.wait(FAR_MS, never)).resolves.toBeUndefined();
  });

  test("is not waited for after the time, nor after the signal", async () => {
    const bell = createBell();
    await expect(bell.wait(1, never)).resolves.toBeUndefined();
    await expect(bell.wait(FAR_MS, AbortSignal.abort())).resolves.toBeUndefined();
  });

  test("loses no work, however rings and looks are interleaved", async () => {
    const bell = createBell();
    const stopping = new AbortController();
    const rounds = 300;
    let waitingWork = 0;
    let done = 0;
    const consumer = (async () => {
      while (!stopping.signal.aborted) {
        done += waitingWork;
        waitingWork = 0;
        if (done === rounds) return;
        await bell.wait(FAR_MS, stopping.signal);
      }
    })();
    for (let round = 0; round < rounds; round += 1) {
      waitingWork += 1;
      bell.ring();
      for (let turn = 0; turn < round % 4; turn += 1) await Promise.resolve();
      if (round % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await consumer;
    expect(done).toBe(rounds);
  });
});

test("pauses grow until they are as long as they may be, and stay so", () => {
  const nextMs = growingPauses(800);
  expect([1, 2, 3, 4, 5].map(() => nextMs())).toEqual([100, 200, 400, 800, 800]);
});
