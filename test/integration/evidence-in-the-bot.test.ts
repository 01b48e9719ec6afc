import { expect, inject, test } from "vitest";

import { startWorld } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase } from "../database.ts";
import { testConfig } from "../support/config.ts";
import { filesOf } from "../support/evidence-log.ts";

test("what was asked in the chat stands in log.md", async () => {
  await using world = await startWorld();
  await using database = await createTestDatabase();
  await using directory = await temporaryDirectory("evidence-bot");
  const config = testConfig({
    data: directory.path,
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    },
    more: "database: ${env:OWN_DATABASE}\nredis: ${env:OWN_REDIS}",
  });
  await using _app = await startApp({
    config,
    logger: createLogger(
      () => {},
      (text) => text,
    ),
    instance: "test",
    signal: new AbortController().signal,
  });
  world.as("operator").say("/preflight api-is-live");
  const file = async (): Promise<string> => (await filesOf(`${directory.path}/comms`)).at(-1) ?? "";
  await expect.poll(file, { timeout: 50_000 }).toMatch(/^## #\d+ · .* · Otto · preflight · GO$/m);
});
