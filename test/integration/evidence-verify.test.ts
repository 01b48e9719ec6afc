import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { cardText } from "../../src/core/card-text.ts";
import { verifyFiles } from "../../src/core/log-verification.ts";
import { parseVerifier } from "../../src/core/signed-note.ts";
import { drawLogExport } from "../../src/jobs/log-export.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText, FAST_ENGINE, testConfig } from "../support/config.ts";
import { query } from "../support/records.ts";
import { partOf } from "../support/sample-log.ts";
import { openSignedLog } from "../support/signed-log.ts";

const root = join(import.meta.dirname, "../..");
const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let folder: string;
let comms: string;
let configFile: string;

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  ({ path: folder } = opened.use(await temporaryDirectory("evidence-verify")));
  comms = join(folder, "comms");
  const text = {
    data: folder,
    more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
  };
  configFile = join(folder, "config.yaml");
  await writeFile(configFile, configText(text));
  opened.use(
    await startApp({
      config: testConfig({ ...text, environment: environment() }),
      logger: createLogger(
        () => undefined,
        (line) => line,
      ),
      instance: "test-1",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});

function environment(): Readonly<Record<string, string>> {
  return { ...world.environment, OWN_DATABASE: database.url, OWN_REDIS: inject("redisUrl") };
}

async function answerTo(act: () => unknown, reads: RegExp) {
  const before = new Set(world.telegram.messages().map((message) => message.id));
  act();
  return world.telegram.waitFor(
    () =>
      world.telegram
        .messages()
        .find(({ id, from, text }) => from.isBot && !before.has(id) && reads.test(text)),
    { timeoutMs: 30_000 },
  );
}

/** The command line of an auditor who has the files, the key and, if he asks for it, the database. */
async function verify(...args: readonly string[]): Promise<{ code: number; stdout: string }> {
  const line = ["evidence", "verify", comms, "--key", join(comms, "keys/sandbox.vkey"), ...args];
  return new Promise((resolve) => {
    const env = { PATH: process.env["PATH"] ?? "", ...environment() };
    execFile(
      process.execPath,
      ["src/main.ts", ...line, "--config", configFile],
      { cwd: root, env },
      (error, stdout) => {
        resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout });
      },
    );
  });
}

/** Asks for the verification again until its card reads so: the file follows the rows a moment later. */
async function verdict(reads: RegExp): Promise<string> {
  const card = await answerTo(() => world.as("viewer").say("/evidence verify"), reads);
  return card.text;
}

describe("the log of a bot that runs", () => {
  test("is sound in rows and files, for people in the chat and for an auditor with the database", async () => {
    await answerTo(() => world.as("operator").say("/preflight api-is-live"), /· GO/);
    await using elsewhere = await openSignedLog({
      url: database.url,
      folder: join(folder, "elsewhere"),
    });
    // As many as make a checkpoint due.
    await elsewhere.record(50);
    await world.telegram.waitFor(
      () => world.telegram.messages().find(({ text }) => text.includes("🔏")),
      { timeoutMs: 30_000 },
    );
    const told = await verdict(/sandbox · evidence [A-Z]/);
    expect(told).toMatch(/^🟢 sandbox · evidence SOUND\n\d+ entries in order, \d+ signed/);
    expect(told).toContain("The files say the same as the database.");
    const { code, stdout } = await verify("--db");
    expect(stdout).toMatch(/^SOUND\n/);
    expect(code).toBe(0);
    expect(await verify()).toMatchObject({ code: 0 });
  });

  test("is exported whole, as a file that can be verified", async () => {
    const { file } = await answerTo(
      () => world.as("viewer").say("/evidence export"),
      /the evidence log, \d+ entries/,
    );
    expect(file?.name).toBe("sandbox-evidence.md");
    const { FLIGHTDECK_BOT_TOKEN: token = "" } = world.environment;
    const download = await fetch(
      `${world.telegram.url}/file/bot${token}/documents/${file?.fileId ?? ""}`,
    );
    const exported = Buffer.from(await download.arrayBuffer());
    const keys = (await readFile(join(comms, "keys/sandbox.vkey"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => parseVerifier(line)!);
    const report = await verifyFiles([partOf(exported)], { keys, outside: [] });
    expect(report.findings).toEqual([]);
    expect(report.standing?.size).toBeGreaterThan(50);
    expect(report.standing?.lastTrusted?.size).toBeGreaterThanOrEqual(50);
  });

  test("is too large for the chat when it is too large for a message", async () => {
    await using own = await openSignedLog({ url: database.url, folder: join(folder, "large") });
    const log = { target: "sandbox", origin: "flightdeck/evidence/sandbox", directory: "/srv/log" };
    const drawing = await own.database.transaction(async (tx, now) =>
      drawLogExport(tx, now, log, 10_000),
    );
    expect(drawing.file).toBeUndefined();
    expect(cardText(drawing.card)).toContain("too large for the chat\nIts files are");
    expect(cardText(drawing.card)).toContain("/srv/log");
  });
});

describe("a log that was changed behind the bot's back", () => {
  test("is found in its file, which was edited", async () => {
    const path = join(comms, "log.md");
    const before = await readFile(path, "utf8");
    await writeFile(path, before.replace("· preflight · GO", "· preflight · NO-GO"));
    const told = await verdict(/sandbox · evidence TAMPERED/);
    expect(told).toContain("edited: It differs from the rendering of its own line of JSON");
    expect(await verify()).toMatchObject({ code: 1 });
    await writeFile(path, before);
  });

  test("is found in the database, with the entry, although its file is sound", async () => {
    await query(database.url, "alter table evidence disable trigger user");
    await query(
      database.url,
      `update evidence set canonical = replace(canonical, '"result":"GO"', '"result":"NO-GO"') where log = 'sandbox'`,
    );
    const told = await verdict(/sandbox · evidence TAMPERED\n[^]*edited: The row/);
    expect(told).toContain("does not have the hash that stands beside it");
    const { code, stdout } = await verify("--db");
    expect(code).toBe(1);
    expect(stdout).toContain("edited: the database, #");
  });
});
