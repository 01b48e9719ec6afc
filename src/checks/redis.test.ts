import { describe, expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "../core/secret.ts";
import { SystemError } from "../systems/system-error.ts";
import { redis } from "./redis.ts";

const signal = new AbortController().signal;
const schema = z.strictObject(redis.settings);
const healthy = {
  redis_version: "7.0.15",
  role: "master",
  used_memory: 900_000,
  maxmemory: 0,
  maxmemory_policy: "noeviction",
  rdb_last_bgsave_status: "ok",
  aof_last_write_status: "ok",
};

const spelt = (info: Partial<typeof healthy>): string =>
  Object.entries({ ...healthy, ...info })
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join("");

async function ask(info: Partial<typeof healthy> | Error, expected: unknown = {}) {
  return askOf(info instanceof Error ? info : `# Server\r\n${spelt(info)}`, expected);
}

async function askOf(text: string | Error, expected: unknown = {}) {
  const read = async () => {
    if (text instanceof Error) throw text;
    return [
      { ok: true, value: "PONG" },
      { ok: true, value: text },
    ] as const;
  };
  const settings = schema.parse({ url: new Secret("redis://127.0.0.1"), expect: expected });
  return redis.observe({ systems: { redis: { read } }, settings }, signal);
}

test("a Redis that can be written to passes, and its memory is measured", async () => {
  const { observations, measurements } = await ask({}, { policy: "noeviction" });
  expect(observations.filter(({ ok }) => !ok)).toEqual([]);
  expect(measurements).toEqual([{ name: "usedMemoryBytes", value: 900_000 }]);
});

describe("what would make Redis refuse or forget a write fails", () => {
  test.each([
    ["a replica", { role: "slave" }, "role", "slave"],
    ["a snapshot that failed", { rdb_last_bgsave_status: "err" }, "last snapshot", "err"],
    [
      "an append-only file that cannot be written",
      { aof_last_write_status: "err" },
      "last write to the append-only file",
      "err",
    ],
    ["eviction", { maxmemory_policy: "allkeys-lru" }, "maxmemory-policy", "allkeys-lru"],
    [
      "memory near its limit",
      { maxmemory: 1_000_000, used_memory: 900_001 },
      "memory",
      "91% (0.9 MiB)",
    ],
  ] as const)("%s", async (_name, info, what, actual) => {
    const { observations } = await ask(info, { policy: "noeviction" });
    expect(observations.filter(({ ok }) => !ok)).toEqual([
      expect.objectContaining({ what, actual }),
    ]);
  });
});

test("memory is judged only against a limit, and up to the limit of the setting", async () => {
  const about = async (info: Partial<typeof healthy>) =>
    (await ask(info)).observations.find(({ what }) => what === "memory")?.ok;
  expect(await about({ maxmemory: 0 })).toBeUndefined();
  expect(await about({ maxmemory: 1_000_000 })).toBe(true);
});

test("a refused connection fails where it is the question, and is unknown elsewhere", async () => {
  const refused = new SystemError("redis", "unreachable", "no", { code: "ECONNREFUSED" });
  expect((await ask(refused, { reachable: true })).observations[0]?.ok).toBe(false);
  await expect(ask(refused)).rejects.toBe(refused);
});

test("an answer that is not of Redis is unknown", async () => {
  await expect(askOf("hello")).rejects.toMatchObject({ kind: "malformed" });
});
