import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";

import type { FaultName } from "../../sandbox/faults.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import {
  artifactNames,
  backupIdOf,
  manifestSchema,
  type Manifest,
} from "../../src/core/manifest.ts";
import { createLogger } from "../../src/logger.ts";
import {
  temporaryDirectory,
  type TemporaryDirectory,
} from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let directory: TemporaryDirectory;

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  directory = opened.use(await temporaryDirectory("backup"));
  opened.use(
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
        () => {},
        (text) => text,
      ),
      instance: "test-1",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => opened.disposeAsync());
afterEach(async () => world.healAll());

async function answerTo(act: () => unknown, reads: RegExp, timeoutMs = 30_000) {
  const before = new Set(world.telegram.messages().map((message) => message.id));
  act();
  return world.telegram.waitFor(
    () =>
      world.telegram
        .messages()
        .find(
          (message) => message.from.isBot && !before.has(message.id) && reads.test(message.text),
        ),
    { timeoutMs },
  );
}

const answerWhere = async (id: number, reads: RegExp) =>
  world.telegram.waitFor(
    () =>
      world.telegram.messages().find((message) => message.id === id && reads.test(message.text)),
    { timeoutMs: 20_000 },
  );
const say = (text: string) => () => world.as("operator").say(text);
const saved = async () => answerTo(say("/backup"), /backup SAVED/);
const idIn = (text: string): string => /\d{8}T\d{6}Z/.exec(text)?.[0] ?? "";
const folder = (): string => join(directory.path, "backups", "sandbox");

function manifestIn(id: string): Manifest {
  const bytes = world.s3.object(`sandbox/${artifactNames(id).manifest}`);
  return manifestSchema.parse(JSON.parse(bytes?.toString() ?? "null"));
}

describe("a backup asked in the chat", () => {
  test("is in the bucket, sealed, with a manifest that counts what is in it, and in the evidence", async () => {
    const card = await saved();
    const id = idIn(card.text);
    expect(card.text).toMatch(/^🟢 sandbox · backup SAVED\n/);
    expect(card.text).toMatch(/read back, opened and parsed to its end: \d+ entries/);
    const manifest = manifestIn(id);
    const artifact = world.s3.object(`sandbox/${manifest.artifact.key}`);
    expect(artifact?.subarray(0, 21).toString()).toBe("age-encryption.org/v1");
    expect(
      createHash("sha256")
        .update(artifact ?? "")
        .digest("hex"),
    ).toBe(manifest.artifact.sha256);
    expect(manifest).toMatchObject({
      target: "sandbox",
      artifact: {
        bytes: artifact?.length,
        recipients: { recovery: world.backupKeys.recovery.recipient },
      },
      source: { migrationHeads: ["c3a2b7d9f1e0"], database: "todoist_telegram" },
    });
    const { rows } = await query(
      world.product.databaseUrl,
      "select count(*)::int as n from inbox_items",
    );
    expect(manifest.source.tables.find(({ name }) => name === "inbox_items")?.rows).toBe(
      rows[0]?.["n"],
    );
    expect(
      (await readEntries(database.url))
        .slice(-6)
        .map(({ kind, step, result }) => [kind, step, result]),
    ).toEqual([
      ["run.intent", undefined, undefined],
      ["step.intent", "commit", undefined],
      ["step.outcome", "commit", "ok"],
      ["step.intent", "retention", undefined],
      ["step.outcome", "retention", "0 deleted, 0 not"],
      ["run.result", undefined, "SAVED"],
    ]);
    expect((await readEntries(database.url)).at(-1)?.facts).toMatchObject({
      backup: id,
      digest: manifest.artifact.sha256,
    });
    expect((await readdir(folder())).toSorted()).toEqual(
      Object.values(artifactNames(id)).toSorted(),
    );
    expect((await stat(folder())).mode & 0o777).toBe(0o700);
    expect(world.s3.openUploads()).toEqual([]);
  });

  test("is listed, and verified byte by byte", async () => {
    const id = idIn((await answerTo(say("/backup list"), /1 backup/)).text);
    const card = await answerTo(say(`/backup verify ${id}`), /WHOLE/);
    expect(card.text).toMatch(/opened and parsed to its end/);
  });

  test("asked twice at once is made once", async () => {
    const { objectsStored = 0 } = await world.effects();
    say("/backup")();
    const busy = await answerTo(say("/backup"), /busy|R-\w+/);
    expect(busy.text).not.toBe("");
    await expect
      .poll(async () => (await world.effects())["objectsStored"], { timeout: 20_000 })
      .toBe(objectsStored + 2);
    await expect
      .poll(async () => (await readEntries(database.url)).at(-1)?.result, { timeout: 20_000 })
      .toBe("SAVED");
    expect((await world.effects())["objectsStored"]).toBe(objectsStored + 2);
    // Only the newest stays on this machine.
    expect((await readdir(folder())).length).toBe(2);
  });
});

