import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import {
  temporaryDirectory,
  type TemporaryDirectory,
} from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { startBotIn, tapUntilHeard, untilAnswered, untilStruck } from "../support/bot-in-world.ts";
import { someOf } from "../support/long-run.ts";
import { query, readEntries } from "../support/records.ts";
import { HASTE } from "../support/rollout.ts";
import type { Bot } from "../support/spawn-bot.ts";
import { tapAfterReading } from "../support/tapping.ts";

const RECOVERY_MS = 80_000;
/** A bot that is struck, another one that goes on, and a whole deployment between them. */
const TEST_MS = 200_000;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let data: TemporaryDirectory;

beforeAll(async () => {
  world = opened.use(
    await startWorld({ deploymentStepMs: 60, timing: { workerPausesMs: [20, 20, 20, 20] } }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  await world.healAll();
  const { coolify, releases } = world;
  const rows = coolify.push(releases.current, services());
  await Promise.all(rows.map((row) => coolify.ended(row)));
  for (const { settings } of services()) settings.is_auto_deploy_enabled = true;
  coolify.state.tasks.splice(0);
  await query(
    world.product.databaseUrl,
    `update alembic_version set version_num = 'c3a2b7d9f1e0';
     alter table inbox_items drop column if exists urgency`,
  );
  database = await createTestDatabase();
  data = await temporaryDirectory("deploy-killed");
  onTestFinished(async () => {
    await database[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
  });
});

const services = () =>
  world.coolify.state.applications.filter(({ uuid }) => uuid === ids.api || uuid === ids.worker);

/** From the tap until the sign-off. */
const AFTER_THE_YES = [
  "approval.used",
  "step.opened@the gates that were passed",
  "step.closed@the gates that were passed",
  "act.begins@nothing deploys by itself",
  "act.returned@nothing deploys by itself",
  "step.closed@dump",
  "act.returned@commit",
  "act.begins@the API is deployed",
  "act.returned@the API is deployed",
  "step.closed@the API is deployed",
  "step.opened@the API runs the release",
  "step.closed@the API runs the release",
  "act.begins@the migration task is as configured",
  "act.returned@the migration task is as configured",
  "act.returned@the schema is brought to its head",
  "step.closed@the schema is brought to its head",
  "step.closed@the schema is at its head",
  "step.closed@the release is live and ready",
  "step.opened@the known jobs have ended",
  "act.begins@the worker is deployed",
  "act.returned@the worker is deployed",
  "step.closed@the worker runs the release",
  "act.returned@ a sync is asked for",
  "act.returned@ a thought becomes a task",
  "step.opened@the release stays good",
  "step.opened@the sign-off is open",
  "step.closed@the sign-off is open",
  "run.ended",
] as const;

const BEFORE_THE_YES = [
  "step.closed@what is to be deployed",
  "step.closed@how the gates stand",
  "approval.asked",
] as const;

describe("killed with SIGKILL in the middle of a deployment", () => {
  test.each(someOf(AFTER_THE_YES, 1))(
    "at %s: the release is in place, and everything was done once, by one yes",
    async (moment) => {
      const grown = await counting();
      await using struck = await startBot(moment);
      const messageId = say();
      const card = await question(messageId, struck);
      await confirm(struck, card);
      await untilStruck(struck, RECOVERY_MS);
      await using survivor = await startBot();
      const end = await reads(messageId, /to be signed/, survivor);
      expect(end.text).toContain(`deployed ${world.releases.migrates.slice(0, 7)}`);
      await expectOnce(grown);
    },
    TEST_MS,
  );

  test.each(someOf(BEFORE_THE_YES, 1))(
    "at %s: nothing is done without a yes",
    async (moment) => {
      const grown = await counting();
      await using struck = await startBot(moment);
      const messageId = say();
      await untilStruck(struck, RECOVERY_MS);
      await using survivor = await startBot();
      const card = await question(messageId, survivor);
      expect(Object.values(await grown()).every((count) => count === 0)).toBe(true);
      await tapAfterReading(
        world,
        "approver",
        { messageId: card.id, label: "Confirm" },
        database.url,
      );
      await reads(messageId, /to be signed/, survivor);
      await expectOnce(grown);
    },
    TEST_MS,
  );

  test.each(
    someOf(
      [
        "step.opened@the schema is brought to its head",
        "act.begins@the schema is brought to its head",
      ],
      1,
    ),
  )(
    "at %s: a person decides, for Coolify may have been asked to migrate",
    async (moment) => {
      const grown = await counting();
      await using struck = await startBot(moment);
      const messageId = say();
      const card = await question(messageId, struck);
      await confirm(struck, card);
      await untilStruck(struck, RECOVERY_MS);
      await using survivor = await startBot();
      const doubt = await reads(messageId, /did it happen/, survivor);
      expect(doubt.text).toContain("no new execution of flightdeck-migration");
      expect((await grown())["tasksExecuted"]).toBe(0);
      const label = "It did not: retry";
      await tapAfterReading(world, "approver", { messageId: card.id, label }, database.url);
      await reads(messageId, /to be signed/, survivor);
      await expectOnce(grown);
    },
    TEST_MS,
  );
});

/** An approver passes the gates by word, and confirms, for a team of one needs one phone. */
function say(): number {
  const { messageId } = world
    .as("approver")
    .say(
      `/deploy ${world.releases.migrates} --override preflight,backup --because "it is only a test"`,
    );
  return messageId;
}

const NAMES = [
  "rollbacks",
  "autoDeployChanged",
  "tasksWritten",
  "tasksExecuted",
  "migrationsApplied",
] as const;

/** What was done to production since, by the world's own count. */
async function counting(): Promise<() => Promise<Readonly<Record<string, number>>>> {
  const before: Readonly<Record<string, number>> = await world.effects();
  return async () => {
    const after: Readonly<Record<string, number>> = await world.effects();
    return Object.fromEntries(
      NAMES.map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)]),
    );
  };
}

