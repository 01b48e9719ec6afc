import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { cardText } from "../../src/core/card-text.ts";
import { verifyFiles } from "../../src/core/log-verification.ts";
import { parseVerifier } from "../../src/core/signed-note.ts";
import { drawLogExport } from "../../src/jobs/evidence/log-export.ts";
import { together, verifyBoth } from "../../src/jobs/evidence/log-verdict.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText, FAST_ENGINE, testConfig } from "../support/config.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";
import { partOf } from "../support/sample-log.ts";
import { openSignedLog, type SignedLog } from "../support/signed-log.ts";

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

type Ended = { readonly code: number; readonly stdout: string };

async function flightdeck(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = {
      PATH: process.env["PATH"] ?? "",
      USER: process.env["USER"] ?? "root",
      ...environment(),
    };
    const line = ["src/main.ts", ...args, "--config", configFile];
    execFile(process.execPath, line, { cwd: root, env }, (error, stdout) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout });
    });
  });
}

/** The command line of an auditor who has the files, the key and, if he asks for it, the database. */
async function verify(...args: readonly string[]): Promise<Ended> {
  return flightdeck(
    "evidence",
    "verify",
    comms,
    "--key",
    join(comms, "keys/sandbox.vkey"),
    ...args,
  );
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
    // Without a file it is what the chat asks, with the same exit codes.
    const here = await flightdeck("evidence", "verify");
    expect(here.stdout).toMatch(/^🟢 sandbox · evidence SOUND\n/);
    expect(here.code).toBe(0);
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
    const here = await flightdeck("evidence", "verify");
    expect(here.stdout).toMatch(/^🔴 sandbox · evidence TAMPERED\n/);
    expect(here.code).toBe(1);
  });
});

describe("files beside the rows that they were rendered from", () => {
  type Kept = { readonly own: SignedLog; readonly url: string; readonly file: string };

  /** A log of five entries, signed behind the third, and its whole file. */
  async function keep(): Promise<Kept> {
    const { url, ...storage } = await openOwnDatabase();
    onTestFinished(async () => storage[Symbol.asyncDispose]());
    const own = await openSignedLog({ url });
    onTestFinished(async () => own[Symbol.asyncDispose]());
    await own.record(3);
    await own.log.checkpointer.sign();
    await own.record(2);
    return { own, url, file: await rendered(own) };
  }

  async function rendered({ database: at, log }: SignedLog): Promise<string> {
    const drawing = await at.transaction(async (tx, now) => drawLogExport(tx, now, log));
    return Buffer.from(drawing.file?.bytes ?? []).toString("utf8");
  }

  async function judged({ own }: Kept, file: string): Promise<string> {
    const keys = (await own.log.publicKeys()).map((vkey) => parseVerifier(vkey)!);
    const { signal } = new AbortController();
    const both = await verifyBoth(own, [partOf(file)], { keys, outside: [] }, signal);
    const report = together(both.files, both.rows);
    const [first] = report.findings;
    return first ? `${report.verdict}, ${first.kind}, #${first.at.seq}` : report.verdict;
  }

  /** Makes the database what an older backup of it would be. */
  async function forget(url: string, behind: number): Promise<void> {
    for (const table of ["evidence", "evidence_checkpoint"]) {
      await query(url, `alter table ${table} disable trigger user`);
    }
    await query(url, "delete from evidence_checkpoint where size > $1", [behind]);
    await query(url, "delete from evidence where seq > $1", [behind]);
    await query(
      url,
      "update evidence_head set size = $1, head = (select hash from evidence where seq = $1)",
      [behind],
    );
  }

  test("are sound when they say the same", async () => {
    const kept = await keep();
    expect(await judged(kept, kept.file)).toBe("sound");
  });

  test("are incomplete when they are behind, and torn when the last write was cut", async () => {
    const kept = await keep();
    const four = kept.file.slice(0, kept.file.indexOf("## #5 "));
    expect(await judged(kept, four)).toBe("incomplete, lagging, #4");
    expect(await judged(kept, kept.file.slice(0, -9))).toBe("incomplete, torn, #5");
  });

  test("were tampered with when they lack a checkpoint that the database holds", async () => {
    const kept = await keep();
    const start = kept.file.indexOf("### Checkpoint of 3");
    const end = kept.file.indexOf("## #4 ");
    const without = kept.file.slice(0, start) + kept.file.slice(end);
    expect(await judged(kept, without)).toBe("tampered, cut, #3");
  });

  test("tell that an old backup of the database was restored, and from which entry on", async () => {
    const kept = await keep();
    await forget(kept.url, 2);
    expect(await judged(kept, kept.file)).toBe("tampered, rewritten, #3");
    await kept.own.record(3);
    expect(await judged(kept, kept.file)).toBe("tampered, rewritten, #3");
    // What is rendered now is the rows, and the file that was kept tells of what they once were.
    expect(await judged(kept, await rendered(kept.own))).toBe("sound");
  });
});
