import { describe, expect, test } from "vitest";

import { createLongPoll } from "./long-poll.ts";
import type { Update } from "./objects.ts";

const never = new AbortController().signal;

function pollOf(waiting: Update[] = []) {
  const clock = { nowMs: 0 };
  const limits: number[] = [];
  const poll = createLongPoll(
    {
      take: (_offset, limit) => {
        limits.push(limit);
        return waiting.slice(0, limit);
      },
    },
    () => clock.nowMs,
  );
  return { poll, clock, limits, waiting };
}

describe("long polling", () => {
  test("waits until something is queued", async () => {
    const { poll, waiting } = pollOf();
    const answer = poll.get({ offset: 0, limit: 100, timeoutSeconds: 50 }, never);
    poll.wake();
    waiting.push({ update_id: 1 });
    poll.wake();
    expect(await answer).toEqual([{ update_id: 1 }]);
  });

  test("answers at once and empty without a timeout", async () => {
    const { poll } = pollOf();
    expect(await poll.get({ offset: 5, limit: 100, timeoutSeconds: 0 }, never)).toEqual([]);
  });

  test("ends the older request when a second one comes", async () => {
    const { poll } = pollOf();
    const first = poll.get({ offset: 1, limit: 100, timeoutSeconds: 50 }, never);
    const second = poll.get({ offset: 2, limit: 100, timeoutSeconds: 50 }, never);
    await expect(first).rejects.toThrow(
      "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    );
    poll.terminate("setWebhook request");
    await expect(second).rejects.toThrow("Conflict: terminated by setWebhook request");
  });

  test("takes nothing along when the caller hangs up", async () => {
    const { poll, limits } = pollOf();
    const leaving = new AbortController();
    const answer = poll.get({ offset: 1, limit: 100, timeoutSeconds: 50 }, leaving.signal);
    leaving.abort();
    expect(await answer).toEqual([]);
    const looks = limits.length;
    poll.wake();
    expect(limits.length).toBe(looks);
  });

  test("slows down who asks for the same offset again at once", async () => {
    const { poll, clock, limits, waiting } = pollOf();
    const ask = () => poll.get({ offset: 7, limit: 100, timeoutSeconds: 0 }, never);
    await ask();
    clock.nowMs += 400;
    let isAnswered = false;
    const stretched = ask().then(() => (isAnswered = true));
    await new Promise(setImmediate);
    expect(isAnswered).toBe(false);
    waiting.push({ update_id: 7 }, { update_id: 8 });
    poll.wake();
    await stretched;
    expect(limits).toEqual([100, 1, 1]);
    clock.nowMs += 3_000;
    expect(await ask()).toHaveLength(2);
  });
});