test("a backup that is cancelled by its button ends at once and leaves nothing", async () => {
  // Whoever holds a table keeps pg_dump waiting, as a migration would.
  const holder = new Client({ connectionString: world.product.databaseUrl });
  await holder.connect();
  await holder.query("begin; lock table event_log in access exclusive mode");
  const before = world.s3.keys();
  const card = await answerTo(say("/backup"), /backup: dumping/);
  world.as("operator").tap({ messageId: card.id, label: "Cancel" });
  await answerWhere(card.id, /backup cancelled/);
  await holder.query("rollback");
  await holder.end();
  expect(world.s3.keys()).toEqual(before);
  expect((await readEntries(database.url)).at(-1)).toMatchObject({ result: "cancelled" });
  await expect
    .poll(async () => (await readdir(folder())).filter((name) => name.endsWith(".partial")))
    .toEqual([]);
});

describe("a backup that is damaged", () => {
  test("is found out when it is verified, and said in the list", async () => {
    const id = idIn((await saved()).text);
    const key = `sandbox/${artifactNames(id).artifact}`;
    const bytes = Buffer.from(world.s3.object(key) ?? "");
    bytes[300] = (bytes[300] ?? 0) ^ 1;
    world.s3.meddle(key, bytes);
    const card = await answerTo(say(`/backup verify ${id}`), /DAMAGED/);
    expect(card.text).toMatch(/SHA-256/);
    expect((await answerTo(say("/backup list"), /backups/)).text).toContain(`✗ ${id}`);
  });

  test("whose bytes are gone is found out before the next one, which does not count it", async () => {
    const id = idIn((await saved()).text);
    world.s3.meddle(`sandbox/${artifactNames(id).artifact}`, undefined);
    await saved();
    const list = await answerTo(say("/backup list"), /backups/);
    expect(list.text).toMatch(new RegExp(`✗ ${id}.*not in the bucket.*kept: damaged`));
  });
});

describe("what can go wrong", () => {
  test.each<[string, FaultName, RegExp]>([
    ["a revoked key", "bucket-key-revoked", /access key may not do that/],
    [
      "a store that fails",
      "bucket-answers-500",
      /cannot list the backups in flightdeck-backups.*500/,
    ],
    ["a full store", "bucket-full", /InsufficientStorage/],
    ["an upload that breaks off", "bucket-cuts-uploads", /cannot upload/],
    ["a store that keeps other bytes", "bucket-corrupts", /what was stored is not what was sent/],
    ["a database that is down", "database-down", /connection refused|refused/],
  ])(
    "%s: a clear error with the last good backup, an entry, nothing half done, older ones untouched",
    async (_what, fault, words) => {
      const before = world.s3.keys();
      await world.break(fault);
      const card = await answerTo(say("/backup"), /backup failed/);
      expect(card.text).toMatch(words);
      expect(card.text).toMatch(/Last good backup: \d{8}T\d{6}Z/);
      await world.healAll();
      expect(world.s3.keys()).toEqual(before);
      expect(world.s3.openUploads()).toEqual([]);
      expect((await readEntries(database.url)).at(-1)).toMatchObject({
        kind: "run.result",
        result: "failed",
      });
      expect((await readdir(folder())).filter((name) => name.endsWith(".partial"))).toEqual([]);
    },
  );

  test("an answer that gets lost is no failure: what was stored is found", async () => {
    await world.break("bucket-loses-answers");
    const id = idIn((await saved()).text);
    expect(manifestIn(id).id).toBe(id);
  });
});

