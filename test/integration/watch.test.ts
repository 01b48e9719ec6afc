import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";

import type { FaultName } from "../../sandbox/faults.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("watch"));
  const config = testConfig({
    data: directory.path,
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
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
      instance: "test-1",
      signal: new AbortController().signal,
    }),
  );
});
afterEach(async () => world.healAll());
afterAll(async () => {
  await opened.disposeAsync();
});

const IN_TIME = { timeoutMs: 30_000 };
const botMessages = () => world.telegram.messages().filter(({ from }) => from.isBot);

async function openChecks(): Promise<readonly string[]> {
  const { rows } = await query<{ check_name: string }>(
    database.url,
    "select check_name from alert where state in ('firing', 'acknowledged') and behind is null order by 1",
  );
  return rows.map(({ check_name: name }) => name);
}

async function until(expected: readonly string[], timeoutMs = 45_000): Promise<void> {
  await expect.poll(openChecks, { timeout: timeoutMs, interval: 200 }).toEqual(expected);
}

describe("the watch", () => {
  test("has nothing to say of a healthy world, and knows it", async () => {
    await expect
      .poll(
        async () =>
          (
            await query<{ count: string }>(
              database.url,
              "select count(distinct check_name) as count from sample where status = 'pass'",
            )
          ).rows[0]?.count,
        { timeout: 45_000 },
      )
      .not.toBe("0");
    expect(await openChecks()).toEqual([]);
    expect(botMessages().filter(({ text }) => /fires|fails since/.test(text))).toEqual([]);
  });

  test("raises a card and a word that rings when a fault comes, and ends them when it goes", async () => {
    await world.break("xai-key-revoked");
    await until(["xai-key-works"]);
    const said = async (count: number) =>
      world.telegram.waitFor(() => {
        const about = botMessages().filter(({ text }) => text.includes("xai-key-works"));
        return about.length === count ? about : undefined;
      }, IN_TIME);
    const [card, word] = await said(2);
    expect([card?.silent, word?.silent]).toEqual([true, false]);
    expect(word?.replyTo?.id).toBe(card?.id);
    await world.heal("xai-key-revoked");
    await until([]);
    const [, , end] = await said(3);
    expect([end?.silent, end?.replyTo?.id]).toEqual([false, card?.id]);
    const kinds = (await readEntries(database.url)).map(({ kind }) => kind);
    expect(kinds).toContain("alert.fired");
    expect(kinds.at(-1)).toBe("alert.resolved");
  });

  const faults: readonly (readonly [FaultName, readonly string[]])[] = [
    ["todoist-token-revoked", ["todoist-token-works"]],
    ["webhook-is-stolen", ["product-webhook-is-registered"]],
  ];
  test.each(faults)("raises exactly what belongs to %s", async (fault, checks) => {
    await world.break(fault);
    await until(checks);
    await world.heal(fault);
    await until([]);
  });
});
