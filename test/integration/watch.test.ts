import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";

import type { FaultName } from "../../sandbox/faults.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp, type App } from "../../src/app.ts";
import type { ValidConfig } from "../../src/config/load-config.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { someOf } from "../support/long-run.ts";
import { changedBy, reactions } from "../support/reactions.ts";
import { query, readEntries } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let config: ValidConfig;
let app: App;

beforeAll(async () => {
  world = opened.use(await startWorld({ deadLetterEveryMs: 50 }));
  database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("watch"));
  config = testConfig({
    data: directory.path,
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    },
    more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
    watches: true,
  });
  app = await start();
  opened.defer(async () => app[Symbol.asyncDispose]());
});
afterEach(async () => {
  await world.healAll();
  // What comes back within minutes is the same alert, and flaps if it does so often; each test is a day of its own.
  await query(database.url, "update alert set resolved_at = resolved_at - interval '1 day'");
});
afterAll(async () => {
  await opened.disposeAsync();
});

async function start(): Promise<App> {
  return startApp({
    config,
    logger: createLogger(
      () => undefined,
      (text) => text,
    ),
    instance: "test-1",
    signal: new AbortController().signal,
  });
}

async function restart(): Promise<void> {
  await app[Symbol.asyncDispose]();
  app = await start();
}

const IN_POLL = { timeout: 45_000, interval: 200 };
const IN_TIME = { timeoutMs: 30_000 };
/** Without the checkpoint of the day, which comes when it comes. */
const botMessages = () =>
  world.telegram.messages().filter(({ from, text }) => from.isBot && !text.includes("🔏"));

/** The checks whose alerts fire, and those of them that stand behind another. */
type Alerts = { readonly speaking: readonly string[]; readonly folded: readonly string[] };

async function open(): Promise<Alerts> {
  const { rows } = await query<{ check_name: string; behind: string | null }>(
    database.url,
    "select check_name, behind from alert where state in ('firing', 'acknowledged') order by 1",
  );
  const named = (isFolded: boolean): readonly string[] =>
    rows.filter(({ behind }) => (behind !== null) === isFolded).map((row) => row.check_name);
  return { speaking: named(false), folded: named(true) };
}

async function until(expected: Alerts): Promise<void> {
  await expect.poll(open, IN_POLL).toEqual(expected);
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
    expect(await open()).toEqual({ speaking: [], folded: [] });
    expect(botMessages().filter(({ text }) => /fires|fails since/.test(text))).toEqual([]);
  });

  test("raises a card and a word that rings when a fault comes, and ends them when it goes", async () => {
    await world.break("xai-key-revoked");
    await until({ speaking: ["xai-key-works"], folded: [] });
    const said = async (count: number) =>
      world.telegram.waitFor(() => {
        const about = botMessages().filter(({ text }) => text.includes("xai-key-works"));
        return about.length === count ? about : undefined;
      }, IN_TIME);
    const [card, word] = await said(2);
    expect([card?.silent, word?.silent]).toEqual([true, false]);
    expect(word?.replyTo?.id).toBe(card?.id);
    await world.heal("xai-key-revoked");
    await until({ speaking: [], folded: [] });
    const [, , end] = await said(3);
    expect([end?.silent, end?.replyTo?.id]).toEqual([false, card?.id]);
    const kinds = (await readEntries(database.url)).map(({ kind }) => kind);
    expect(kinds).toContain("alert.fired");
    expect(kinds.at(-1)).toBe("alert.resolved");
  });

  test("goes on where it was after a restart: what fired is not told again, and its end is told", async () => {
    const before = botMessages().length;
    await world.break("xai-key-revoked");
    // A card and a word.
    await expect.poll(() => botMessages().length, IN_POLL).toBe(before + 2);
    await restart();
    await world.heal("xai-key-revoked");
    await until({ speaking: [], folded: [] });
    await expect.poll(() => botMessages().length, IN_POLL).toBe(before + 3);
  });
});

describe("every fault raises exactly the alerts that it should, and healing ends them", () => {
  test.each(someOf(Object.keys(reactions) as FaultName[], 3))("%s", async (fault) => {
    await world.break(fault);
    await expect.poll(open, IN_POLL).toEqual(expectedOf(fault));
    await world.heal(fault);
    await expect.poll(open, IN_POLL).toEqual({ speaking: [], folded: [] });
  });
});

/** What a fault changes speaks for itself, unless something that it depends on was changed too. */
function expectedOf(fault: FaultName): Alerts {
  const changed = Object.keys(changedBy(fault)).toSorted();
  const isFolded = (name: string): boolean =>
    causesOf(name).some((cause) => changed.includes(cause));
  return {
    speaking: changed.filter((name) => !isFolded(name)),
    folded: changed.filter(isFolded),
  };
}

function causesOf(name: string): readonly string[] {
  const direct = config.targets[0].settings.checks[name]?.common.dependsOn ?? [];
  return direct.flatMap((cause) => [cause, ...causesOf(cause)]);
}
