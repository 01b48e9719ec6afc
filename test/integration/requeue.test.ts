import { randomUUID } from "node:crypto";

import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";
import { tapAfterReading } from "../support/tapping.ts";

const WAIT_MS = 40_000;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let redis: Redis;
let log = "";

beforeAll(async () => {
  const timing = { workerPausesMs: [20, 20, 20, 20] };
  world = opened.use(await startWorld({ deadLetterEveryMs: 3_600_000, timing }));
  database = opened.use(await createTestDatabase());
  redis = new Redis(world.product.redisUrl);
  opened.defer(() => redis.disconnect());
  const directory = opened.use(await temporaryDirectory("requeue"));
  opened.use(
    await startApp({
      config: testConfig({
        data: directory.path,
        environment: {
          ...world.environment,
          OWN_DATABASE: database.url,
          OWN_REDIS: inject("redisUrl"),
        },
        more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
      }),
      logger: createLogger(
        (line) => (log += line),
        (text) => text,
      ),
      instance: "test-requeue",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});
afterEach(async () => {
  await world.healAll();
  await redis.del("dead_letter_queue");
});

/** The card that answers, once it reads as it should; a failure shows what it read instead. */
async function cardOf(messageId: number, reads: RegExp) {
  const all = () => world.telegram.messages().filter(({ replyTo }) => replyTo?.id === messageId);
  return world.telegram
    .waitFor(() => all().find(({ text }) => reads.test(text)), { timeoutMs: WAIT_MS })
    .catch((error: unknown) => {
      const seen = all().map(({ text }) => text);
      throw new Error(`No card reads ${reads}: ${seen.join("\n--\n")}\n${log}`, { cause: error });
    });
}

async function ask(line = "/requeue") {
  const { messageId } = world.as("operator").say(line);
  const card = await cardOf(messageId, /requeue\?/);
  return { messageId, card };
}

const letters = async (): Promise<readonly string[]> => redis.lrange("dead_letter_queue", 0, -1);
const jobOf = (letter = ""): string => (JSON.parse(letter) as { job_id: string }).job_id;
const completed = async (): Promise<number> => (await world.effects())["jobsCompleted"] ?? 0;

describe("a dead letter that is put back", () => {
  test("is the newest, is put back by a second yes alone, and its job is completed", async () => {
    await world.break("dead-letters-grow");
    const before = await letters();
    const done = await completed();
    const newest = jobOf(before.at(-1));
    const { messageId, card } = await ask();
    expect(card.text).toContain(newest.slice(0, 8));
    expect(card.text).toContain("2 others stay in dead_letter_queue.");
    const own = await tapAfterReading(
      world,
      "operator",
      { messageId: card.id, label: "Approve" },
      database.url,
    );
    expect(own).not.toBe("");
    expect(await letters()).toEqual(before);

    await tapAfterReading(
      world,
      "approver",
      { messageId: card.id, label: "Approve" },
      database.url,
    );
    const end = await cardOf(messageId, /the job completed/);
    expect(end.id).toBe(card.id);
    expect(await letters()).toEqual(before.slice(0, -1));
    expect(await completed()).toBe(done + 1);
    const entries = (await readEntries(database.url)).filter(
      ({ operation }) => operation === "requeue",
    );
    expect(entries.map(({ kind, result }) => [kind, result])).toEqual([
      ["run.intent", undefined],
      ["approval.asked", "asked"],
      ["approval.voted", "yes"],
      ["approval.used", "used"],
      ["step.intent", undefined],
      ["step.outcome", "ok"],
      ["run.result", "COMPLETED"],
    ]);
    expect(entries.at(-1)?.facts).toMatchObject({ job: newest, topic: "sync.todoist" });
  });

  test("may be another one by its job's name, and is told to have died when it died again", async () => {
    await world.break("dead-letters-grow");
    // With an open task this topic always fails, whatever is repaired.
    const job = { job_id: randomUUID(), topic: "plan.refresh", payload: { user_id: "usr_dev" } };
    await redis.lpush("dead_letter_queue", JSON.stringify({ ...job, attempt: 5 }));
    const { messageId, card } = await ask(`/requeue ${job.job_id.slice(0, 8)}`);
    expect(card.text).toContain(`plan.refresh ${job.job_id.slice(0, 8)}`);
    await tapAfterReading(
      world,
      "approver",
      { messageId: card.id, label: "Approve" },
      database.url,
    );
    const end = await cardOf(messageId, /the job died again/);
    expect(end.text.split("\n")[0]).toMatch(/^🔴/);
    expect(end.text).toContain("TypeError. It lies among the dead letters again.");
    expect((await letters()).map(jobOf)).toContain(job.job_id);
  });

  test("is not put back when somebody else took it between question and yes", async () => {
    await world.break("dead-letters-grow");
    const before = await letters();
    const { messageId, card } = await ask();
    await redis.rpop("dead_letter_queue");
    await tapAfterReading(
      world,
      "approver",
      { messageId: card.id, label: "Approve" },
      database.url,
    );
    const end = await cardOf(messageId, /things changed/);
    expect(end.text).toContain("Nothing was done.");
    expect(await letters()).toEqual(before.slice(0, -1));
  });

  test("leaves nothing of its payload and no secret in rows, cards and log", async () => {
    const tables = ["run", "run_step", "outbox", "evidence", "approval"];
    const dumps = await Promise.all(
      tables.map(async (table) => query(database.url, `select t::text from ${table} t`)),
    );
    const kept = JSON.stringify(dumps.map(({ rows }) => rows)) + log;
    const shown = JSON.stringify(world.telegram.messages());
    expect(kept).toContain("sync.todoist");
    expect(kept).not.toContain("usr_dev");
    for (const secret of world.secrets) {
      expect(kept.includes(secret)).toBe(false);
      expect(shown.includes(secret)).toBe(false);
    }
  });
});

test("there is nothing to ask when no dead letter lies there", async () => {
  const { messageId } = world.as("operator").say("/requeue");
  const card = await cardOf(messageId, /failed/);
  expect(card.text).toContain("there is no dead letter in dead_letter_queue");
});
