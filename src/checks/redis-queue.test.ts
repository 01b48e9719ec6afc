import { describe, expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "../core/secret.ts";
import type { RedisRead, RedisReply } from "../systems/redis.ts";
import type { EarlierLook } from "./check-kind.ts";
import { redisQueue } from "./redis-queue.ts";

const signal = new AbortController().signal;
const schema = z.strictObject(redisQueue.settings);
const url = new Secret("redis://127.0.0.1");
const value = (reply: unknown): RedisReply => ({ ok: true, value: reply });

async function ask(
  lists: unknown,
  replies: readonly RedisReply[],
  earlier: readonly EarlierLook[] = [],
) {
  const asked: number[] = [];
  const previous = async (lastMs: number): Promise<readonly EarlierLook[]> => {
    asked.push(lastMs);
    return earlier;
  };
  const commands: RedisRead[] = [];
  const read = async (request: {
    commands: readonly RedisRead[];
  }): Promise<readonly RedisReply[]> => {
    commands.push(...request.commands);
    return replies;
  };
  const settings = schema.parse({ url, lists });
  const seen = await redisQueue.observe(
    { systems: { redis: { read } }, settings, previous },
    signal,
  );
  return { ...seen, commands, asked };
}

test("lists are measured by raw reads and judged by their limits", async () => {
  const seen = await ask({ default_queue: { atMost: 50 }, dead_letter_queue: { atMost: 0 } }, [
    value("list"),
    value(50),
    value("list"),
    value(1),
  ]);
  expect(seen.observations).toEqual([
    { what: "default_queue", expected: "a list of at most 50 jobs", actual: "50 jobs", ok: true },
    { what: "dead_letter_queue", expected: "a list of at most 0 jobs", actual: "1 job", ok: false },
  ]);
  expect(seen.measurements).toEqual([
    { name: "default_queue.jobs", value: 50 },
    { name: "dead_letter_queue.jobs", value: 1 },
  ]);
  expect(seen.commands).toEqual([
    ["type", "default_queue"],
    ["llen", "default_queue"],
    ["type", "dead_letter_queue"],
    ["llen", "dead_letter_queue"],
  ]);
});

test("a key that does not exist is an empty list", async () => {
  const { observations } = await ask({ q: { atMost: 0 } }, [value("none"), value(0)]);
  expect(observations).toEqual([expect.objectContaining({ actual: "0 jobs", ok: true })]);
});

test("a key of another type fails and is not measured", async () => {
  const wrong = { ok: false, code: "WRONGTYPE" } as const;
  const seen = await ask({ q: { atMost: 5 } }, [value("string"), wrong]);
  expect(seen.observations).toEqual([expect.objectContaining({ actual: "a string", ok: false })]);
  expect(seen.measurements).toEqual([]);
});

test("an answer that is no length is unknown", async () => {
  await expect(ask({ q: { atMost: 5 } }, [value("list"), value("many")])).rejects.toMatchObject({
    kind: "malformed",
  });
  await expect(ask({ q: { atMost: 5 } }, [])).rejects.toMatchObject({ kind: "malformed" });
});

describe("a list that may not grow", () => {
  const dead = { dead: { noGrowthIn: "15m" } };
  const look = (jobs: number): EarlierLook => ({
    at: new Date(),
    measurements: [{ name: "dead.jobs", value: jobs }],
  });

  test.each([
    ["is empty", 0, [], "0 jobs", true],
    ["is empty again", 0, [4], "0 jobs", true],
    ["holds what it held", 3, [3, 3], "3 jobs", true],
    ["holds less", 2, [3], "2 jobs", true],
    ["holds more than a moment ago", 4, [3, 3], "4 jobs", false],
    ["grew since the start and stands still now", 5, [2, 5, 5], "5 jobs", false],
    ["was emptied and has a new one", 1, [7, 0], "1 job", false],
  ] as const)("%s", async (_name, now, before, actual, ok) => {
    const seen = await ask(dead, [value("list"), value(now)], before.map(look));
    expect(seen.observations).toEqual([expect.objectContaining({ what: "dead", actual, ok })]);
    expect(seen.measurements).toEqual([{ name: "dead.jobs", value: now }]);
  });

  test("is compared with its own earlier looks in that time", async () => {
    const { asked } = await ask(dead, [value("list"), value(3)], [look(3)]);
    expect(asked).toEqual([900_000]);
  });

  test("cannot be judged at the first look unless it is empty, and that look is kept", async () => {
    const seen = await ask(dead, [value("list"), value(3)]);
    expect(seen.observations).toEqual([]);
    expect(seen.reason).toBe(
      "dead holds 3 jobs, and no earlier look tells whether that is more than before",
    );
    expect(seen.measurements).toEqual([{ name: "dead.jobs", value: 3 }]);
  });

  test("that cannot be judged does not hide another that is too long", async () => {
    const seen = await ask({ ...dead, q: { atMost: 1 } }, [
      value("list"),
      value(3),
      value("list"),
      value(2),
    ]);
    expect(seen.observations).toEqual([expect.objectContaining({ what: "q", ok: false })]);
  });

  test("needs a limit of either sort", () => {
    expect(schema.safeParse({ url, lists: { dead: {} } }).error?.issues[0]?.message).toBe(
      "expected at least one of atMost, noGrowthIn",
    );
  });
});
