import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, expect, inject, test } from "vitest";

import { startWorld } from "../../sandbox/world.ts";
import type { World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import { formatProblems } from "../../src/config/problem.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase } from "../database.ts";
import { CHECKS, configText, FAST_ENGINE, NOT_DUE } from "../support/config.ts";

const opened = new AsyncDisposableStack();
let world: World;

/** The target of these tests does without Todoist, and has little patience with its worker. */
const adapted = (text: string): string =>
  text
    .replace(
      /( {2}todoist-token-works:\n)(?: {4}.*\n)+/,
      "$1    kind: not-configured\n    what: Todoist\n",
    )
    .replace("within: 2m", "within: 1s");

beforeAll(async () => {
  world = opened.use(await startWorld({ deadLetterEveryMs: 60_000 }));
  const database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("gates-bot"));
  const more = `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`;
  const config = parseConfig(adapted(configText({ data: directory.path, more })), {
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    },
    readFile: (path) => readFileSync(path, "utf8"),
  });
  if (!config.ok) throw new Error(formatProblems(config.problems, "gates.yaml"));
  opened.use(
    await startApp({
      config,
      logger: createLogger(
        () => {},
        (text) => text,
      ),
      instance: "gates",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => opened.disposeAsync());

/** Asks, and gives the finished card. */
async function preflight(checks = ""): Promise<string> {
  const before = new Set(world.telegram.messages().map((message) => message.id));
  world.as("operator").say(`/preflight ${checks}`.trimEnd());
  const card = await world.telegram.waitFor(
    (telegram) =>
      telegram
        .messages()
        .find(
          ({ id, from, text }) =>
            from.isBot && !before.has(id) && / · (?:NO-)?(?:GO|UNKNOWN)/.test(text),
        ),
    { timeoutMs: 30_000 },
  );
  return card.text;
}

test("what a target does without is listed, and does not keep it from GO", async () => {
  const card = await preflight();
  expect(card.split("\n")[0]).toBe("🟢 sandbox · GO");
  expect(card).toContain(`${CHECKS.length - 1} passed, ${NOT_DUE.length + 1} not configured`);
  expect(card).toContain("todoist-token-works: not configured");
});

test("growth is judged by what this bot itself has seen before", async () => {
  await world.break("dead-letters-grow");
  // Seen at the first preflight: none.
  expect(await preflight("dead-letters-do-not-grow")).toContain(
    "dead_letter_queue should be no more than 0 jobs, as before, is 3 jobs",
  );
  await world.heal("dead-letters-grow");
  expect(await preflight("dead-letters-do-not-grow")).toContain("sandbox · GO");
});

test("a look that cannot judge says so, and is kept for the next one, which can", async () => {
  await world.break("worker-stopped");
  // What it completed just before would still speak for it.
  await sleep(1_100);
  const first = await preflight("worker-completes-jobs");
  expect(first).toMatch(/^🟡 sandbox · UNKNOWN/);
  expect(first).toContain("no earlier look tells how long they wait");
  await sleep(1_100);
  const second = await preflight("worker-completes-jobs");
  expect(second).toMatch(/^🔴 sandbox · NO-GO/);
  expect(second).toContain("work should be a completion within 1s while jobs wait");
  await world.heal("worker-stopped");
  expect(await preflight("worker-completes-jobs")).toContain("sandbox · GO");
  expect(world.telegram.violations()).toEqual([]);
});
