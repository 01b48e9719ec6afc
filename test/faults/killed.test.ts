import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import type { Moment } from "../../src/core/trace.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { answersTo, startBotIn, untilAnswered, untilStruck } from "../support/bot-in-world.ts";
import { someOf } from "../support/long-run.ts";
import { startMarkServer, type MarkServer } from "../support/mark.ts";
import { query, readEntries } from "../support/records.ts";
import type { Bot } from "../support/spawn-bot.ts";

const RECOVERY_MS = 30_000;

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

/** Every moment of a command's life; a step's moments are named with the step. */
const READ_MOMENTS = [
  "inbox.stored",
  "inbox.handled",
  "run.claimed",
  "step.opened",
  "step.closed",
  "run.ended",
  "message.sending",
  "message.accepted",
  "message.recorded",
] as const satisfies readonly Moment[];

const ACT_MOMENTS = [
  "inbox.stored",
  "inbox.handled",
  "run.claimed",
  "step.opened@before",
  "step.closed@before",
  "step.opened@mark",
  "act.begins",
  "act.returned",
  "step.closed@mark",
  "step.opened@after",
  "step.closed@after",
  "run.ended",
] as const;

describe("killed with SIGKILL in the middle of a preflight", () => {
  test.each(someOf(READ_MOMENTS, 1))("at %s: one answer, one outcome", async (moment) => {
    const { messageId } = await strike(moment, "/preflight");
    await using survivor = await startBot();
    const card = await finalAnswer(messageId, /· GO\b/, survivor);
    const outcomes = (await readEntries(database.url)).filter((e) => e.kind === "run.result");
    expect(outcomes.map((entry) => entry.result)).toEqual(["GO"]);
    expect(await runStates()).toEqual(["ok"]);
    await expectOneMessage(messageId, card);
  });
});

describe("killed with SIGKILL in the middle of an operation with an effect", () => {
  test.each(someOf(ACT_MOMENTS, 1))("at %s: one effect, one outcome", async (moment) => {
    const { messageId } = await strike(moment, "/mark");
    await using survivor = await startBot();
    const card = await finalAnswer(messageId, /MARKED/, survivor);
    expect([...mark.marks().values()]).toEqual([1]);
    expect(await kinds()).toEqual(["run.intent", "step.intent", "step.outcome", "run.result"]);
    expect(await runStates()).toEqual(["ok"]);
    await expectOneMessage(messageId, card);
  });

  test("while the act is under way and cannot be seen: it waits for a person, who decides", async () => {
    mark.mode = "cannot-be-asked";
    const bot = await startBot();
    const { messageId } = world.as("operator").say("/mark");
    await finalAnswer(messageId, /did it happen/, bot);
    await using _gone = bot;
    expect(await runStates()).toEqual(["unknown"]);
    expect(await kinds()).toEqual(["run.intent", "step.intent", "run.unknown"]);

    mark.mode = "answers";
    world.as("operator").say("/decide R-1 happened");
    await finalAnswer(messageId, /MARKED/, bot);
    expect([...mark.marks().values()]).toEqual([1]);
    expect((await kinds()).slice(3)).toEqual(["run.decision", "step.outcome", "run.result"]);
  });

  test("a person who says that it did not happen has it done once more, with the same key", async () => {
    mark.mode = "cannot-be-asked";
    await using bot = await startBot();
    const { messageId } = world.as("operator").say("/mark");
    await finalAnswer(messageId, /did it happen/, bot);
    mark.mode = "answers";
    world.as("operator").say("/decide R-1 retry");
    await finalAnswer(messageId, /MARKED/, bot);
    // The server had taken the first one, so the person was wrong; it is the same key, and nothing else was done.
    expect([...mark.marks().values()]).toEqual([2]);
  });
});

describe("a cancel", () => {
  test("after a kill in the middle of an act does not hide that it happened", async () => {
    const { messageId } = await strike("act.returned", "/mark");
    await query(database.url, "update run set cancel_requested_at = clock_timestamp()");
    await using survivor = await startBot();
    await finalAnswer(messageId, /cancelled/, survivor);
    expect([...mark.marks().values()]).toEqual([1]);
    expect(await kinds()).toEqual(["run.intent", "step.intent", "step.outcome", "run.result"]);
    expect((await readEntries(database.url)).map((entry) => entry.result)).toEqual([
      undefined,
      undefined,
      "ok",
      "cancelled",
    ]);
  });

  test("after a kill right before the act leaves no intent open", async () => {
    const { messageId } = await strike("act.begins", "/mark");
    await query(database.url, "update run set cancel_requested_at = clock_timestamp()");
    await using survivor = await startBot();
    await finalAnswer(messageId, /cancelled/, survivor);
    expect(mark.marks().size).toBe(0);
    expect((await readEntries(database.url)).map(({ kind, result }) => [kind, result])).toEqual([
      ["run.intent", undefined],
      ["step.intent", undefined],
      ["step.outcome", "not done"],
      ["run.result", "cancelled"],
    ]);
  });

  test("before the act is begun has nothing done", async () => {
    const { messageId } = await strike("step.closed@before", "/mark");
    await query(database.url, "update run set cancel_requested_at = clock_timestamp()");
    await using survivor = await startBot();
    await finalAnswer(messageId, /cancelled/, survivor);
    expect(mark.marks().size).toBe(0);
  });
});

