import { createHash, randomInt } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { idOfManifest, manifestSchema, type Manifest } from "../../src/core/manifest.ts";
import {
  temporaryDirectory,
  type TemporaryDirectory,
} from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { startBotIn, untilAnswered, untilStruck } from "../support/bot-in-world.ts";
import { someOf, tries } from "../support/long-run.ts";
import { query, readEntries } from "../support/records.ts";
import type { Bot } from "../support/spawn-bot.ts";

const RECOVERY_MS = 60_000;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let data: TemporaryDirectory;

beforeAll(async () => {
  world = opened.use(await startWorld());
});
afterAll(async () => opened.disposeAsync());
beforeEach(async () => {
  database = await createTestDatabase();
  data = await temporaryDirectory("backup-killed");
  for (const key of world.s3.keys()) world.s3.meddle(key, undefined);
  onTestFinished(async () => {
    await database[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
  });
});

const MOMENTS = [
  "step.opened@prepare",
  "step.closed@prepare",
  "step.opened@dump",
  "step.closed@dump",
  "step.opened@upload",
  "step.closed@upload",
  "step.opened@read back",
  "step.closed@read back",
  "step.opened@commit",
  "act.begins@commit",
  "act.returned@commit",
  "step.closed@commit",
  "act.begins@retention",
  "act.returned@retention",
  "run.ended",
] as const;

describe("a bot that is killed with SIGKILL in the middle of a backup", () => {
  test.each(someOf(MOMENTS, 1))(
    "at %s: the next one goes on, and there is one whole backup and nothing else",
    async (moment) => {
      const messageId = await strike(moment);
      await using survivor = await startBot();
      await answer(messageId, /backup SAVED/, survivor);
      const [only, ...others] = committed();
      expect(others).toEqual([]);
      expect(only).toBeDefined();
      expect(world.s3.keys()).toHaveLength(2);
      expect(world.s3.openUploads()).toEqual([]);
      expect(await readdir(join(data.path, "backups", "sandbox"))).toHaveLength(2);
      const results = (await readEntries(database.url)).map(({ kind, step, result }) => [
        kind,
        step,
        result,
      ]);
      expect(results).toEqual([
        ["run.intent", undefined, undefined],
        ["step.intent", "commit", undefined],
        ["step.outcome", "commit", "ok"],
        ["step.intent", "retention", undefined],
        ["step.outcome", "retention", "0 deleted, 0 not"],
        ["run.result", undefined, "SAVED"],
      ]);
    },
    120_000,
  );

  test.each(["step.closed@dump"])(
    "at %s, when the next one has not its files: it says so, and commits nothing",
    async (moment) => {
      const messageId = await strike(moment);
      await using elsewhere = await temporaryDirectory("backup-elsewhere");
      await using survivor = await startBot({ data: elsewhere.path });
      await answer(messageId, /not on this machine any more/, survivor);
      expect(committed()).toEqual([]);
      expect(world.s3.openUploads()).toEqual([]);
    },
    120_000,
  );

  test(
    "at any time at all: what is committed is whole, and the next backup cleans up after all of them",
    async () => {
      const amount = tries({ short: 1, long: 200 });
      for (let n = 0; n < amount; n += 1) {
        const bot = await startBot();
        world.as("operator").say("/backup");
        await sleep(randomInt(50, 1_500));
        bot.kill("SIGKILL");
        await bot[Symbol.asyncDispose]();
        // Reading a manifest proves its artifact, or throws.
        committed();
      }
      await using survivor = await startBot();
      // What was said to one that was struck may be heard by the last one only.
      await expect.poll(handled, { timeout: RECOVERY_MS }).toBe(amount);
      const open = "select from run where ended_at is null";
      await expect
        .poll(async () => (await query(database.url, open)).rows, { timeout: RECOVERY_MS })
        .toEqual([]);
      const { messageId } = world.as("operator").say("/backup");
      await answer(messageId, /backup SAVED/, survivor);
      expect(committed().length).toBeGreaterThan(0);
      expect(world.s3.openUploads()).toEqual([]);
      const left = await readdir(join(data.path, "backups", "sandbox"));
      expect(left.filter((name) => /partial|draft|tmp/.test(name))).toEqual([]);
    },
    tries({ short: 180_000, long: 3_600_000 }),
  );
});

describe("a backup that everybody asks for at once", () => {
  test("is one, however often two replicas are told by words and taps while it is under way", async () => {
    await using elsewhere = await temporaryDirectory("backup-replica");
    await using first = await startBot();
    await using _second = await startBot({ data: elsewhere.path });
    await answer(world.as("operator").say("/backup").messageId, /backup SAVED/, first);
    const { messageId } = world.as("operator").say("/backup list");
    const list = await answer(messageId, /1 backup/, first);
    const client = new Client({ connectionString: world.product.databaseUrl });
    await client.connect();
    try {
      // pg_dump waits for whoever holds a table, and so does everything that is asked meanwhile.
      await client.query("begin; lock table inbox_items in access exclusive mode");
      const triggers = tries({ short: 10, long: 50 });
      for (let n = 0; n < triggers; n += 2) {
        world.as("operator").say("/backup");
        world.as("operator").tap({ messageId: list.id, label: "Back up now" });
      }
      await expect.poll(handled, { timeout: RECOVERY_MS }).toBe(2 + triggers);
      expect(await backupRuns()).toEqual(["ok", "running"]);
    } finally {
      await client.end();
    }
    await expect.poll(backupRuns, { timeout: RECOVERY_MS }).toEqual(["ok", "ok"]);
    expect(committed()).toHaveLength(2);
    expect(world.s3.keys()).toHaveLength(4);
    const dumps = "select count(*)::int as n from run_step where name = 'dump'";
    expect((await query(database.url, dumps)).rows).toEqual([{ n: 2 }]);
  }, 180_000);
});

/** How many updates have been heard and dealt with. */
async function handled(): Promise<number> {
  return (await query(database.url, "select from inbox where state = 'handled'")).rows.length;
}

async function backupRuns(): Promise<readonly unknown[]> {
  const states = "select state from run where operation = 'backup' order by id";
  return (await query(database.url, states)).rows.map((row) => row["state"]);
}

/** Every manifest in the bucket, each with the artifact that it names, byte by byte. */
function committed(): readonly Manifest[] {
  return world.s3
    .keys()
    .filter((key) => idOfManifest(key.split("/").at(-1) ?? "") !== undefined)
    .map((key) => {
      const manifest = manifestSchema.parse(JSON.parse(world.s3.object(key)?.toString() ?? ""));
      const artifact = world.s3.object(`sandbox/${manifest.artifact.key}`);
      if (
        createHash("sha256")
          .update(artifact ?? "")
          .digest("hex") !== manifest.artifact.sha256
      ) {
        throw new Error(`${key} names an artifact that is not what it says.`);
      }
      return manifest;
    });
}

async function strike(killAt: string): Promise<number> {
  await using bot = await startBot({ killAt });
  const { messageId } = world.as("operator").say("/backup");
  await untilStruck(bot, 30_000);
  return messageId;
}

async function startBot(
  change: { readonly killAt?: string; readonly data?: string } = {},
): Promise<Bot> {
  return startBotIn(world, {
    databaseUrl: database.url,
    data: data.path,
    readyWithinMs: 30_000,
    ...change,
  });
}

async function answer(messageId: number, reads: RegExp, bot: Bot): Promise<ChatMessage> {
  return untilAnswered(world, messageId, reads, { bot, withinMs: RECOVERY_MS });
}
