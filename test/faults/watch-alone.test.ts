import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { startPostgres, type PostgresServer } from "../../src/servers/postgres.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";

const WITHIN_MS = 60_000;

const opened = new AsyncDisposableStack();
let world: World;
let path: string;
let postgres: PostgresServer;

const openPostgres = async (): Promise<PostgresServer> =>
  startPostgres({ directory: join(path, "postgres"), durable: true });

beforeAll(async () => {
  world = opened.use(await startWorld());
  ({ path } = opened.use(await temporaryDirectory("alone")));
  postgres = await openPostgres();
  opened.defer(async () => postgres.stop());
  await postgres.ensureDatabase("own");
  const config = testConfig({
    data: path,
    environment: {
      ...world.environment,
      OWN_DATABASE: postgres.url("own"),
      OWN_REDIS: inject("redisUrl"),
    },
    more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
    watches: true,
  });
  opened.use(
    await startApp({
      config,
      logger: createLogger(
        () => undefined,
        (text) => text,
      ),
      instance: "alone",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => {
  await world.healAll();
  await opened.disposeAsync();
});

const reading = async (pattern: RegExp) =>
  world.telegram.waitFor(
    () => world.telegram.messages().find(({ from, text }) => from.isBot && pattern.test(text)),
    { timeoutMs: WITHIN_MS },
  );

describe("while Flightdeck's own database is away", () => {
  test("its last leader goes on watching, says so, and says what sounds", async () => {
    // Only who has led goes on alone.
    await expect
      .poll(async () => (await query(postgres.url("own"), "select from sample limit 1")).rowCount, {
        timeout: WITHIN_MS,
      })
      .toBe(1);
    await postgres.stop();
    await reading(/own database is away/);
    await world.break("xai-key-revoked");
    await reading(/🔴 sandbox · xai-key-works fails/);
    await world.heal("xai-key-revoked");
    await reading(/✅ sandbox · xai-key-works .*over/);
  }, 180_000);

  test("what it finds when the database is back is an alert like any other", async () => {
    await world.break("todoist-token-revoked");
    postgres = await openPostgres();
    await expect
      .poll(
        async () =>
          (await readEntries(postgres.url("own")).catch(() => [])).map(
            ({ kind, facts }) => `${kind} ${facts["check"]}`,
          ),
        { timeout: WITHIN_MS },
      )
      .toContain("alert.fired todoist-token-works");
  });
});