describe("an act whose answer is lost or wrong", () => {
  test.each(["accepts-then-500", "accepts-then-resets"] as const)(
    "%s: it is looked for and adopted, never repeated",
    async (mode) => {
      mark.mode = mode;
      await using bot = await startBot();
      const { messageId } = world.as("operator").say("/mark");
      await finalAnswer(messageId, /MARKED/, bot);
      expect([...mark.marks().values()]).toEqual([1]);
    },
  );

  test("refused: the run fails, says so, and nothing was done", async () => {
    mark.mode = "refuses";
    await using bot = await startBot();
    const { messageId } = world.as("operator").say("/mark");
    await finalAnswer(messageId, /failed/, bot);
    expect(mark.marks().size).toBe(0);
    expect((await kinds()).at(-1)).toBe("run.result");
  });

  test("hanging: it ends at its deadline", async () => {
    mark.mode = "hangs-before";
    await using bot = await startBot();
    const { messageId } = world.as("operator").say("/mark");
    await finalAnswer(messageId, /failed/, bot);
    expect(mark.marks().size).toBe(0);
  });
});

describe("two processes", () => {
  test("a paused one is fenced when it comes back: one effect, one outcome", async () => {
    await using paused = await startBot({ killAt: "act.begins", killWith: "SIGSTOP" });
    const { messageId } = world.as("operator").say("/mark");
    await expect.poll(() => isStopped(paused.pid), { timeout: RECOVERY_MS }).toBe(true);
    await using other = await startBot();
    const card = await finalAnswer(messageId, /MARKED/, other, 60_000);
    paused.kill("SIGCONT");
    await expect.poll(() => paused.log(), { timeout: RECOVERY_MS }).toContain('"leads":false');
    // Counted when the paused one has had its chance, and the time, to do it again.
    await sleep(2_000);
    expect([...mark.marks().values()]).toEqual([1]);
    expect(await runStates()).toEqual(["ok"]);
    expect((await kinds()).filter((kind) => kind === "run.result")).toHaveLength(1);
    await expectOneMessage(messageId, card);
  });

  test("side by side: one leads, both work, each command runs once", async () => {
    await using first = await startBot();
    await using second = await startBot();
    const said = Array.from({ length: 6 }, () =>
      world.as("operator").say("/preflight api-is-live"),
    );
    for (const { messageId } of said) await finalAnswer(messageId, /· GO\b/, first);
    expect(await runStates()).toEqual(said.map(() => "ok"));
    const leaders = [first, second].filter((bot) => bot.log().includes('"leads":true'));
    expect(leaders).toHaveLength(1);
    first.kill("SIGKILL");
    second.kill("SIGKILL");
  });

  test("when the leader dies the other takes over", async () => {
    await using first = await startBot();
    await using second = await startBot();
    const leader = first.log().includes('"leads":true') ? first : second;
    leader.kill("SIGKILL");
    await leader.exited;
    const { messageId } = world.as("operator").say("/preflight api-is-live");
    await finalAnswer(messageId, /· GO\b/, leader === first ? second : first);
  });
});

/** Starts a bot that is struck at a moment of what is then said, and waits until it is dead. */
async function strike(moment: string, text: string): Promise<{ readonly messageId: number }> {
  await using bot = await startBot({ killAt: moment });
  const said = world.as("operator").say(text);
  await untilStruck(bot, 20_000);
  return said;
}

async function startBot(
  options: { readonly killAt?: string; readonly killWith?: "SIGSTOP" } = {},
): Promise<Bot> {
  return startBotIn(world, {
    databaseUrl: database.url,
    environment: { MARK_URL: mark.url },
    readyWithinMs: 15_000,
    ...options,
  });
}

/** The message that answers, once it reads as it should. */
async function finalAnswer(
  messageId: number,
  reads: RegExp,
  bot: Bot,
  withinMs = RECOVERY_MS,
): Promise<ChatMessage> {
  return untilAnswered(world, messageId, reads, { bot, withinMs });
}

/** One message, or two when it was killed between sending and noting it; then the second says so. */
async function expectOneMessage(messageId: number, card: ChatMessage): Promise<void> {
  const answers = answersTo(world, messageId).filter(({ from }) => from.isBot);
  if (answers.length === 1) return;
  expect(answers).toHaveLength(2);
  expect(card.text).toContain("(resent)");
}

async function kinds(): Promise<readonly string[]> {
  return (await readEntries(database.url)).map((entry) => entry.kind);
}

async function runStates(): Promise<readonly string[]> {
  const { rows } = await query<{ state: string }>(
    database.url,
    "select state from run order by id",
  );
  return rows.map((row) => row.state);
}

async function isStopped(pid: number): Promise<boolean> {
  const { readFile } = await import("node:fs/promises");
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return /\) T /.test(status);
}
