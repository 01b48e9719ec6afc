import { Redis } from "ioredis";
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { FAST_ENGINE } from "../support/config.ts";
import { someOf } from "../support/long-run.ts";
import { readEntries } from "../support/records.ts";
import { spawnBot, type Bot } from "../support/spawn-bot.ts";
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
  test.each(someOf(MOMENTS, 3))(
    "at %s: the letter is put back once, by one yes, and its job is completed",
    async (moment) => {
      await world.break("dead-letters-grow");
      const before = await redis.lrange("dead_letter_queue", 0, -1);
      const completed = (await world.effects())["jobsCompleted"] ?? 0;
      const asked = await strike(moment);
      await using survivor = await startBot();
      await approveUnlessDone(asked);
      await answer(asked, /the job completed/, survivor);
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
  const dead = async (): Promise<NodeJS.Signals | number | "alive" | null> =>
    Promise.race([bot.exited, Promise.resolve("alive" as const)]);
  // Some moments come before the question, and the others only with a yes.
  await Promise.race([bot.exited, approveUnlessDone(messageId)]);
  await expect.poll(dead, { timeout: 40_000 }).toBe("SIGKILL");
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
  await tapAfterReading(world, "approver", { messageId: id, label: "Approve" }).catch(
    (error: unknown) => {
      if (isAsked()) throw error;
    },
  );
}

async function startBot(killAt?: string): Promise<Bot> {
  const bot = await spawnBot({
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
  await expect
    .poll(() => bot.log(), { timeout: 30_000, message: "the bot starts" })
    .toContain('"ready"');
  return bot;
}

/** The message that answers, once it reads as it should; a failure shows the bot's own log. */
async function answer(asked: number, reads: RegExp, bot: Bot): Promise<void> {
  try {
    await world.telegram.waitFor(
      () =>
        world.telegram
          .messages()
          .find(({ replyTo, text }) => replyTo?.id === asked && reads.test(text)),
      { timeoutMs: RECOVERY_MS },
    );
  } catch (error) {
    throw new Error(`No answer that reads ${reads}. The bot's log:\n${bot.log()}`, {
      cause: error,
    });
  }
}
