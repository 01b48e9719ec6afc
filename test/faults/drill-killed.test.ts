import { randomInt } from "node:crypto";
import { chmod, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { processesIn } from "../../src/servers/processes-in.ts";
import {
  temporaryDirectory,
  type TemporaryDirectory,
} from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { startBotIn, untilFound, untilStruck } from "../support/bot-in-world.ts";
import { someOf, tries } from "../support/long-run.ts";
import { query, readEntries } from "../support/records.ts";
import type { Bot } from "../support/spawn-bot.ts";

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let data: TemporaryDirectory;

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  data = opened.use(await temporaryDirectory("drill-killed"));
  await chmod(data.path, 0o711);
  await using bot = await startBot();
  await answer(world.as("operator").say("/backup").messageId, /backup SAVED/, bot);
}, 120_000);
afterAll(async () => opened.disposeAsync());

const MOMENTS = [
  "step.closed@choose the backup",
  "step.opened@restore it and prove it",
  "drill.phase@fetch",
  "drill.phase@open",
  "drill.phase@read",
  "drill.phase@start a server",
  "drill.phase@restore",
  "drill.phase@analyze",
  "drill.phase@compare the contents",
  "drill.phase@check the pages",
  "step.closed@restore it and prove it",
  "step.closed@see that nothing is left",
  "step.opened@keep the result",
  "step.closed@keep the result",
  "run.ended",
] as const;

describe("a bot that is killed with SIGKILL in the middle of a drill", () => {
  test.each(someOf(MOMENTS, 1))(
    "at %s: the next one clears up, begins it anew, and there is one verdict",
    async (moment) => {
      await query(database.url, "delete from drill");
      const before = (await readEntries(database.url)).length;
      const messageId = await strike(moment);
      await using survivor = await startBot();
      const card = await answer(messageId, /drill (?:VERIFIED|FAILED|COULD NOT VERIFY)/, survivor);
      expect(card).toMatch(/drill VERIFIED/);
      expect(await readdir(join(data.path, "drill"))).toEqual(["lock"]);
      expect(await processesIn(join(data.path, "drill"))).toEqual([]);
      const entries = (await readEntries(database.url)).slice(before);
      expect(entries.map(({ kind, result }) => [kind, result])).toEqual([
        ["run.result", "VERIFIED"],
      ]);
      const { rows } = await query(database.url, "select verdict from drill");
      expect(rows).toEqual([{ verdict: "VERIFIED" }]);
    },
    120_000,
  );
});

test(
  "at any time at all: the next one finishes every drill, and no row of production is left in clear",
  async () => {
    await query(database.url, "delete from drill");
    const isOpen = async (): Promise<boolean> => {
      const open = "select 1 from run where operation = 'drill' and ended_at is null";
      return (await query(database.url, open)).rows.length > 0;
    };
    for (let n = 0; n < tries({ short: 1, long: 200 }); n += 1) {
      await using bot = await startBot();
      // One that was struck before is gone on with, and struck once more.
      if (!(await isOpen())) world.as("operator").say("/drill");
      await sleep(randomInt(50, 4_000));
      bot.kill("SIGKILL");
    }
    await using survivor = await startBot();
    await vi
      .waitUntil(async () => !(await isOpen()), { timeout: 120_000, interval: 500 })
      .catch((cause: unknown) => {
        throw new Error(`A drill has no end.\n${survivor.log().slice(-4_000)}`, { cause });
      });
    const { rows } = await query(database.url, "select verdict from drill");
    expect(rows.length).toBeGreaterThan(0);
    expect(new Set(rows.map((row) => row["verdict"]))).toEqual(new Set(["VERIFIED"]));
    expect(await readdir(join(data.path, "drill"))).toEqual(["lock"]);
    expect(await processesIn(join(data.path, "drill"))).toEqual([]);
  },
  tries({ short: 240_000, long: 5_400_000 }),
);

async function strike(killAt: string): Promise<number> {
  await using bot = await startBot(killAt);
  const { messageId } = world.as("operator").say("/drill");
  await untilStruck(bot, 40_000);
  return messageId;
}

async function startBot(killAt?: string): Promise<Bot> {
  return startBotIn(world, {
    databaseUrl: database.url,
    data: data.path,
    readyWithinMs: 30_000,
    ...(killAt === undefined ? {} : { killAt }),
  });
}

/** The bot's message that answers, whichever bot it was. */
async function answer(messageId: number, reads: RegExp, bot: Bot): Promise<string> {
  const { text } = await untilFound(
    world,
    () =>
      world.telegram
        .messages()
        .find(({ id, from, text }) => from.isBot && id > messageId && reads.test(text)),
    { what: `message that reads ${reads}`, bot, withinMs: 60_000 },
  );
  return text;
}
