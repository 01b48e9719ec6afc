import { execFile, spawn, type ChildProcess } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText, FAST_ENGINE } from "../support/config.ts";
import { readEntries } from "../support/records.ts";

const root = join(import.meta.dirname, "../..");
const WITHIN_MS = 20_000;

const STAGING = `target: staging
place: { topic: TOPIC }
evidence: { directory: "COMMS" }
operators:
  - { name: Ada, telegram: 1003, role: approver }
  - { name: Otto, telegram: 1002, role: viewer, os: "\${env:USER:-root}" }
checks:
  staging-is-live: { kind: http, url: "\${env:SANDBOX_API_URL}/health/live" }
`;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let topic: number;
let files: { readonly main: string; readonly staging: string };
let bot: ChildProcess;
let log = "";

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  const { path } = opened.use(await temporaryDirectory("targets"));
  topic = world.telegram.openTopic("staging");
  files = { main: join(path, "main.yaml"), staging: join(path, "staging.yaml") };
  const more = `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`;
  await writeFile(files.main, configText({ data: join(path, "data"), more }));
  await writeFile(
    files.staging,
    STAGING.replace("TOPIC", String(topic)).replace("COMMS", join(path, "comms")),
  );
  bot = spawn(process.execPath, ["src/main.ts", "start", files.main, files.staging], {
    cwd: root,
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  bot.stdout?.on("data", (data: Buffer) => (log += data.toString()));
  bot.stderr?.on("data", (data: Buffer) => (log += data.toString()));
  opened.defer(() => void bot.kill("SIGKILL"));
  await vi.waitUntil(() => log.includes('"leads":true'), { timeout: WITHIN_MS });
});
afterAll(async () => {
  await opened.disposeAsync();
});

describe("which target a command means", () => {
  test("is said by the topic", async () => {
    const said = world.as("approver").say("/preflight", { topic });
    await answerTo(said.messageId, /staging · GO/);
    expect((await readEntries(database.url, "staging")).at(-1)).toMatchObject({
      target: "staging",
      result: "GO",
    });
  });

  test("is the first one's elsewhere, and each keeps its own log", async () => {
    const said = world.as("operator").say("/preflight api-is-live");
    await answerTo(said.messageId, /sandbox · GO/);
    expect((await readEntries(database.url, "sandbox")).every((e) => e.target === "sandbox")).toBe(
      true,
    );
  });

  test("is said by @target before anything else, and a button goes on meaning it", async () => {
    const said = world.as("approver").say("/preflight @staging");
    const card = await answerTo(said.messageId, /staging · GO/);
    world.as("approver").tap({ messageId: card.id, label: "Run again" });
    await answerTo(card.id, /staging · GO/);
  });

  test("is asked back when there is none of that name", async () => {
    const said = world.as("approver").say("/preflight @stagign");
    await answerTo(said.messageId, /There is no target @stagign\. Did you mean @staging\?/);
  });

  test("decides on the role: an operator of one is a viewer of the other, and a stranger to it hears nothing", async () => {
    const refused = world.as("operator").say("/preflight @staging");
    await answerTo(refused.messageId, /needs the role operator; you are viewer/);
    const stranger = world.as("viewer").say("/whoami @staging");
    const after = world.as("viewer").say("/whoami");
    await answerTo(after.messageId, /Vera · viewer/);
    expect(answersTo(stranger.messageId)).toEqual([]);
  });

  test("is the same on the command line", async () => {
    const { code, stdout } = await flightdeck(["whoami", "@staging"]);
    expect(stdout).toContain("Otto · viewer");
    expect(code).toBe(0);
  });
});

describe("a stolen phone", () => {
  test("loses its rights at once: nothing that comes from it is heard", async () => {
    const locked = world.as("approver").say("/lock Otto");
    await answerTo(locked.messageId, /Otto is locked/);
    const silent = world.as("operator").say("/whoami");
    const again = world.as("approver").say("/lock Otto");
    await answerTo(again.messageId, /Otto is locked already/);
    expect(answersTo(silent.messageId)).toEqual([]);
    expect((await readEntries(database.url, "sandbox")).at(-1)).toMatchObject({
      kind: "operator.locked",
      actor: { name: "Ada" },
      facts: { operator: "Otto", telegram: "1002" },
    });
  });

  test("gets them back from another approver", async () => {
    const unlocked = world.as("approver").say("/unlock otto");
    await answerTo(unlocked.messageId, /Otto is operator again/);
    const said = world.as("operator").say("/whoami");
    await answerTo(said.messageId, /Otto · operator/);
  });

  test("cannot be unlocked by a viewer, and nobody unknown can be locked", async () => {
    const viewer = world.as("viewer").say("/unlock Otto");
    await answerTo(viewer.messageId, /needs the role approver/);
    const unknown = world.as("approver").say("/lock Oto");
    await answerTo(unknown.messageId, /There is no operator "Oto"\. Did you mean Otto\?/);
  });
});

