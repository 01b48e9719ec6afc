import { join } from "node:path";

import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { startPostgres, type PostgresServer } from "../../src/servers/postgres.ts";
import { startRedis, type RedisServer } from "../../src/servers/redis.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";

const WITHIN_MS = 30_000;

const opened = new AsyncDisposableStack();
let world: World;
let path: string;
let postgres: PostgresServer;
let redis: RedisServer;

const openPostgres = async (): Promise<PostgresServer> =>
  startPostgres({ directory: join(path, "postgres"), durable: true });
const openRedis = async (): Promise<RedisServer> =>
  startRedis({ directory: join(path, "redis"), durable: false });

beforeAll(async () => {
  world = opened.use(await startWorld());
  ({ path } = opened.use(await temporaryDirectory("stores")));
  postgres = await openPostgres();
  redis = await openRedis();
  opened.defer(async () => postgres.stop());
  opened.defer(async () => redis.stop());
  await postgres.ensureDatabase("own");
  const config = testConfig({
    data: path,
    environment: {
      ...world.environment,
      OWN_DATABASE: postgres.url("own"),
      OWN_REDIS: redis.url(),
    },
    more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
  });
  opened.use(
    await startApp({
      config,
      logger: createLogger(
        () => undefined,
        (text) => text,
      ),
      instance: "stores",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => {
  await world.healAll();
  await opened.disposeAsync();
});

describe("while Flightdeck's own Redis", () => {
  test("is emptied in the middle of a run, the run ends as if nothing had been", async () => {
    await world.break("api-hangs");
    const said = world.as("operator").say("/preflight api-is-live xai-key-works");
    await expect.poll(async () => states(), { timeout: WITHIN_MS }).toContain("running");
    await flush();
    await answered(said.messageId, /UNKNOWN/);
    await world.heal("api-hangs");
    expect(await resultsOf(said.updateId)).toEqual(["UNKNOWN"]);
  });

  test("is down, a command is carried out all the same", async () => {
    await redis.stop();
    const said = world.as("operator").say("/preflight api-is-live");
    await answered(said.messageId, /· GO/);
    expect(await resultsOf(said.updateId)).toEqual(["GO"]);
    redis = await openRedis();
  });

  test("goes down in the middle of a run, the run ends once", async () => {
    await world.break("api-hangs");
    const said = world.as("operator").say("/preflight api-is-live");
    await expect.poll(async () => states(), { timeout: WITHIN_MS }).toContain("running");
    await redis.stop();
    await answered(said.messageId, /UNKNOWN/);
    await world.heal("api-hangs");
    redis = await openRedis();
    expect(await resultsOf(said.updateId)).toEqual(["UNKNOWN"]);
  });

  test("is back, commands go through it again", async () => {
    const throughRedis = async (): Promise<number> => {
      const said = world.as("operator").say("/preflight api-is-live");
      await answered(said.messageId, /· GO/);
      return (await queueKeys()).length;
    };
    await expect.poll(throughRedis, { timeout: WITHIN_MS }).toBeGreaterThan(0);
  });

  test("is fed with jobs by somebody else, nothing happens", async () => {
    const before = await states();
    const client = new Redis(redis.url());
    const queue = (await queueKeys())
      .find((key) => key.endsWith(":runs:meta"))
      ?.slice(0, -":meta".length);
    expect(queue).toBeDefined();
    for (const runId of ["1", "999999", "1; drop table run", "-1"]) {
      const id = `forged-${Math.abs(Number.parseInt(runId, 10))}-${runId.length}`;
      await client.hset(`${queue}:${id}`, {
        name: "run",
        data: JSON.stringify({ runId }),
        opts: "{}",
        timestamp: "1",
        delay: "0",
        priority: "0",
      });
      await client.lpush(`${queue}:wait`, id);
    }
    client.disconnect();
    const said = world.as("operator").say("/preflight api-is-live");
    await answered(said.messageId, /· GO/);
    expect(await states()).toEqual([...before, "ok"]);
  });
});

describe("while Flightdeck's own PostgreSQL", () => {
  test("restarts in the middle of a run, the run ends once and nobody was forgotten", async () => {
    await world.break("api-hangs");
    const said = world.as("operator").say("/preflight api-is-live");
    await expect.poll(async () => states(), { timeout: WITHIN_MS }).toContain("running");
    await postgres.stop();
    const meanwhile = world.as("viewer").say("/whoami");
    postgres = await openPostgres();
    await answered(meanwhile.messageId, /Vera/);
    await answered(said.messageId, /UNKNOWN/);
    await world.heal("api-hangs");
    expect(await resultsOf(said.updateId)).toEqual(["UNKNOWN"]);
  });
});

async function answered(messageId: number, reads: RegExp): Promise<void> {
  await world.telegram.waitFor(
    () =>
      world.telegram
        .messages()
        .find((message) => message.replyTo?.id === messageId && reads.test(message.text)),
    { timeoutMs: WITHIN_MS },
  );
}

async function states(): Promise<readonly string[]> {
  const { rows } = await query<{ state: string }>(
    postgres.url("own"),
    "select state from run order by id",
  );
  return rows.map((row) => row.state);
}

/** The results that the log holds for what one update caused. */
async function resultsOf(updateId: number): Promise<readonly (string | undefined)[]> {
  const { rows } = await query<{ count: string }>(
    postgres.url("own"),
    "select count(*) from run where id <= (select id from run where cause = $1)",
    [`tg-${updateId}`],
  );
  const entries = await readEntries(postgres.url("own"));
  const runs = [...new Set(entries.map((entry) => entry.run))];
  const run = runs[Number(rows[0]?.count) - 1];
  return entries
    .filter((entry) => entry.run === run && entry.kind === "run.result")
    .map((entry) => entry.result);
}

async function queueKeys(): Promise<readonly string[]> {
  const client = new Redis(redis.url());
  const keys = await client.keys("flightdeck-*");
  client.disconnect();
  return keys;
}

async function flush(): Promise<void> {
  const client = new Redis(redis.url());
  await client.flushall();
  client.disconnect();
}
