import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import type { Moment } from "../../src/core/trace.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { startBotIn, untilStruck } from "../support/bot-in-world.ts";
import { someOf } from "../support/long-run.ts";
import { query } from "../support/records.ts";
import type { Bot } from "../support/spawn-bot.ts";

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

const MOMENTS = [
  "call.sending",
  "call.accepted",
  "call.recorded",
] as const satisfies readonly Moment[];

test.each(someOf(MOMENTS, 1))(
  "killed at %s: the call arrives, twice at most and then says so",
  async (moment) => {
    const before = {
      calls: world.secondPath.calls().length,
      mails: world.secondPath.mails().length,
    };
    {
      await using bot = await startBot(moment);
      world.as("operator").say("/calls test");
      await untilStruck(bot, WITHIN_MS);
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

async function startBot(killAt?: Moment): Promise<Bot> {
  return startBotIn(world, {
    databaseUrl: database.url,
    readyWithinMs: WITHIN_MS,
    ...(killAt === undefined ? {} : { killAt }),
  });
}
