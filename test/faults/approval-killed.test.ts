import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { startPostgres } from "../../src/servers/postgres.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import {
  answersTo,
  startBotIn,
  untilAnswered,
  untilFound,
  untilStruck,
} from "../support/bot-in-world.ts";
import { someOf } from "../support/long-run.ts";
import { startMarkServer, type MarkServer } from "../support/mark.ts";
import { query, readEntries } from "../support/records.ts";
import type { Bot } from "../support/spawn-bot.ts";
import { letBeRead, tapAfterReading, tapped } from "../support/tapping.ts";

const RECOVERY_MS = 45_000;

const opened = new AsyncDisposableStack();
let world: World;
let mark: MarkServer;
let database: TestDatabase;

beforeAll(async () => {
  world = opened.use(await startWorld());
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  mark = await startMarkServer();
  database = await createTestDatabase();
  onTestFinished(async () => {
    await mark[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
});

/** From the command until its question stands in the chat. */
const ASKING = [
  "run.claimed",
  "step.closed@version",
  "approval.asked",
  "message.accepted",
  "message.recorded",
] as const;

/** From the tap until the end; the command itself is the first of each. */
const USING = [
  "inbox.stored#2",
  "inbox.handled#2",
  "run.claimed#2",
  "approval.used",
  "step.opened@mark",
  "act.begins",
  "act.returned",
  "step.closed@mark",
  "run.ended",
] as const;

const WHOLE = [
  "run.intent",
  "approval.asked",
  "approval.voted",
  "approval.used",
  "step.intent",
  "step.outcome",
  "run.result",
];

describe("killed with SIGKILL while it asks", () => {
  test.each(someOf(ASKING, 1))(
    "at %s: one question, and after its yes one effect",
    async (moment) => {
      await using struck = await startBot({ killAt: moment });
      const { messageId } = world.as("operator").say("/change");
      await untilStruck(struck, RECOVERY_MS);
      await using survivor = await startBot();
      const card = await question(messageId, survivor);
      expect(mark.marks().size).toBe(0);
      await tapAfterReading(
        world,
        "approver",
        { messageId: card.id, label: "Approve" },
        database.url,
      );
      await reads(messageId, /CHANGED/, survivor);
      await expectUsedOnce();
    },
  );
});

describe("killed with SIGKILL after somebody has said yes", () => {
  test.each(someOf(USING, 1))("at %s: the yes is used once, for one effect", async (moment) => {
    await using struck = await startBot({ killAt: moment });
    const { messageId } = world.as("operator").say("/change");
    const card = await question(messageId, struck);
    await letBeRead(database.url);
    world.as("approver").tap({ messageId: card.id, label: "Approve" });
    await untilStruck(struck, RECOVERY_MS);
    await using survivor = await startBot();
    const done = await reads(messageId, /CHANGED/, survivor);
    expect(done.buttons).toEqual([]);
    await expectUsedOnce();
  });
});

describe("a message that was sent but never noted", () => {
  test("is sent anew, and the buttons of the one that nobody knows of answer nothing", async () => {
    await using bot = await startBot();
    const { messageId } = world.as("operator").say("/change");
    const orphan = await question(messageId, bot);
    const noted = async (): Promise<number> => {
      const sql = "select from approval where state = 'posted'";
      return (await query(database.url, sql)).rows.length;
    };
    await expect.poll(noted, { timeout: RECOVERY_MS }).toBe(1);
    // As a crash between sending and noting leaves it behind.
    await query(
      database.url,
      `update outbox set message_id = null, message_kind = null, sending_since = now(),
         wanted_version = wanted_version + 1 where subject = 'run:1'`,
    );
    const anew = await world.telegram.waitFor(
      ({ messages }) =>
        messages().find(({ text, id }) => id > orphan.id && text.includes("(resent)")),
      { timeoutMs: RECOVERY_MS },
    );
    await letBeRead(database.url);
    const onOrphan = await tapped(world, "approver", { messageId: orphan.id, label: "Approve" });
    expect(onOrphan).toMatch(/older message/);
    expect(mark.marks().size).toBe(0);
    await tapAfterReading(
      world,
      "approver",
      { messageId: anew.id, label: "Approve" },
      database.url,
    );
    await reads(messageId, /CHANGED/, bot);
    await expectUsedOnce();
  });
});

describe("a tap while PostgreSQL is down", () => {
  test("has no effect before it is back, and one effect then", async () => {
    await using directory = await temporaryDirectory("approval-postgres");
    const open = async () =>
      startPostgres({ directory: join(directory.path, "postgres"), durable: true });
    let postgres = await open();
    await postgres.ensureDatabase("own");
    const url = postgres.url("own");
    await using bot = await startBot({ databaseUrl: url });
    const { messageId } = world.as("operator").say("/change");
    const card = await question(messageId, bot);
    await letBeRead(url);
    await postgres.stop();
    world.as("approver").tap({ messageId: card.id, label: "Approve" });
    await sleep(1_000);
    expect(mark.marks().size).toBe(0);
    postgres = await open();
    try {
      await reads(messageId, /CHANGED/, bot);
      expect([...mark.marks().values()]).toEqual([1]);
    } finally {
      bot.kill("SIGKILL");
      await bot.exited;
      await postgres.stop();
    }
  });
});

async function expectUsedOnce(): Promise<void> {
  expect([...mark.marks().values()]).toEqual([1]);
  expect((await readEntries(database.url)).map(({ kind }) => kind)).toEqual(WHOLE);
  const { rows } = await query<{ state: string }>(database.url, "select state from approval");
  expect(rows).toEqual([{ state: "consumed" }]);
}

async function startBot({
  databaseUrl = database.url,
  ...options
}: { readonly killAt?: string; readonly databaseUrl?: string } = {}): Promise<Bot> {
  return startBotIn(world, {
    databaseUrl,
    environment: { MARK_URL: mark.url },
    readyWithinMs: 20_000,
    ...options,
  });
}

/** The newest card of a command's run, once it shows the question. */
async function question(messageId: number, bot: Bot): Promise<ChatMessage> {
  return untilFound(
    world,
    () => answersTo(world, messageId).findLast(({ buttons }) => buttons.length > 0),
    { what: "question", bot, withinMs: RECOVERY_MS },
  );
}

async function reads(messageId: number, expected: RegExp, bot: Bot): Promise<ChatMessage> {
  return untilAnswered(world, messageId, expected, { bot, withinMs: RECOVERY_MS });
}
