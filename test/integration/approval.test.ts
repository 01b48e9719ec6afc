import { randomBytes } from "node:crypto";

import * as fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp, type App } from "../../src/app.ts";
import { ANSWER_COMMAND } from "../../src/core/approval-token.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { createChangeCommand, createChangeOperation } from "../support/change.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { tries } from "../support/long-run.ts";
import { startMarkServer, type MarkServer } from "../support/mark.ts";
import { query, readEntries } from "../support/records.ts";
import { letBeRead, mayAskAgain, tapAfterReading, tapped } from "../support/tapping.ts";

const WAIT_MS = 20_000;
const opened = new AsyncDisposableStack();
let world: World;
let mark: MarkServer;
let database: TestDatabase;
let app: App;
let log = "";
let skewMs = 0;

beforeAll(async () => {
  world = opened.use(await startWorld());
  mark = opened.use(await startMarkServer());
  database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("approval"));
  app = opened.use(
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
      instance: "test-approval",
      signal: new AbortController().signal,
      overrides: {
        clock: (now) => new Date(now.getTime() + skewMs),
        commands: [createChangeCommand()],
        operations: [createChangeOperation(mark.url)],
      },
    }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  mark.version = "1";
  await mayAskAgain(database.url);
});

/** A question that stands in the chat, with its buttons. */
async function asked(line = "/change", who: "operator" | "approver" = "operator") {
  const { messageId } = world.as(who).say(line);
  return cardOf(messageId, /approval: (draft|posted)/);
}

async function cardOf(messageId: number, reads: RegExp, chatId?: number): Promise<ChatMessage> {
  return world.telegram
    .waitFor(
      ({ messages }) =>
        messages(chatId).find(({ replyTo, text }) => replyTo?.id === messageId && reads.test(text)),
      { timeoutMs: WAIT_MS },
    )
    .catch((error: unknown) => {
      throw new Error(`No card reads ${reads}:\n${log}`, { cause: error });
    });
}

/** The same card, once it reads as expected. */
async function becomes(card: ChatMessage, reads: RegExp): Promise<ChatMessage> {
  return world.telegram
    .waitFor(
      ({ messages }) => messages().find(({ id, text }) => id === card.id && reads.test(text)),
      { timeoutMs: WAIT_MS },
    )
    .catch((error: unknown) => {
      throw new Error(`The card does not read ${reads}:\n${log}`, { cause: error });
    });
}

/** Nobody is heard before a question could have been read. */
const readingTime = async (): Promise<void> => letBeRead(database.url);

const labels = ({ buttons }: ChatMessage): readonly string[] =>
  buttons.flat().map(({ label }) => label);

function dataOf(card: ChatMessage, label: string): string {
  const action = card.buttons.flat().find((button) => button.label === label)?.action;
  if (action?.kind !== "callback") throw new Error(`There is no button ${label}.`);
  return action.data;
}

function effects(): number {
  return [...mark.marks().values()].reduce((sum, count) => sum + count, 0);
}

describe("whoever taps", () => {
  test("is not heard while Telegram does not say who is in the group, and may tap again", async () => {
    const card = await asked();
    await readingTime();
    const fault = world.telegram.faults.add({ kind: "server-error", method: "getChatMember" });
    expect(await tapped(world, "approver", { messageId: card.id, label: "Deny" })).toMatch(
      /^Not recorded: .*Tap again\.$/,
    );
    fault[Symbol.dispose]();
    // What Telegram did not say is not asked again at once.
    const tapAgain = async () => tapped(world, "approver", { messageId: card.id, label: "Deny" });
    await expect.poll(tapAgain, { timeout: WAIT_MS }).toBe("");
    await becomes(card, /approval: denied/);
  });
});

