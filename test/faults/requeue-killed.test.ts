import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { startBotIn, untilAnswered, untilStruck } from "../support/bot-in-world.ts";
import { someOf } from "../support/long-run.ts";
import { readEntries } from "../support/records.ts";
import type { Bot } from "../support/spawn-bot.ts";
import { tapAfterReading } from "../support/tapping.ts";

const RECOVERY_MS = 60_000;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let redis: Redis;

beforeAll(async () => {
  world = opened.use(await startWorld({ deadLetterEveryMs: 3_600_000 }));
  redis = new Redis(world.product.redisUrl);
  opened.defer(() => redis.disconnect());
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  database = await createTestDatabase();
  onTestFinished(async () => {
    await world.healAll();
    await redis.del("dead_letter_queue");
    await database[Symbol.asyncDispose]();
  });
});

const MOMENTS = [
  "step.closed@dead letters",
  "approval.used",
  "step.opened@put back",
  "act.begins@put back",
  "act.returned@put back",
  "step.closed@put back",
  "step.opened@job ended",
  "run.ended",
] as const;

describe("killed with SIGKILL in the middle of a requeue", () => {
  test.each(someOf(MOMENTS, 1))(
    "at %s: the letter is put back once, by one yes, and its job is completed",
    async (moment) => {
      await world.break("dead-letters-grow");
      const before = await redis.lrange("dead_letter_queue", 0, -1);
      const completed = (await world.effects())["jobsCompleted"] ?? 0;
      const asked = await strike(moment);
      await using survivor = await startBot();
      await approveUnlessDone(asked);
      await untilAnswered(world, asked, /the job completed/, {
        bot: survivor,
        withinMs: RECOVERY_MS,
      });
      expect(await redis.lrange("dead_letter_queue", 0, -1)).toEqual(before.slice(0, -1));
      expect((await world.effects())["jobsCompleted"]).toBe(completed + 1);
      const kinds = (await readEntries(database.url)).map(({ kind, result }) => [kind, result]);
      expect(kinds).toEqual([
        ["run.intent", undefined],
        ["approval.asked", "asked"],
        ["approval.voted", "yes"],
        ["approval.used", "used"],
        ["step.intent", undefined],
        ["step.outcome", "ok"],
        ["run.result", "COMPLETED"],
      ]);
    },
    150_000,
  );
});

/** Asks a bot that is killed at a moment of its run, and waits until it is dead. */
async function strike(moment: string): Promise<number> {
  await using bot = await startBot(moment);
  const { messageId } = world.as("operator").say("/requeue");
  // Some moments come before the question, and the others only with a yes.
  await Promise.race([bot.exited, approveUnlessDone(messageId)]);
  await untilStruck(bot, 40_000);
  return messageId;
}

/** Says yes to the question if one is asked; whoever was killed with a yes in hand asks for no second one. */
async function approveUnlessDone(asked: number): Promise<void> {
  // Whoever is killed while sending leaves a card behind that nobody edits any more.
  const card = () => world.telegram.messages().findLast(({ replyTo }) => replyTo?.id === asked);
  const isAsked = (): boolean => card()?.text.includes("requeue?") === true;
  const isBeyond = (): boolean => /requeue \d of|the job/.test(card()?.text ?? "");
  const { id } = await world.telegram.waitFor(
    () => (isAsked() || isBeyond() ? card() : undefined),
    { timeoutMs: RECOVERY_MS },
  );
  if (!isAsked()) return;
  await tapAfterReading(world, "approver", { messageId: id, label: "Approve" }, database.url).catch(
    (error: unknown) => {
      if (isAsked()) throw error;
    },
  );
}

async function startBot(killAt?: string): Promise<Bot> {
  return startBotIn(world, {
    databaseUrl: database.url,
    readyWithinMs: 30_000,
    ...(killAt === undefined ? {} : { killAt }),
  });
}
