import { readFileSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { runCommandLine } from "../../src/cli.ts";
import { artifactNames } from "../../src/core/manifest.ts";
import { createBell } from "../../src/core/waiting.ts";
import { findPostgresPrograms } from "../../src/servers/postgres-programs.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { makeBackup, newKeys, type BackupKeys, type MadeBackup } from "../support/made-backup.ts";
import { query } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let folder: string;
let keys: BackupKeys;
let made: MadeBackup;
let empty: TestDatabase;

beforeAll(async () => {
  folder = opened.use(await temporaryDirectory("restore-test")).path;
  keys = await newKeys();
  const programs = (await findPostgresPrograms(undefined, "the tests")).directory;
  await using source = await createTestDatabase();
  const schema = join(import.meta.dirname, "../support/product-shaped.sql");
  await query(source.url, await readFile(schema, "utf8"));
  const own = join(folder, "made");
  await mkdir(own);
  made = await makeBackup({ url: source.url, programs, folder: own, keys });
  await writeFile(join(folder, "drill"), keys.drill);
  await writeFile(join(folder, "recovery"), `# created: long ago\n${keys.recovery}\n`);
  await writeFile(join(folder, "no-key"), "my password");
  await writeFile(join(folder, "other"), (await newKeys()).drill);
});
afterAll(async () => opened.disposeAsync());
beforeEach(async () => {
  empty = await createTestDatabase();
  return async () => empty[Symbol.asyncDispose]();
});

/** A copy of both files, so that each test may spoil its own. */
async function copy(): Promise<string> {
  const own = join(folder, crypto.randomUUID());
  await cp(made.folder, own, { recursive: true });
  return join(own, artifactNames(made.id).artifact);
}

type Said = { readonly code: number; readonly out: string; readonly err: string };

async function restore(file: string, key = "recovery", to = empty.url): Promise<Said> {
  let out = "";
  let err = "";
  const code = await runCommandLine({
    argv: ["restore", file, "--to", "${env:RESTORE_URL}", "--identity", join(folder, key)],
    sources: {
      environment: { RESTORE_URL: to },
      readFile: (path) => readFileSync(path, "utf8"),
    },
    stdin: Readable.from([]),
    osUser: "nobody-in-particular",
    instance: "test",
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    signal: new AbortController().signal,
    hangUp: createBell(),
  });
  return { code, out, err };
}

async function tablesIn(url: string): Promise<number> {
  const { rows } = await query<{ n: number }>(
    url,
    "select count(*)::int as n from pg_tables where schemaname = 'public'",
  );
  return rows[0]?.n ?? -1;
}

describe("the way back", () => {
  test.each(["recovery", "drill"])("opens by the %s key and compares what came", async (key) => {
    const { code, out, err } = await restore(await copy(), key);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("✓ row-contents-are-the-same");
    expect(out).toContain("owners and grants of before are not");
    const { rows } = await query(empty.url, "select count(*)::int as n from inbox_items");
    expect(rows).toEqual([{ n: 2000 }]);
    expect(
      (await readdir(tmpdir())).filter((name) =>
        name.startsWith(`flightdeck-restore-${process.pid}`),
      ),
    ).toEqual([]);
  });

  test("ends as unknown without a manifest, for nobody can tell whether that is all", async () => {
    const file = await copy();
    await rm(file.replace(".dump.zst.age", ".manifest.json"));
    const { code, err } = await restore(file);
    expect(code).toBe(2);
    expect(err).toContain("There is no manifest beside the file.");
    expect(await tablesIn(empty.url)).toBeGreaterThan(3);
  });

  test("says what differs when what came is not what was counted", async () => {
    const file = await copy();
    const beside = file.replace(".dump.zst.age", ".manifest.json");
    await writeFile(beside, (await readFile(beside, "utf8")).replace('"rows":2000', '"rows":2001'));
    const { code, err } = await restore(file);
    expect(code).toBe(1);
    expect(err).toContain("public.inbox_items (2001 rows, 2000 restored)");
  });

  const spoil = async (
    change: (bytes: Buffer) => Buffer,
    withManifest: boolean,
  ): Promise<string> => {
    const file = await copy();
    await writeFile(file, change(await readFile(file)));
    if (!withManifest) await rm(file.replace(".dump.zst.age", ".manifest.json"));
    return file;
  };
  const flip = (bytes: Buffer): Buffer =>
    bytes.fill((bytes.at(-500) ?? 0) ^ 4, bytes.length - 500, bytes.length - 499);

  test.each([
    ["one bit flipped", async () => spoil(flip, true), "recovery", /damaged: SHA-256/],
    [
      "one bit flipped and no manifest",
      async () => spoil(flip, false),
      "recovery",
      /cut or changed/,
    ],
    [
      "its end is missing",
      async () => spoil((bytes) => bytes.subarray(0, -10), false),
      "recovery",
      /cut or changed/,
    ],
    ["the key is another one", copy, "other", /not sealed for this key/],
  ])("restores nothing when %s", async (_what, file, key, message) => {
    const { code, err } = await restore(await file(), key);
    expect([code, err]).toEqual([1, expect.stringMatching(message)]);
    expect(await tablesIn(empty.url)).toBe(0);
  });

  test("overwrites nothing: a database with something in it is refused, and named", async () => {
    await query(empty.url, "create table precious (x integer); insert into precious values (1)");
    const { code, err } = await restore(await copy());
    expect([code, err]).toEqual([1, expect.stringMatching(/not empty: it holds public\.precious/)]);
    expect((await query(empty.url, "select x from precious")).rows).toEqual([{ x: 1 }]);
    expect(await tablesIn(empty.url)).toBe(1);
  });

  test("is all or nothing: what fails at its end leaves no table behind", async () => {
    // The last thing of the archive is a policy, which names a role that the target has not.
    const order = join(folder, crypto.randomUUID());
    await mkdir(order);
    await using source = await createTestDatabase();
    const role = `gone_${crypto.randomUUID().slice(0, 8)}`;
    await query(source.url, `create table t (x integer); create role ${role}`);
    await query(source.url, `create policy p on t to ${role} using (true)`);
    const programs = (await findPostgresPrograms(undefined, "the tests")).directory;
    const backup = await makeBackup({ url: source.url, programs, folder: order, keys });
    await query(source.url, `drop policy p on t; drop role ${role}`);
    const { code, err } = await restore(join(order, artifactNames(backup.id).artifact));
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/nothing was restored: .*does not exist/),
    ]);
    expect(await tablesIn(empty.url)).toBe(0);
  });

  test.each([
    [
      "the database cannot be reached",
      "postgresql://nobody@127.0.0.1:9/none",
      1,
      /connection refused/,
    ],
    ["the address is none", "mysql://here", 3, /expected an address such as postgresql:/],
  ])("when %s says so", async (_what, to, code, message) => {
    const said = await restore(await copy(), "recovery", to);
    expect([said.code, said.err]).toEqual([code, expect.stringMatching(message)]);
  });

  test.each([
    ["a file that is not there", "/no/such.dump.zst.age", "recovery", /There is no file/],
    ["a key that is not there", undefined, "none", /cannot be read/],
    ["a key that is none", undefined, "no-key", /expected the file that age-keygen writes/],
  ])("does not begin with %s", async (_what, file, key, message) => {
    const said = await restore(file ?? (await copy()), key);
    expect([said.code, said.err]).toEqual([3, expect.stringMatching(message)]);
  });
});