describe("a question in the chat", () => {
  test("is answered by a second person's tap on the one card that shows it from request to end", async () => {
    const before = effects();
    const card = await asked();
    expect(labels(card).toSorted()).toEqual(["Approve", "Deny", "Withdraw"]);
    expect(await tapAfterReading(world, "approver", { messageId: card.id, label: "Approve" })).toBe(
      "",
    );
    const done = await becomes(card, /CHANGED/);
    expect(labels(done)).toEqual([]);
    expect(effects()).toBe(before + 1);
    expect(
      (await readEntries(database.url)).slice(-7).map(({ kind, result }) => [kind, result]),
    ).toEqual([
      ["run.intent", undefined],
      ["approval.asked", "asked"],
      ["approval.voted", "yes"],
      ["approval.used", "used"],
      ["step.intent", undefined],
      ["step.outcome", "ok"],
      ["run.result", "CHANGED"],
    ]);
  });

  test("calls the approver by name in reply to its card", async () => {
    const card = await asked();
    const word = await world.telegram.waitFor(
      ({ messages }) =>
        messages().find(({ replyTo, from }) => from.isBot && replyTo?.id === card.id),
      { timeoutMs: WAIT_MS },
    );
    expect(word.text).toContain("needs a yes");
    expect(word.text).toContain("Otto asks: mark: one");
    expect(word.entities.map(({ type }) => type)).toContain("text_mention");
    await tapped(world, "operator", { messageId: card.id, label: "Withdraw" });
  });

  test("is not answered by whoever asked, nor by a viewer, and each hears why alone", async () => {
    const before = effects();
    const refusals = app.refusals()["answer"] ?? 0;
    const said = world.telegram.messages().length;
    const card = await asked("/change", "operator");
    expect(
      await tapAfterReading(
        world,
        "operator",
        { messageId: card.id, label: "Approve" },
        database.url,
      ),
    ).toMatch(/somebody else/);
    expect(await tapped(world, "viewer", { messageId: card.id, label: "Approve" })).toMatch(
      /needs the role/,
    );
    expect(app.refusals()["answer"]).toBeGreaterThan(refusals);
    expect(effects()).toBe(before);
    // The command, its card, and the word that called; nothing more was said to everybody.
    expect(world.telegram.messages().length).toBeLessThanOrEqual(said + 3);
    await tapAfterReading(
      world,
      "operator",
      { messageId: card.id, label: "Withdraw" },
      database.url,
    );
    await becomes(card, /approval: revoked/);
  });

  test("is not answered under another message, in another chat, or by a made-up button", async () => {
    const before = effects();
    const card = await asked();
    await readingTime();
    const data = dataOf(card, "Approve");
    const elsewhere = world.as("approver").say("/whoami");
    const other = await cardOf(elsewhere.messageId, /Ada/);
    const inPrivate = world.as("approver").say("/whoami", { chat: "private" });
    const own = await cardOf(inPrivate.messageId, /Ada/, 1003);
    expect(await tapped(world, "approver", { data, messageId: other.id })).toMatch(/older message/);
    expect(await tapped(world, "approver", { data, messageId: own.id })).toMatch(/no longer known/);
    // Telegram has forgotten the message: no content, no date.
    expect(await tapped(world, "approver", { data, messageId: 999_999 })).toMatch(/older message/);
    const forged = `${data.slice(0, -1)}${data.endsWith("A") ? "E" : "A"}`;
    expect(await tapped(world, "approver", { data: forged, messageId: card.id })).toMatch(
      /no longer known/,
    );
    expect(effects()).toBe(before);
    expect(await tapped(world, "approver", { data, messageId: card.id })).toBe("");
    await becomes(card, /CHANGED/);
    expect(effects()).toBe(before + 1);
  });

  test("cannot be answered by typing what the button carries", async () => {
    const before = effects();
    const card = await asked();
    const typed = dataOf(card, "Approve").slice("c:".length);
    const { messageId } = world.as("approver").say(`/${typed}`);
    await cardOf(messageId, /answered by the buttons/);
    const approve = world.as("approver").say("/approve R-1 K7QX");
    await cardOf(approve.messageId, /answered by the buttons/);
    expect(effects()).toBe(before);
    await tapAfterReading(
      world,
      "operator",
      { messageId: card.id, label: "Withdraw" },
      database.url,
    );
  });

  test("with a code takes two taps, and the first tells the truth from the row", async () => {
    const before = effects();
    const card = await asked("/change second-person code");
    const told = await tapAfterReading(
      world,
      "approver",
      { messageId: card.id, label: "Approve" },
      database.url,
    );
    const code = /^Tap (\w{4}) to approve\. sandbox: change, mark: one$/.exec(told)?.[1] ?? "";
    expect(code).not.toBe("");
    expect(card.text).toContain(`code ${code}`);
    const choosing = await world.telegram.waitFor(
      ({ messages }) => messages().find((one) => one.id === card.id && labels(one).includes(code)),
      { timeoutMs: WAIT_MS },
    );
    expect(labels(choosing)).toHaveLength(5);
    expect(effects()).toBe(before);
    expect(await tapped(world, "approver", { messageId: card.id, label: code })).toBe("");
    await becomes(card, /CHANGED/);
    expect(effects()).toBe(before + 1);
  });

  test("that is confirmed by whoever asked says so in the evidence", async () => {
    const card = await asked("/change confirm");
    expect(labels(card).toSorted()).toEqual(["Confirm", "Withdraw"]);
    expect(
      await tapAfterReading(
        world,
        "operator",
        { messageId: card.id, label: "Confirm" },
        database.url,
      ),
    ).toBe("");
    await becomes(card, /CHANGED/);
    const used = (await readEntries(database.url)).findLast(({ kind }) => kind === "approval.used");
    expect(used?.facts).toMatchObject({ "approved-by": "Otto", "self-approved": "yes" });
  });

  test("that is denied ends there", async () => {
    const before = effects();
    const card = await asked();
    expect(
      await tapAfterReading(world, "approver", { messageId: card.id, label: "Deny" }, database.url),
    ).toBe("");
    const ended = await becomes(card, /approval: denied/);
    expect(ended.text).toContain("Denied by Ada.");
    expect(labels(ended)).toEqual([]);
    expect(effects()).toBe(before);
  });

  test("whose ground has changed is stale: the card says what changed and offers to ask again", async () => {
    const before = effects();
    const card = await asked();
    mark.version = "2";
    expect(
      await tapAfterReading(
        world,
        "approver",
        { messageId: card.id, label: "Approve" },
        database.url,
      ),
    ).toBe("");
    const ended = await becomes(card, /approval: stale/);
    expect(ended.text).toContain("version was 1 and is now 2.");
    expect(effects()).toBe(before);
    world.as("operator").tap({ messageId: card.id, label: "Ask again" });
    const again = await cardOf(card.id, /approval: (draft|posted)/);
    await tapAfterReading(
      world,
      "approver",
      { messageId: again.id, label: "Approve" },
      database.url,
    );
    await becomes(again, /CHANGED/);
    expect(effects()).toBe(before + 1);
  });

  test("is not answered by somebody who is locked", async () => {
    const before = effects();
    const card = await asked();
    const data = dataOf(card, "Approve");
    await readingTime();
    await query(
      database.url,
      `insert into operator_lock (target, telegram_id, locked_at, locked_by) values ('sandbox', 1003, now(), 'x')`,
    );
    const { updateId } = world.as("approver").tap({ data, messageId: card.id });
    await expect
      .poll(
        async () => {
          const { rows } = await query(
            database.url,
            "select from inbox where update_id = $1 and state = 'handled'",
            [updateId],
          );
          return rows.length;
        },
        { timeout: WAIT_MS },
      )
      .toBe(1);
    expect(effects()).toBe(before);
    await query(database.url, "delete from operator_lock");
    await tapAfterReading(
      world,
      "operator",
      { messageId: card.id, label: "Withdraw" },
      database.url,
    );
  });
});

