import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import type { Moment } from "../../src/core/trace.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { FAST_ENGINE } from "../support/config.ts";
import { query } from "../support/records.ts";
import { spawnBot, type Bot } from "../support/spawn-bot.ts";

const WITHIN_MS = 40_000;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;

beforeAll(async () => {
  world = opened.use(await startWorld());
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  database = await createTestDatabase();
  onTestFinished(async () => database[Symbol.asyncDispose]());
});

async function startBot(killAt?: Moment): Promise<Bot> {
  return spawnBot({
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
      SEAL_KEY: Buffer.alloc(32, 7).toString("base64"),
    },
    more: [
      "database: ${env:OWN_DATABASE}",
      "redis: ${env:OWN_REDIS}",
      "sealKey: ${env:SEAL_KEY}",
      FAST_ENGINE,
    ].join("\n"),
    ...(killAt === undefined ? {} : { killAt }),
  });
}

const MOMENTS = [
  "call.sending",
  "call.accepted",
  "call.recorded",
] as const satisfies readonly Moment[];

test.each(MOMENTS)(
  "killed at %s: the call arrives, twice at most and then says so",
  async (moment) => {
    const before = {
      calls: world.secondPath.calls().length,
      mails: world.secondPath.mails().length,
    };
    {
      await using bot = await startBot(moment);
      world.as("operator").say("/calls test");
      await expect
        .poll(async () => Promise.race([bot.exited, Promise.resolve("alive")]), {
          timeout: WITHIN_MS,
        })
        .toBe("SIGKILL");
    }
    // Whoever was killed can do no more, so the next one need not wait for the lease.
    await query(database.url, "update call set next_try_at = now() where state = 'waiting'");
    await using _survivor = await startBot();
    await expect
      .poll(
        async () => (await query(database.url, "select state, path from call order by path")).rows,
        { timeout: WITHIN_MS },
      )
      .toEqual([
        { state: "sent", path: "smtp" },
        { state: "sent", path: "webhook" },
      ]);
    const calls = world.secondPath.calls().slice(before.calls);
    const mails = world.secondPath.mails().slice(before.mails);
    for (const arrived of [calls, mails]) {
      expect(arrived.length).toBeGreaterThanOrEqual(1);
      expect(arrived.length).toBeLessThanOrEqual(2);
    }
    expect(new Set(calls.map(({ id }) => id)).size).toBe(1);
    expect(new Set(mails.map(({ messageId }) => messageId)).size).toBe(1);
    expect(calls.map(({ body }) => body["resent"]).slice(1)).toEqual(
      calls.slice(1).map(() => true),
    );
    expect(mails.slice(1).every(({ text }) => text.includes("(resent: it may have come"))).toBe(
      true,
    );
  },
);
