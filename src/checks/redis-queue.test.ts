import { expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "../core/secret.ts";
import type { RedisRead, RedisReply } from "../systems/redis.ts";
import { redisQueue } from "./redis-queue.ts";

const signal = new AbortController().signal;
const schema = z.strictObject(redisQueue.settings);
const url = new Secret("redis://127.0.0.1");
const value = (reply: unknown): RedisReply => ({ ok: true, value: reply });

async function ask(lists: unknown, replies: readonly RedisReply[]) {
  const commands: RedisRead[] = [];
  const read = async (request: {
    commands: readonly RedisRead[];
  }): Promise<readonly RedisReply[]> => {
    commands.push(...request.commands);
    return replies;
  };
  const settings = schema.parse({ url, lists });
  const seen = await redisQueue.observe({ systems: { redis: { read } }, settings }, signal);
  return { ...seen, commands };
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
