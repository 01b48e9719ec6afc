import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText, FAST_ENGINE, testConfig } from "../support/config.ts";
import { readEntries } from "../support/records.ts";

const root = join(import.meta.dirname, "../..");
const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let directory: string;
let file: string;
let log = "";

const more = `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`;
const environment = () => ({
  ...world.environment,
  OWN_DATABASE: database.url,
  OWN_REDIS: inject("redisUrl"),
});

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  ({ path: directory } = opened.use(await temporaryDirectory("product-webhook")));
  file = join(directory, "config.yaml");
  await writeFile(file, configText({ data: join(directory, "data"), more }));
  opened.use(
    await startApp({
      config: testConfig({ data: join(directory, "bot"), environment: environment(), more }),
      logger: createLogger(
        (line) => (log += line),
        (text) => text,
      ),
      instance: "test",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});
afterEach(async () => {
  await world.healAll();
});

/** Breaks something about the webhook, and waits out Telegram's limit of one change of it a second. */
async function breakWebhook(fault: "webhook-is-stolen" | "webhook-backlog"): Promise<void> {
  await world.break(fault);
  await sleep(1_100);
}

async function asked(text: string): Promise<string> {
  const { messageId } = world.as("operator").say(text);
  const answer = await world.telegram.waitFor(
    (telegram) =>
      telegram
        .messages()
        .find(({ replyTo, text }) => replyTo?.id === messageId && !text.startsWith("⏳")),
    { timeoutMs: 20_000 },
  );
  return answer.text;
}

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function flightdeck(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = {
      PATH: process.env["PATH"] ?? "",
      USER: process.env["USER"] ?? "root",
      ...environment(),
    };
    const options = { cwd: root, env };
    execFile(
      process.execPath,
      ["src/main.ts", ...args, "--config", file],
      options,
      (error, stdout, stderr) => {
        const code = typeof error?.code === "number" ? error.code : error ? -1 : 0;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

describe("/webhook", () => {
  test("shows where the product's updates go, and that its door is guarded", async () => {
    const text = await asked("/webhook");
    expect(text).toContain("🟢 sandbox · webhook GO");
    expect(text).toContain(`✓ address: ${world.product.apiUrl}/v1/integrations/telegram/webhook`);
    expect(text).toContain("✓ waiting updates: 0");
    expect(text).toContain("✓ last failed delivery: none");
    expect(text).toContain("✓ an empty update with the secret: 200");
    expect(text).toContain("✓ the same with a wrong secret: 403");
  });

  test("is UNKNOWN where the product cannot be asked, and still tells what Telegram says", async () => {
    await world.break("api-hangs");
    const text = await asked("/webhook");
    expect(text).toContain("🟡 sandbox · webhook UNKNOWN");
    expect(text).toContain("? door: POST");
    expect(text).toContain("✓ address:");
  });

  test.each([
    ["webhook-is-stolen", "NO-GO", /✗ address should be .*, is http:\/\/127\.0\.0\.1:9\/…/],
    [
      "webhook-secret-is-off",
      "NO-GO",
      /✗ the same with a wrong secret should be refused .*, is 200/,
    ],
    [
      "webhook-secret-differs",
      "NO-GO",
      /✗ an empty update with the secret should be taken .*, is 403/,
    ],
    ["webhook-backlog", "NO-GO", /✗ (?:waiting updates should|last failed delivery should)/],
  ] as const)("while %s says %s, and what is wrong first", async (fault, verdict, words) => {
    await world.break(fault);
    const text = await asked("/webhook");
    expect(text.split("\n")[0]).toBe(`🔴 sandbox · webhook ${verdict}`);
    expect(text.split("\n")[1]).toMatch(words);
    expect(text).not.toContain("/collect");
  });

  test("sets nothing from the chat", async () => {
    await world.break("webhook-is-stolen");
    expect(await asked("/webhook set")).toContain("flightdeck webhook set");
    expect((await flightdeck("webhook")).code).toBe(1);
  });
});

describe("flightdeck webhook set", () => {
  test("takes the webhook back, with intent and outcome in the log", async () => {
    await breakWebhook("webhook-is-stolen");
    const before = (await readEntries(database.url)).length;
    const { code, stdout } = await flightdeck("webhook", "set");
    expect(stdout).toContain("🟢 sandbox · webhook GO");
    expect(code).toBe(0);
    const entries = (await readEntries(database.url)).slice(before);
    expect(
      entries.map(({ kind, operation, step, result }) => [kind, operation, step, result]),
    ).toEqual([
      ["run.intent", "webhook-set", undefined, undefined],
      ["step.intent", "webhook-set", "set the webhook", undefined],
      ["step.outcome", "webhook-set", "set the webhook", "ok"],
      ["run.result", "webhook-set", undefined, "GO"],
    ]);
    expect(entries[0]?.actor).toMatchObject({ via: "cli", name: "Otto" });
    expect(entries[3]?.facts).toMatchObject({ "wrong-secret": "403" });
    expect(await asked("/webhook")).toContain("webhook GO");
  });

  test("gives Telegram the right secret where it had another under the same address", async () => {
    await breakWebhook("webhook-backlog");
    const { code, stdout } = await flightdeck("webhook", "set");
    expect(stdout).toMatch(/webhook GO/);
    expect(code).toBe(0);
    await expect
      .poll(async () => asked("/webhook"), { timeout: 20_000 })
      .toContain("✓ waiting updates: 0");
  });
});

test("nobody is shown the secret or the token of the product's bot", async () => {
  const { stdout } = await flightdeck("runs");
  const entries = JSON.stringify(await readEntries(database.url));
  for (const secret of world.secrets) {
    for (const text of [log, stdout, entries, JSON.stringify(world.telegram.messages())]) {
      expect(text).not.toContain(secret);
    }
  }
  expect(world.telegram.violations()).toEqual([]);
});