describe("made-up taps", () => {
  test("by the hundred have no effect, and break nothing", async () => {
    const before = effects();
    const card = await asked();
    const genuine = dataOf(card, "Approve");
    const made = fc.sample(
      fc.oneof(
        fc.string({ maxLength: 60 }).map((text) => text.replaceAll("\0", "")),
        fc.constantFrom(
          "c:",
          `c:${ANSWER_COMMAND}`,
          `c:${ANSWER_COMMAND} `,
          `c:${ANSWER_COMMAND} x y`,
        ),
        fc.constant(0).map(() => `c:${ANSWER_COMMAND} ${randomBytes(38).toString("base64url")}`),
        fc.nat({ max: genuine.length - 1 }).chain((at) =>
          fc
            .constantFrom(...Array.from("ABCxyz019-_ @"))
            .filter((other) => other !== genuine[at])
            .map((other) => `${genuine.slice(0, at)}${other}${genuine.slice(at + 1)}`),
        ),
      ),
      tries({ short: 100, long: 1_000 }),
    );
    for (const data of made) {
      const fits = Buffer.byteLength(data) > 0 && Buffer.byteLength(data) <= 64;
      if (fits) world.as("approver").tap({ data, messageId: card.id });
    }
    // Whoever waits for an answer waits behind all of them.
    const { messageId } = world.as("viewer").say("/whoami");
    await cardOf(messageId, /Vera/);
    expect(effects()).toBe(before);
    const { rows } = await query(database.url, "select from inbox where state = 'failed'");
    expect(rows).toEqual([]);
    const { rows: open } = await query<{ state: string }>(
      database.url,
      "select state from approval order by id desc limit 1",
    );
    expect(open[0]?.state).toBe("posted");
    await tapAfterReading(
      world,
      "operator",
      { messageId: card.id, label: "Withdraw" },
      database.url,
    );
  }, 120_000);
});

// Last, because it sets the clock on.
describe("a question", () => {
  test("that nobody answers is told in private after two minutes, and expires after ten", async () => {
    const before = effects();
    const card = await asked();
    skewMs += 2 * 60_000;
    const word = await world.telegram.waitFor(
      ({ messages }) => messages(1003).find(({ text }) => text.includes("needs a yes")),
      { timeoutMs: WAIT_MS },
    );
    expect(word.text).toContain("Otto asks: mark: one");
    expect(labels(word)).toEqual([]);
    skewMs += 8 * 60_000;
    const ended = await becomes(card, /approval: expired/);
    expect(labels(ended)).toEqual(["Ask again"]);
    expect(effects()).toBe(before);
  });
});
