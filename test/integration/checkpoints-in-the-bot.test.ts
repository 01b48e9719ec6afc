import { execFile } from "node:child_process";
import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, inject, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp, type App } from "../../src/app.ts";
import type { ValidConfig } from "../../src/config/load-config.ts";
import { checkpointText } from "../../src/core/checkpoint.ts";
import { genesisHash } from "../../src/core/entry.ts";
import { generateSigner, openNote, parseVerifier, signNote } from "../../src/core/signed-note.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText, FAST_ENGINE, testConfig } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";
import { openSignedLog, ORIGIN, TARGET } from "../support/signed-log.ts";

const WHO = userInfo().username;
const root = join(import.meta.dirname, "../..");
const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let folder: string;
let environment: Readonly<Record<string, string>>;
let file: string;
let config: ValidConfig;

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  ({ path: folder } = opened.use(await temporaryDirectory("checkpoints-in-the-bot")));
  const more = `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`;
  environment = {
    ...world.environment,
    OWN_DATABASE: database.url,
    OWN_REDIS: inject("redisUrl"),
  };
  const data = join(folder, "data");
  config = testConfig({ data, environment, more });
  file = join(folder, "config.yaml");
  // Somebody else sits at this terminal: Ada, who may do what the chat cannot.
  const text = configText({ data, more })
    .replace("    os: ${env:USER:-root}\n", "    os: ${env:OTTO:-otto}\n")
    .replace("    os: ${env:ADA_USER:-ada}\n", "    os: ${env:ADA:-nobody}\n");
  await writeFile(file, text);
});
afterAll(async () => {
  await opened.disposeAsync();
});

async function start(): Promise<App> {
  return startApp({
    config,
    logger: createLogger(
      () => undefined,
      (text) => text,
    ),
    instance: "test-1",
    signal: new AbortController().signal,
  });
}

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function flightdeck(
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { PATH: process.env["PATH"] ?? "", ...environment, ADA: WHO, ...more };
    const words = ["src/main.ts", ...args, "--config", file];
    execFile(process.execPath, words, { cwd: root, env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

/** Entries from elsewhere, so that a checkpoint is due. */
async function record(count: number): Promise<void> {
  await using other = await openSignedLog({ url: database.url, folder: join(folder, "other") });
  await other.record(count);
}

function posted(): readonly ChatMessage[] {
  return world.telegram.messages().filter(({ text }) => text.includes("🔏"));
}

async function sizes(): Promise<readonly number[]> {
  const { rows } = await query<{ size: string }>(
    database.url,
    "select size from evidence_checkpoint order by size",
  );
  return rows.map(({ size }) => Number(size));
}

test("the first checkpoint of a day comes to the chat silently, once, its note to the letter", async () => {
  await using _app = await start();
  await record(50);
  await world.telegram.waitFor(() => posted()[0], { timeoutMs: 20_000 });
  const [message] = posted();
  expect(message?.silent).toBe(true);
  const block = message?.entities.find(({ type }) => type === "pre");
  const note = message?.text.slice(block?.offset ?? 0, (block?.offset ?? 0) + (block?.length ?? 0));
  const { stdout } = await flightdeck(["evidence", "key"]);
  const key = parseVerifier(stdout);
  // The line break that ends a note is not seen at the end of a block, and easily put back.
  const opened = openNote(`${note?.trimEnd()}\n`, key ? [key] : []);
  expect(opened.kind).toBe("signed");

  await expect
    .poll(async () => (await readEntries(database.url)).at(-1), { timeout: 15_000 })
    .toMatchObject({ kind: "checkpoint.posted", facts: { message: String(message?.id) } });
  await record(60);
  await expect.poll(async () => (await sizes()).length, { timeout: 15_000 }).toBeGreaterThan(1);
  expect(posted()).toHaveLength(1);
});

test("a clean stop leaves no entry without a signature", async () => {
  {
    await using _app = await start();
    await record(1);
  }
  const size = (await readEntries(database.url)).length;
  expect((await sizes()).at(-1)).toBe(size);
  // The signature is of use where it can be carried away: in the file.
  const log = await readFile(join(config.targets[0].settings.evidence.directory, "log.md"), "utf8");
  expect(log.trimEnd().split("\n").at(-1)).toMatch(new RegExp(`^<!-- end checkpoint ${size}\\b`));
});

test("a key that others can read is no key to start with, and the way out is said", async () => {
  const path = join(folder, "data/keys", `${TARGET}.signing-key`);
  await chmod(path, 0o644);
  await expect(start()).rejects.toThrow(`chmod 600 ${path}`);
  await chmod(path, 0o600);
  await using _app = await start();
});

test("a key is rotated at a terminal by an approver who says why, and by nobody else", async () => {
  const before = (await flightdeck(["evidence", "key"])).stdout.trim().split("\n");
  const why = ["--reason", "Otto's laptop was stolen"];
  expect(await flightdeck(["evidence", "rotate-key"])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("wants to know why") as unknown,
  });
  const asOtto = { ADA: "nobody", OTTO: WHO };
  expect(await flightdeck(["evidence", "rotate-key", ...why], asOtto)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("needs the role approver; you are operator") as unknown,
  });

  const rotated = await flightdeck(["evidence", "rotate-key", ...why]);
  const after = (await flightdeck(["evidence", "key"])).stdout.trim().split("\n");
  expect(after.slice(0, -1)).toEqual(before);
  expect(rotated).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(after.at(-1)!) as unknown,
  });
  expect((await readEntries(database.url)).at(-1)).toMatchObject({
    kind: "key.rotated",
    actor: { name: "Ada", via: "cli" },
    facts: { reason: "Otto's laptop was stolen" },
  });
});

test("what was signed and is not here is told in the chat, until somebody adopts what there is", async () => {
  const text = checkpointText({ origin: ORIGIN, size: 9_000, root: genesisHash("lost") });
  const memory = join(folder, "data/keys", `${TARGET}.last-checkpoint`);
  await rename(memory, `${memory}.before`);
  await writeFile(memory, signNote(text, [generateSigner(ORIGIN)]), { mode: 0o600 });
  const adopt = ["evidence", "adopt", "--reason", "the backup of last night"];
  {
    await using _app = await start();
    const warning = await world.telegram.waitFor(
      () => world.telegram.messages().find((message) => message.text.includes("is not signed")),
      { timeoutMs: 20_000 },
    );
    expect(warning.text).toContain("A checkpoint of 9000 entries");
    world.as("operator").say("/smoke");
    await world.telegram.waitFor(
      () => world.telegram.messages().find(({ text }) => text.includes("the log is not signed. A")),
      { timeoutMs: 20_000 },
    );
    expect(await flightdeck(adopt)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Stop every instance") as unknown,
    });
  }
  const size = (await readEntries(database.url)).length;
  const adopted = await flightdeck(adopt);
  expect(adopted.stderr).toBe("");
  expect(adopted).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`Given up: #${size + 1} to #9000`) as unknown,
  });
  expect((await readEntries(database.url)).at(-1)).toMatchObject({ kind: "log.adopted" });
  expect((await sizes()).at(-1)).toBe(size + 1);
});