async function expectOnce(grown: () => Promise<Readonly<Record<string, number>>>): Promise<void> {
  expect(await grown()).toEqual({
    rollbacks: 2,
    autoDeployChanged: 2,
    tasksWritten: 1,
    tasksExecuted: 1,
    migrationsApplied: 1,
  });
  expect([world.deployed("api"), world.deployed("worker")]).toEqual([
    world.releases.migrates,
    world.releases.migrates,
  ]);
  const { rows } = await query<{ state: string }>(database.url, "select state from approval");
  expect(rows).toEqual([{ state: "consumed" }]);
  const entries = await readEntries(database.url);
  const kinds = entries.map(({ kind, step = "", result = "" }) =>
    kind === "gate.overridden" ? `${kind} ${result}` : `${kind} ${step}`,
  );
  const used = kinds.findIndex((kind) => kind.startsWith("approval.used"));
  expect(kinds.findIndex((kind) => kind.startsWith("step.intent"))).toBeGreaterThan(used);
  // Every intent has one outcome, the word of an approver is kept once for each gate, and the run has one end.
  expect(new Set(kinds).size).toBe(kinds.length);
  expect(kinds.filter((kind) => kind.startsWith("gate.overridden"))).toHaveLength(2);
  expect(kinds.filter((kind) => kind.startsWith("run.result"))).toHaveLength(1);
  expect(
    (await query(database.url, "select from sign_off where state = 'open'")).rows,
  ).toHaveLength(1);
}

async function startBot(killAt?: string): Promise<Bot> {
  return startBotIn(world, {
    databaseUrl: database.url,
    environment: HASTE,
    data: data.path,
    more: "approvals: { deploy: confirm }",
    readyWithinMs: RECOVERY_MS,
    ...(killAt === undefined ? {} : { killAt }),
  });
}

async function confirm(bot: Bot, card: ChatMessage): Promise<void> {
  return tapUntilHeard(world, bot, {
    messageId: card.id,
    label: "Confirm",
    databaseUrl: database.url,
  });
}

async function question(messageId: number, bot: Bot): Promise<ChatMessage> {
  return reads(messageId, /deploy\?/, bot);
}

async function reads(messageId: number, words: RegExp, bot: Bot): Promise<ChatMessage> {
  return untilAnswered(world, messageId, words, { bot, withinMs: RECOVERY_MS });
}
