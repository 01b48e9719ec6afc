import { describe, expect, test } from "vitest";

import type { Update } from "./objects.ts";
import { createUpdateQueue } from "./update-queue.ts";

const chat = { id: -1, type: "supergroup", title: "Ops" } as const;
const user = { id: 5, is_bot: false, first_name: "Eve" };
const message = (text = "hello") => ({ message: { message_id: 1, date: 1, chat, text } });
const tap = () => ({ callback_query: { id: "1", from: user, chat_instance: "1", data: "a" } });
const reaction = () => ({
  message_reaction: { chat, message_id: 1, date: 1, old_reaction: [], new_reaction: [] },
});

function queueWith(bodies: readonly Omit<Update, "update_id">[] = []) {
  const clock = { nowMs: Date.UTC(2026, 0, 1) };
  const queue = createUpdateQueue({
    firstId: 100,
    now: () => new Date(clock.nowMs),
    onPush: () => {},
  });
  for (const body of bodies) queue.push(body);
  const take = (offset: number, limit = 100) =>
    queue.take(offset, limit).map((update) => update.update_id);
  return { queue, clock, take };
}

describe("offsets", () => {
  test("an update is delivered again until a higher offset confirms it", () => {
    const { take } = queueWith([message(), message(), message()]);
    expect(take(0)).toEqual([100, 101, 102]);
    expect(take(0)).toEqual([100, 101, 102]);
    expect(take(102)).toEqual([102]);
    expect(take(0)).toEqual([102]);
    expect(take(103)).toEqual([]);
  });

  test("the limit keeps the rest for later", () => {
    const { take } = queueWith([message(), message(), message()]);
    expect(take(0, 2)).toEqual([100, 101]);
    expect(take(102, 2)).toEqual([102]);
  });

  test("a negative offset keeps only the newest and forgets all others", () => {
    const { take } = queueWith([message(), message(), message()]);
    expect(take(-2)).toEqual([101, 102]);
    expect(take(0)).toEqual([101, 102]);
  });

  test("an offset far beyond the newest update is answered from the oldest, and confirms nothing", () => {
    const { take } = queueWith([message(), message()]);
    expect(take(100_000)).toEqual([100, 101]);
    expect(take(0)).toEqual([100, 101]);
  });
});

describe("expiry", () => {
  test("a tap is gone after 150 seconds, a message after a day", () => {
    const { take, clock } = queueWith([message(), tap()]);
    clock.nowMs += 149_000;
    expect(take(0)).toEqual([100, 101]);
    clock.nowMs += 1_000;
    expect(take(0)).toEqual([100]);
    clock.nowMs += 24 * 3_600_000;
    expect(take(0)).toEqual([]);
  });
});

describe("what is queued", () => {
  test("reactions only for a bot that asked for them, and nothing that it did not ask for", () => {
    const { queue, take } = queueWith([reaction(), message()]);
    expect(take(0)).toEqual([101]);
    queue.setAllowed(["message_reaction"]);
    queue.push(reaction());
    queue.push(message());
    expect(take(0)).toEqual([101, 102]);
  });

  test("never an update of more than 64 KiB", () => {
    const { take } = queueWith([message("x".repeat(70_000)), message()]);
    expect(take(0)).toEqual([101]);
  });
});

describe("what tests do to the order", () => {
  test("a repeated update is delivered once more, whatever was confirmed", () => {
    const { queue, take } = queueWith([message(), message()]);
    expect(take(102)).toEqual([]);
    queue.repeat(queue.find(100));
    expect(take(102)).toEqual([100]);
    expect(take(102)).toEqual([]);
  });

  test("held updates come in the order in which they are released", () => {
    const { queue, take } = queueWith();
    const held = queue.hold();
    queue.push(message());
    queue.push(message());
    expect(take(0)).toEqual([]);
    held.release([101, 100]);
    expect(take(0)).toEqual([101, 100]);
    queue.push(message());
    expect(take(0)).toEqual([102]);
  });

  test("held updates that are released as they came are delivered until they are confirmed", () => {
    const { queue, take } = queueWith();
    const held = queue.hold();
    queue.push(message());
    queue.push(message());
    held.release();
    expect(take(0)).toEqual([100, 101]);
    expect(take(0)).toEqual([100, 101]);
  });

  test("an update that never was cannot be repeated", () => {
    expect(() => queueWith().queue.find(7)).toThrow("There was no update 7");
  });
});
