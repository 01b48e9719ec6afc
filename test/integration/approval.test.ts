import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp, type App } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { createChangeCommand, createChangeOperation } from "../support/change.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import {
  createMarkOperation,
  markCommand,
  startMarkServer,
  type MarkServer,
} from "../support/mark.ts";
import { query, readEntries } from "../support/records.ts";
import { tapAfterReading, tapped } from "../support/tapping.ts";

const opened = new AsyncDisposableStack();
let world: World;
let mark: MarkServer;
let database: TestDatabase;
let app: App;
let log = "";

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
        commands: [createChangeCommand(), createChangeCommand("hurry"), markCommand],
        operations: [
          createChangeOperation(mark.url),
          createChangeOperation(mark.url, { name: "hurry", urgent: true }),
          createMarkOperation(mark.url),
        ],
      },
    }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});

async function asked(line = "/change") {
  const { messageId } = world.as("operator").say(line);
  return cardOf(messageId, /approval: (posted|draft)/);
}

async function cardOf(messageId: number, reads: RegExp) {
  return world.telegram
    .waitFor(
      () =>
        world.telegram
          .messages()
          .find(({ replyTo, text }) => replyTo?.id === messageId && reads.test(text)),
      { timeoutMs: 20_000 },
    )
    .catch((error: unknown) => {
      throw new Error(`No card reads ${reads}:\n${log}`, { cause: error });
    });
}

describe("a question that a second person answers", () => {
  test("approves", async () => {
    const card = await asked();
    expect(await tapAfterReading(world, "approver", { messageId: card.id, label: "Approve" })).toBe(
      "",
    );
    await cardOf(card.replyTo?.id ?? 0, /CHANGED/);
    expect([...mark.marks().values()]).toEqual([1]);
    expect((await readEntries(database.url)).map(({ kind, result }) => [kind, result])).toEqual([
      ["run.intent", undefined],
      ["approval.asked", "asked"],
      ["approval.voted", "yes"],
      ["approval.used", "used"],
      ["step.intent", undefined],
      ["step.outcome", "ok"],
      ["run.result", "CHANGED"],
    ]);
  });
});
