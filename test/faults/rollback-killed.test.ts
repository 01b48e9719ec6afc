import { setTimeout as sleep } from "node:timers/promises";

import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { startRedis } from "../../src/servers/redis.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import {
  answersTo,
  startBotIn,
  tapUntilHeard,
  untilAnswered,
  untilStruck,
} from "../support/bot-in-world.ts";
import { someOf } from "../support/long-run.ts";
import { query, readEntries } from "../support/records.ts";
import type { Bot } from "../support/spawn-bot.ts";
import { letBeRead, tapAfterReading, tapped } from "../support/tapping.ts";

const RECOVERY_MS = 45_000;
/** A bot that is struck, another one that goes on, and a rollback between them. */
const TEST_MS = 150_000;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;

beforeAll(async () => {
  world = opened.use(
    await startWorld({ deploymentStepMs: 100, timing: { workerPausesMs: [20, 20, 20, 20] } }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  await world.healAll();
  const { coolify, releases } = world;
  for (const release of ["current", "good"] as const) {
    await Promise.all(coolify.push(releases[release], services()).map((row) => coolify.ended(row)));
  }
  for (const { settings } of services()) settings.is_auto_deploy_enabled = true;
  database = await createTestDatabase();
  onTestFinished(async () => database[Symbol.asyncDispose]());
});

const services = () =>
  world.coolify.state.applications.filter(({ uuid }) => uuid === ids.api || uuid === ids.worker);

/** From the tap until the end. */
const AFTER_THE_YES = [
  "approval.used",
  "act.begins@auto-deploy is off",
  "act.returned@auto-deploy is off",
  "act.begins@the worker is deployed",
  "act.returned@the worker is deployed",
  "step.closed@the worker is deployed",
  "act.begins@the api is deployed",
  "act.returned@the api is deployed",
  "step.opened@the deployments come to their end",
  "step.closed@the deployments come to their end",
  "step.closed@the target is ready",
  "act.returned@ a sync is asked for",
  "act.returned@ a thought becomes a task",
  "step.opened@what is learnt of the releases",
  "step.closed@what is learnt of the releases",
  "run.ended",
] as const;

const BEFORE_THE_YES = ["step.closed@what runs is looked at", "approval.asked"] as const;

describe("killed with SIGKILL in the middle of a rollback", () => {
  test.each(someOf(AFTER_THE_YES, 1))(
    "at %s: both applications go back, each by one deployment, by one yes",
    async (moment) => {
      const grown = await counting();
      await using struck = await startBot({ killAt: moment });
      const { messageId } = say("operator");
      const card = await question(messageId, struck);
      await tapUntilHeard(world, struck, {
        messageId: card.id,
        label: "Approve",
        databaseUrl: database.url,
      });
      await untilStruck(struck, RECOVERY_MS);
      await using survivor = await startBot();
      await reads(messageId, /🟢 .* rolled back to/, survivor);
      expect(await grown()).toEqual([2, 2]);
      await expectOnce(grown);
    },
    TEST_MS,
  );

  test.each(someOf(BEFORE_THE_YES, 1))(
    "at %s: nothing is done without a yes",
    async (moment) => {
      const grown = await counting();
      await using struck = await startBot({ killAt: moment });
      const { messageId } = say("operator");
      await untilStruck(struck, RECOVERY_MS);
      await using survivor = await startBot();
      const card = await question(messageId, survivor);
      expect(await grown()).toEqual([0, 0]);
      await tapAfterReading(
        world,
        "approver",
        { messageId: card.id, label: "Approve" },
        database.url,
      );
      await reads(messageId, /🟢 .* rolled back to/, survivor);
      await expectOnce(grown);
    },
    TEST_MS,
  );
});

describe("killed with SIGKILL while it tells everybody that somebody acts alone", () => {
  test.each(someOf(["step.opened@everybody is told", "step.closed@everybody is told"], 1))(
    "at %s: everybody is told once, one review is owed, and it goes back once",
    async (moment) => {
      const grown = await counting();
      await using struck = await startBot({ killAt: moment });
      const { messageId } = say("approver", ' --break-glass "Otto does not answer his phone"');
      const card = await question(messageId, struck);
      const told = await tapAfterReading(
        world,
        "approver",
        {
          messageId: card.id,
          label: "Confirm",
        },
        database.url,
      );
      const code = /Tap (\w{4})/.exec(told)?.[1] ?? "";
      await world.telegram.waitFor(
        () =>
          answersTo(world, messageId).find(({ buttons }) => JSON.stringify(buttons).includes(code)),
        { timeoutMs: RECOVERY_MS },
      );
      await tapUntilHeard(world, struck, {
        messageId: card.id,
        label: code,
        databaseUrl: database.url,
      });
      await untilStruck(struck, RECOVERY_MS);
      await using survivor = await startBot();
      await reads(messageId, /🟢 .* rolled back to/, survivor);
      await expectOnce(grown);
      const { rows: words } = await query<{ chats: string; words: string }>(
        database.url,
        `select count(distinct chat_id) as chats, count(*) as words from outbox
         where subject like 'word:broken-glass:%'`,
      );
      expect(words).toEqual([{ chats: "4", words: "4" }]);
      expect((await query(database.url, "select from review")).rows).toHaveLength(1);
      const asked = (await readEntries(database.url)).filter(({ kind }) => kind === "review.asked");
      expect(asked).toHaveLength(1);
    },
    TEST_MS,
  );
});

describe("two processes", () => {
  test(
    "that are tapped at twice, over a Redis that is emptied in between: one deployment of each",
    async () => {
      await using directory = await temporaryDirectory("rollback-redis");
      await using redis = await startRedis({ directory: directory.path, durable: false });
      const grown = await counting();
      const redisUrl = redis.url();
      await using one = await startBot({ redisUrl });
      await using other = await startBot({ redisUrl });
      const { messageId } = say("operator");
      const card = await question(messageId, one);
      const approve = { messageId: card.id, label: "Approve" };
      await letBeRead(database.url);
      const taps = Array.from({ length: 4 }, async () => tapped(world, "approver", approve));
      const told = await Promise.all(taps);
      expect(told.filter((said) => said === "")).toHaveLength(1);
      for (const rollbacks of [0, 1, 2]) {
        await expect
          .poll(async () => (await grown())[0], { timeout: RECOVERY_MS })
          .toBeGreaterThanOrEqual(rollbacks);
        await empty(redisUrl);
      }
      await reads(messageId, /🟢 .* rolled back to/, other);
      await expectOnce(grown);
    },
    TEST_MS,
  );

  test(
    "a paused one that comes back does nothing more: one deployment of each",
    async () => {
      const grown = await counting();
      await using paused = await startBot({
        killAt: "act.begins@the worker is deployed",
        killWith: "SIGSTOP",
      });
      const { messageId } = say("operator");
      const card = await question(messageId, paused);
      await tapUntilHeard(world, paused, {
        messageId: card.id,
        label: "Approve",
        databaseUrl: database.url,
      });
      await expect
        .poll(async () => (await query(database.url, STUCK)).rows.length, { timeout: RECOVERY_MS })
        .toBe(1);
      await using other = await startBot();
      await reads(messageId, /🟢 .* rolled back to/, other);
      paused.kill("SIGCONT");
      await expect.poll(() => paused.log(), { timeout: RECOVERY_MS }).toContain('"leads":false');
      // Counted when the paused one has had its chance, and the time, to do it again.
      await sleep(2_000);
      await expectOnce(grown);
    },
    TEST_MS,
  );
});

/** Stopped right before the act whose intent is written. */
const STUCK = "select from run_step where name = 'the worker is deployed' and state = 'started'";

const say = (who: "operator" | "approver", more = "") =>
  world.as(who).say(`/rollback ${world.releases.current.slice(0, 7)}${more}`);

/** Rollbacks and switched auto-deploys since, by the world's own count. */
async function counting(): Promise<() => Promise<readonly number[]>> {
  const names = ["rollbacks", "autoDeployChanged"];
  const count = async (): Promise<readonly number[]> => {
    const effects = await world.effects();
    return names.map((name) => effects[name] ?? 0);
  };
  const before = await count();
  return async () => (await count()).map((now, index) => now - (before[index] ?? 0));
}

async function expectOnce(grown: () => Promise<readonly number[]>): Promise<void> {
  expect(await grown()).toEqual([2, 2]);
  expect([world.deployed("api"), world.deployed("worker")]).toEqual([
    world.releases.current,
    world.releases.current,
  ]);
  const { rows } = await query<{ state: string }>(database.url, "select state from approval");
  expect(rows).toEqual([{ state: "consumed" }]);
  const kinds = (await readEntries(database.url)).map(({ kind, step = "" }) => `${kind} ${step}`);
  const used = kinds.findIndex((kind) => kind.startsWith("approval.used"));
  expect(kinds.findIndex((kind) => kind.startsWith("step.intent"))).toBeGreaterThan(used);
  // Every intent has one outcome, and the run has one end.
  expect(new Set(kinds).size).toBe(kinds.length);
  expect(kinds.filter((kind) => kind.startsWith("run.result"))).toHaveLength(1);
}

async function startBot(
  options: {
    readonly killAt?: string;
    readonly killWith?: "SIGSTOP";
    readonly redisUrl?: string;
  } = {},
): Promise<Bot> {
  return startBotIn(world, { databaseUrl: database.url, readyWithinMs: 20_000, ...options });
}

async function empty(redisUrl: string): Promise<void> {
  const client = new Redis(redisUrl);
  await client.flushall();
  client.disconnect();
}

async function question(messageId: number, bot: Bot): Promise<ChatMessage> {
  return reads(messageId, /rollback\?/, bot);
}

async function reads(messageId: number, expected: RegExp, bot: Bot): Promise<ChatMessage> {
  return untilAnswered(world, messageId, expected, { bot, withinMs: RECOVERY_MS });
}
