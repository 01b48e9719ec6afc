import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { loadConfigs } from "../../src/config/load-config.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { createChangeCommand, createChangeOperation } from "../support/change.ts";
import { configText, FAST_ENGINE } from "../support/config.ts";
import { startMarkServer, type MarkServer } from "../support/mark.ts";
import { readEntries } from "../support/records.ts";
import { letBeRead, tapAfterReading } from "../support/tapping.ts";

const WAIT_MS = 20_000;
const opened = new AsyncDisposableStack();
let world: World;
let mark: MarkServer;
let database: TestDatabase;
let topicId: number;

beforeAll(async () => {
  world = opened.use(await startWorld());
  mark = opened.use(await startMarkServer());
  database = opened.use(await createTestDatabase());
  const { path } = opened.use(await temporaryDirectory("approval-targets"));
  topicId = world.telegram.openTopic("staging");
  const files = [join(path, "main.yaml"), join(path, "staging.yaml")] as const;
  const more = `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`;
  await writeFile(files[0], configText({ data: join(path, "data"), more }));
  await writeFile(
    files[1],
    `target: staging
place: { topic: ${topicId} }
evidence: { directory: "${join(path, "comms")}" }
operators:
  - { name: Vera, telegram: 1001, role: approver }
  - { name: Otto, telegram: 1002, role: operator }
checks:
  staging-is-live: { kind: http, url: "\${env:SANDBOX_API_URL}/health/live" }
`,
  );
  const config = loadConfigs(files, {
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    },
    readFile: (file) => readFileSync(file, "utf8"),
  });
  if (!config.ok) throw new Error(JSON.stringify(config.files));
  opened.use(
    await startApp({
      config,
      logger: createLogger(
        () => undefined,
        (text) => text,
      ),
      instance: "test-approval-targets",
      signal: new AbortController().signal,
      overrides: {
        commands: [createChangeCommand()],
        operations: [createChangeOperation(mark.url)],
      },
    }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});

async function asked(line: string, topic?: number): Promise<ChatMessage> {
  const { messageId } = world.as("operator").say(line, { topic });
  return world.telegram.waitFor(
    ({ messages }) =>
      messages().find(({ replyTo, buttons }) => replyTo?.id === messageId && buttons.length > 0),
    { timeoutMs: WAIT_MS },
  );
}

async function done(card: ChatMessage): Promise<ChatMessage> {
  return world.telegram.waitFor(
    ({ messages }) => messages().find(({ id, text }) => id === card.id && /CHANGED/.test(text)),
    { timeoutMs: WAIT_MS },
  );
}

describe("of several targets", () => {
  test.each([
    ["in the topic of the other target", "/change", true],
    ["in the place of the first one, by @name", "/change @staging", false],
  ])(
    "a question that is asked %s is answered by those of its own target",
    async (_where, line, inTopic) => {
      const card = await asked(line, inTopic ? topicId : undefined);
      expect(card.text).toContain("staging");
      // Ada approves for the sandbox, and is nobody to staging, however long she has read.
      await letBeRead(database.url);
      world.as("approver").tap({ messageId: card.id, label: "Approve" });
      const tap = { messageId: card.id, label: "Approve" };
      expect(await tapAfterReading(world, "viewer", tap, database.url)).toBe("");
      await done(card);
      const used = (await readEntries(database.url, "staging")).findLast(
        ({ kind }) => kind === "approval.used",
      );
      expect(used).toMatchObject({ target: "staging", facts: { "approved-by": "Vera" } });
    },
  );
});
