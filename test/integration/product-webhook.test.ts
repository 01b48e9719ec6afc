import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
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
import { tapAfterReading, tapped } from "../support/tapping.ts";

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

const me = userInfo().username;

/** The sandbox's file names who a user of this machine is; here it is one person or the other. */
const AS = {
  Otto: { USER: me, ADA_USER: "ada" },
  Ada: { USER: "otto", ADA_USER: me },
} as const;

async function flightdeck(args: readonly string[], as: keyof typeof AS = "Otto"): Promise<Ended> {
  return started(args, as).ended;
}

/** A command at a terminal, with what it has said so far. */
function started(args: readonly string[], as: keyof typeof AS = "Otto") {
  const env = { PATH: process.env["PATH"] ?? "", ...environment(), ...AS[as] };
  const child = spawn(process.execPath, ["src/main.ts", ...args, "--config", file], {
    cwd: root,
    env,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const ended = new Promise<Ended>((resolve) =>
    child.once("close", (code) => resolve({ code: code ?? -1, stdout, stderr })),
  );
  return { ended, kill: () => child.kill("SIGINT"), said: () => stdout + stderr };
}

/** Otto asks at a terminal; what comes back is the command that he is told somebody else types. */
async function ottoAsks() {
  const asking = started(["webhook", "set"]);
  await expect.poll(() => asking.said(), { timeout: 30_000 }).toMatch(/flightdeck approve R-\w+ /);
  const [, run = "", code = ""] = /flightdeck approve (R-\w+) (\w{4})/.exec(asking.said()) ?? [];
  return { ...asking, run, code };
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
});

const entriesOf = async (before: number) =>
  (await readEntries(database.url))
    .slice(before)
    .map(({ kind, operation, step, result }) => [kind, operation, step, result]);

const SET_WITH_A_YES = [
  ["run.intent", "webhook-set", undefined, undefined],
  ["approval.asked", "webhook-set", "ask whether to register it", "asked"],
  ["approval.voted", "webhook-set", "ask whether to register it", "yes"],
  ["approval.used", "webhook-set", "ask whether to register it", "used"],
  ["step.intent", "webhook-set", "set the webhook", undefined],
  ["step.outcome", "webhook-set", "set the webhook", "ok"],
  ["run.result", "webhook-set", undefined, "GO"],
];

describe("/webhook set", () => {
  test("takes the webhook back once somebody else has said yes, and proves it", async () => {
    await breakWebhook("webhook-is-stolen");
    const before = (await readEntries(database.url)).length;
    const { messageId } = world.as("operator").say("/webhook set");
    const card = await world.telegram.waitFor(
      (telegram) =>
        telegram
          .messages()
          .find(({ replyTo, text }) => replyTo?.id === messageId && text.startsWith("✋")),
      { timeoutMs: 20_000 },
    );
    expect(card.text).toMatch(/✋ sandbox · webhook set\?/);
    expect(card.text).toMatch(/http:\/\/127\.0\.0\.1:9\/… → http\S+\/telegram\/webhook/);
    expect(card.text).not.toContain("/collect");
    expect(await tapped(world, "operator", { messageId: card.id, label: "Approve" })).toMatch(
      /somebody else/,
    );
    expect((await flightdeck(["webhook"])).code).toBe(1);
    await tapAfterReading(
      world,
      "approver",
      { messageId: card.id, label: "Approve" },
      database.url,
    );
    await world.telegram.waitFor(
      (telegram) =>
        telegram
          .messages()
          .find(({ id, text }) => id === card.id && text.startsWith("🟢 sandbox · webhook GO")),
      { timeoutMs: 20_000 },
    );
    const set = (await entriesOf(before)).filter(([, operation]) => operation === "webhook-set");
    expect(set).toEqual(SET_WITH_A_YES);
    expect(await asked("/webhook")).toContain("webhook GO");
  });
});

describe("flightdeck webhook set", () => {
  test("waits for a yes, says who may give it and how, and goes on by another's terminal", async () => {
    await breakWebhook("webhook-is-stolen");
    const before = (await readEntries(database.url)).length;
    const { run, code, said, ended } = await ottoAsks();
    expect(said()).toContain("✋ sandbox · webhook set?");
    expect(said()).toMatch(new RegExp(`${run} waits until \\d\\d:\\d\\d for a yes of Ada\\.`));
    expect(said()).toContain(`at a terminal of Ada (ada):\n  flightdeck approve ${run} ${code}`);
    expect(await flightdeck(["approve", run, code], "Otto")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("somebody else"),
    });
    expect(await flightdeck(["approve", run, "0000"], "Ada")).toMatchObject({ code: 3 });
    const yes = await flightdeck(["approve", run, code], "Ada");
    expect(yes).toMatchObject({ code: 0, stdout: expect.stringContaining("webhook GO") });
    const { code: exit, stdout } = await ended;
    expect(stdout).toContain("🟢 sandbox · webhook GO");
    expect(stdout).toMatch(/yes by Ada \d\d:\d\d/);
    expect(exit).toBe(0);
    expect(await entriesOf(before)).toEqual(expect.arrayContaining(SET_WITH_A_YES));
    const voted = (await readEntries(database.url)).findLast(
      ({ kind }) => kind === "approval.voted",
    );
    expect(voted?.actor).toMatchObject({ via: "cli", name: "Ada" });
  }, 120_000);

  test("ends with 1 and without an effect when somebody says no", async () => {
    await breakWebhook("webhook-is-stolen");
    const { run, ended } = await ottoAsks();
    expect((await flightdeck(["deny", run], "Ada")).code).toBe(0);
    const { code, stdout } = await ended;
    expect(stdout).toContain("⚪️ sandbox · webhook set denied");
    expect(stdout).toContain("Nothing was done.");
    expect(code).toBe(1);
    expect((await flightdeck(["webhook"])).code).toBe(1);
  }, 120_000);

  test("lets go of its terminal without letting go of the question", async () => {
    await breakWebhook("webhook-is-stolen");
    const { run, code, kill, ended } = await ottoAsks();
    kill();
    const { code: exit, stderr } = await ended;
    expect(stderr).toContain(`${run} still waits for a yes: \`flightdeck runs ${run}\` shows it`);
    expect(exit).toBe(2);
    const yes = await flightdeck(["approve", run, code], "Ada");
    expect(yes.stdout).toContain("🟢 sandbox · webhook GO");
    expect(yes.code).toBe(0);
  }, 120_000);

  test("gives Telegram the right secret where it had another under the same address", async () => {
    await breakWebhook("webhook-backlog");
    const { run, code, said, ended } = await ottoAsks();
    expect(said()).toContain("Telegram is given the configured secret again");
    await flightdeck(["approve", run, code], "Ada");
    expect((await ended).code).toBe(0);
    await expect
      .poll(async () => asked("/webhook"), { timeout: 20_000 })
      .toContain("✓ waiting updates: 0");
  }, 120_000);
});

test("nobody is shown the secret or the token of the product's bot", async () => {
  const { stdout } = await flightdeck(["runs"]);
  const entries = JSON.stringify(await readEntries(database.url));
  for (const secret of world.secrets) {
    for (const text of [log, stdout, entries, JSON.stringify(world.telegram.messages())]) {
      expect(text).not.toContain(secret);
    }
  }
  expect(world.telegram.violations()).toEqual([]);
});
