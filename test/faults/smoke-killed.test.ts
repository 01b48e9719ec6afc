import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { startBotIn, untilAnswered, untilStruck } from "../support/bot-in-world.ts";
import { someOf } from "../support/long-run.ts";
import { query, readEntries } from "../support/records.ts";
import type { Bot } from "../support/spawn-bot.ts";

const RECOVERY_MS = 60_000;

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

const ACTS = [
  "a thought becomes a task",
  "a sync is asked for",
  "the task is closed in Todoist",
  "a reconciliation is asked for",
] as const;
/** Around every effect where it hurts most, all around the first, and in each kind of look. */
const MOMENTS = [
  "step.closed@dead letters are counted",
  "step.opened@a thought becomes a task",
  "act.begins@a thought becomes a task",
  "act.returned@a thought becomes a task",
  "step.closed@a thought becomes a task",
  "act.returned@a sync is asked for",
  "step.opened@the worker completed that sync",
  "act.returned@the task is closed in Todoist",
  "act.begins@a reconciliation is asked for",
  "act.returned@a reconciliation is asked for",
  "step.opened@no dead letter is new",
  "run.ended",
] as const;

describe("killed with SIGKILL in the middle of a smoke", () => {
  test.each(someOf(MOMENTS, 1))(
    "at %s: each effect once, and GO",
    async (moment) => {
      const before = await world.effects();
      const knownToTodoist = ours().length;
      const { messageId } = await strike(moment);
      await using survivor = await startBot();
      const ended = /smoke (?:GO|NO-GO|UNKNOWN|failed)/;
      await untilAnswered(world, messageId, ended, { bot: survivor, withinMs: RECOVERY_MS });
      const after = await world.effects();
      const counted = Object.fromEntries(
        ["captures", "tasksCreated", "jobsEnqueued"].map((effect) => [
          effect,
          (after[effect] ?? 0) - (before[effect] ?? 0),
        ]),
      );
      expect(counted).toEqual({
        captures: 1,
        tasksCreated: 1,
        // The summary of the thought, the sync and the reconciliation.
        jobsEnqueued: 3,
      });
      expect(ours().slice(knownToTodoist)).toMatchObject([{ is_completed: true }]);
      const entries = await readEntries(database.url);
      expect(entries.map(({ kind, step, result }) => [kind, step, result])).toEqual([
        ["run.intent", undefined, undefined],
        ...ACTS.flatMap((step) => [
          ["step.intent", step, undefined],
          ["step.outcome", step, "ok"],
        ]),
        ["run.result", undefined, "GO"],
      ]);
      const { rows } = await query<{ state: string }>(database.url, "select state from run");
      expect(rows).toEqual([{ state: "ok" }]);
    },
    120_000,
  );
});

/** What Todoist has of all smokes; the product's other tasks come there too, when they come. */
function ours() {
  return world.todoist.tasks().filter(({ content }) => content.includes("ops smoke"));
}

/** Starts a bot that is killed at a moment of its smoke, and waits until it is dead. */
async function strike(moment: string): Promise<{ readonly messageId: number }> {
  await using bot = await startBot(moment);
  const said = world.as("operator").say("/smoke");
  await untilStruck(bot, 30_000);
  return said;
}

async function startBot(killAt?: string): Promise<Bot> {
  return startBotIn(world, {
    databaseUrl: database.url,
    readyWithinMs: 30_000,
    ...(killAt === undefined ? {} : { killAt }),
  });
}