describe("a hang-up", () => {
  test("with a bad file is refused, loudly, and the old configuration stays", async () => {
    const good = await readFile(files.main, "utf8");
    await writeFile(files.main, good.replace("role: viewer", "role: boss"));
    const before = world.telegram.messages().length;
    bot.kill("SIGHUP");
    await world.telegram.waitFor(
      () =>
        world.telegram
          .messages()
          .slice(before)
          .find((message) => /configuration is refused/.test(message.text)),
      { timeoutMs: WITHIN_MS },
    );
    await writeFile(files.main, good);
    const said = world.as("viewer").say("/whoami");
    await answerTo(said.messageId, /Vera · viewer/);
  });

  test("with a changed file puts it in force and records the change", async () => {
    const good = await readFile(files.main, "utf8");
    await writeFile(files.main, good.replace("name: Vera", "name: Verena"));
    const starts = log.split('"msg":"started"').length;
    bot.kill("SIGHUP");
    await expect
      .poll(() => log.split('"msg":"started"').length, { timeout: WITHIN_MS })
      .toBe(starts + 1);
    const said = world.as("viewer").say("/whoami");
    await answerTo(said.messageId, /Verena · viewer/);
    expect((await readEntries(database.url, "sandbox")).at(-1)).toMatchObject({
      kind: "config.changed",
      actor: { via: "flightdeck" },
    });
  });
});

describe("a valid file that does not start", () => {
  test("is told of, the old one goes on, and nothing is recorded as changed", async () => {
    const good = await readFile(files.main, "utf8");
    const changes = async (): Promise<number> =>
      (await readEntries(database.url, "sandbox")).filter((e) => e.kind === "config.changed")
        .length;
    const before = await changes();
    await writeFile(files.main, good.replace("${env:OWN_DATABASE}", "${env:NO_DATABASE}"));
    const seen = world.telegram.messages().length;
    bot.kill("SIGHUP");
    await world.telegram.waitFor(
      () =>
        world.telegram
          .messages()
          .slice(seen)
          .find((message) => /does not start/.test(message.text)),
      { timeoutMs: 40_000 },
    );
    await writeFile(files.main, good);
    const said = world.as("viewer").say("/whoami");
    await answerTo(said.messageId, /Verena · viewer/);
    expect(await changes()).toBe(before);
  });
});

describe("the group itself", () => {
  test("may become another one: the bot follows it and says what to write down", async () => {
    const starts = log.split('"msg":"started"').length;
    const moved = world.telegram.migrate();
    const notice = await world.telegram.waitFor(
      () =>
        world.telegram
          .messages(moved)
          .find((message) => /This group has a new id/.test(message.text)),
      { timeoutMs: WITHIN_MS },
    );
    expect(notice.text).toContain(`chat: ${moved}`);
    await expect
      .poll(() => log.split('"msg":"started"').length, { timeout: WITHIN_MS })
      .toBe(starts + 1);
    const said = world.as("viewer").say("/whoami");
    const answer = await answerTo(said.messageId, /Verena · viewer/);
    expect(answer.chatId).toBe(moved);
  });

  test("is the only one: put into another, the bot leaves", async () => {
    const foreign = world.telegram.addBotToGroup("Party", "stranger");
    await world.telegram.waitFor(
      () =>
        world.telegram
          .calls()
          .find(
            (call) =>
              call.method === "leaveChat" && String(call.params["chat_id"]) === String(foreign),
          ),
      { timeoutMs: WITHIN_MS },
    );
  });
});

function environment(): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    USER: process.env["USER"] ?? "root",
    ...world.environment,
    OWN_DATABASE: database.url,
    NO_DATABASE: "postgresql://127.0.0.1:1/none",
    OWN_REDIS: inject("redisUrl"),
  };
}

function answersTo(messageId: number) {
  return world.telegram
    .messages()
    .filter((message) => message.replyTo?.id === messageId && message.from.isBot);
}

async function answerTo(messageId: number, reads: RegExp) {
  try {
    return await world.telegram.waitFor(
      () => answersTo(messageId).find((message) => reads.test(message.text)),
      { timeoutMs: WITHIN_MS },
    );
  } catch (error) {
    throw new Error(`No answer that reads ${reads}. The bot's log:\n${log}`, { cause: error });
  }
}

async function flightdeck(
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["src/main.ts", ...args, "--config", files.main, "--config", files.staging],
      { cwd: root, env: environment() },
      (error, stdout) =>
        resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout }),
    );
  });
}