describe("what is too old", () => {
  const deletions = async () =>
    (await readEntries(database.url)).filter(({ kind }) => kind === "backup.deleted");

  test("goes after a backup, each by an entry, and never before one is whole", async () => {
    // On one day only the newest five are kept, and now there are as many.
    await saved();
    const before = (await deletions()).length;
    const { objectsDeleted = 0 } = await world.effects();
    const id = idIn((await saved()).text);
    const entries = (await deletions()).slice(before);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      result: "deleted",
      actor: { via: "flightdeck", name: "retention" },
    });
    expect((await world.effects())["objectsDeleted"]).toBe(objectsDeleted + 2);
    expect(world.s3.keys().join(" ")).not.toContain(entries[0]?.facts["backup"]);
    expect(world.s3.keys()).toContain(`sandbox/${artifactNames(id).manifest}`);
  });

  test("and locked is said to be so, and stays until somebody prunes: shown first, then deleted by its code", async () => {
    await world.break("bucket-locked");
    const card = await saved();
    expect(card.text).toMatch(/kept by a lock of the bucket: \d{8}T\d{6}Z/);
    await world.healAll();
    const before = (await deletions()).length;
    const shown = await answerTo(say("/backup prune"), /what pruning would delete/);
    expect(shown.text).toMatch(/1 of \d+/);
    expect((await deletions()).length).toBe(before);
    const code = /prune ([0-9A-F]{6})/.exec(shown.text)?.[1] ?? "";
    const wrong = await answerTo(say("/backup prune 000000"), /is not the code/);
    expect(wrong.text).toContain("Look again");
    const pruned = await answerTo(say(`/backup prune ${code}`), /1 of 1 backups deleted/);
    expect(pruned.text).toMatch(/^🟢/);
    expect((await deletions()).length).toBe(before + 1);
    expect((await answerTo(say("/backup prune"), /Nothing: all/)).text).toContain("are to be kept");
  });
});

test("the name of a backup that is there is not given a second time", async () => {
  const soon = [0, 1, 2].map((seconds) => backupIdOf(new Date(Date.now() + seconds * 1_000)));
  for (const id of soon) {
    await query(
      database.url,
      `insert into backup (target, id, snapshot_at, bytes, sha256, run, tables, rows)
       values ('sandbox', '${id}', now(), 1, 'a', 'R-1', 1, 1) on conflict do nothing`,
    );
  }
  try {
    const id = idIn((await saved()).text);
    expect(id > (soon.at(-1) ?? "")).toBe(true);
  } finally {
    await query(database.url, `delete from backup where id in ('${soon.join("','")}')`);
  }
});

test("what only the bucket knows, because the database was lost, is taken in by the next backup", async () => {
  const known = (await answerTo(say("/backup list"), /backups/)).text;
  await query(database.url, "delete from backup");
  await answerTo(say("/backup list"), /There is none yet/);
  await saved();
  const again = (await answerTo(say("/backup list"), /backups/)).text;
  const good = [...known.matchAll(/✓ (\d{8}T\d{6}Z)/g)].map(([, id]) => id);
  expect(good.length).toBeGreaterThan(3);
  // The oldest has made room for the new one.
  for (const id of good.slice(0, -1)) expect(again).toContain(id);
});
