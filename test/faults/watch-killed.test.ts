import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { startBotIn, untilStruck } from "../support/bot-in-world.ts";
import { someOf } from "../support/long-run.ts";
import { query, readEntries } from "../support/records.ts";
import type { Bot } from "../support/spawn-bot.ts";

const RECOVERY_MS = 45_000;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let seen: ReadonlySet<number>;

beforeAll(async () => {
  world = opened.use(await startWorld());
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  await world.healAll();
  seen = new Set(world.telegram.messages().map(({ id }) => id));
  database = await createTestDatabase();
  onTestFinished(async () => database[Symbol.asyncDispose]());
});

const startBot = async (killAt?: string): Promise<Bot> =>
  startBotIn(world, {
    databaseUrl: database.url,
    watches: true,
    readyWithinMs: RECOVERY_MS,
    ...(killAt === undefined ? {} : { killAt }),
  });

/** What the bot said of the one check that is broken, oldest first. */
const told = (): readonly ChatMessage[] =>
  world.telegram
    .messages()
    .filter(({ id, from, text }) => from.isBot && !seen.has(id) && text.includes("xai-key-works"));
const isResent = ({ text }: ChatMessage): boolean => text.includes("(resent)");

async function states(): Promise<readonly string[]> {
  const { rows } = await query<{ state: string }>(
    database.url,
    "select state from alert where check_name = 'xai-key-works' order by id",
  );
  return rows.map(({ state }) => state);
}

/** One message of a kind, and one more at most for a crash that hid whether it had arrived. */
function expectOnce(messages: readonly ChatMessage[]): void {
  expect(messages.length).toBeGreaterThanOrEqual(1);
  expect(messages.length).toBeLessThanOrEqual(2);
  if (messages.length === 2) expect(messages.filter(isResent)).toHaveLength(1);
}

/** The card comes silently and is edited, the words sound. */
function expectToldOnce(words: number): void {
  const messages = told();
  expectOnce(messages.filter(({ silent }) => silent));
  const loud = messages.filter((message) => !message.silent);
  expect(loud.filter((message) => !isResent(message)).length).toBeLessThanOrEqual(words);
  expect(loud.length).toBeGreaterThanOrEqual(words);
  expect(messages.filter(isResent).length).toBeLessThanOrEqual(1);
}

describe("killed with SIGKILL while an alert begins", () => {
  // What happens between a message and its record is tried with the other messages.
  test.each(someOf(["looks.kept#4", "looks.kept#1"], 1))(
    "at %s: it is told once, and its end is told once",
    async (moment) => {
      await world.break("xai-key-revoked");
      {
        await using victim = await startBot(moment);
        await untilStruck(victim, RECOVERY_MS);
      }
      await using survivor = await startBot();
      await expect.poll(states, { timeout: RECOVERY_MS }).toEqual(["firing"]);
      await expect
        .poll(() => told().filter(({ silent }) => !silent).length, { timeout: RECOVERY_MS })
        .toBeGreaterThanOrEqual(1);
      await expect
        .poll(() => told().some(({ silent }) => silent), { timeout: RECOVERY_MS })
        .toBe(true);
      expectToldOnce(1);
      await world.heal("xai-key-revoked");
      await expect.poll(states, { timeout: RECOVERY_MS }).toEqual(["resolved"]);
      await expect
        .poll(() => told().filter((one) => !one.silent && !isResent(one)).length, {
          timeout: RECOVERY_MS,
        })
        .toBeGreaterThanOrEqual(1);
      await expect
        .poll(() => told().filter(({ silent }) => !silent).length, { timeout: RECOVERY_MS })
        .toBeGreaterThanOrEqual(2);
      expectToldOnce(2);
      const kinds = (await readEntries(database.url))
        .map(({ kind }) => kind)
        .filter((kind) => kind.startsWith("alert."));
      expect(kinds).toEqual(["alert.fired", "alert.resolved"]);
      survivor.kill("SIGTERM");
    },
  );
});
