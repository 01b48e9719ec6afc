import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";

import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { Secret } from "../../src/core/secret.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { unsealed } from "../../src/systems/age.ts";
import { parseArchive } from "../../src/systems/archive.ts";
import { findDumpPrograms, type DumpPrograms } from "../../src/systems/dump-programs.ts";
import { recognise, writeDump } from "../../src/systems/dump.ts";
import { openRestored } from "../../src/systems/restored-database.ts";
import { hashRows, restoredTables } from "../../src/systems/restored-facts.ts";
import { openSnapshot } from "../../src/systems/snapshot.ts";
import { sourceFacts } from "../../src/systems/source-facts.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";

const shortly = (): AbortSignal => AbortSignal.timeout(20_000);
const wanted = { migrationTable: "alembic_version", hashUpToBytes: 1e9 };
const SCHEMA = `
  create table alembic_version (version_num varchar(32) primary key);
  insert into alembic_version values ('c3a2b7d9f1e0');
  create type mood as enum ('calm', 'hurried');
  create table item (id bigint generated always as identity primary key, title varchar not null default 'none',
    state varchar check (state in ('open', 'done')), weight numeric(8, 2), mood mood, at timestamptz default now());
  create index item_open on item (title) where state = 'open' and weight > 1.5;
  create view heavy as select id, title from item where weight > 2 and state in ('open', 'done');
  create function touch() returns trigger language plpgsql as $$ begin new.at := now(); return new; end $$;
  create trigger item_touch before update on item for each row when (old.title is distinct from new.title) execute function touch();
  insert into item (title, state, weight, mood)
    select repeat(md5(n::text), 20), case n % 2 when 0 then 'open' else 'done' end, n / 7.0, 'calm' from generate_series(1, 2000) n;
  create table nothing_yet (id int);`;

const LARGE = `
  create table noise as select n, md5(n::text) || md5((n * 7)::text) as text from generate_series(1, 500000) n`;

let source: TestDatabase;
let programs: DumpPrograms;
let identity: Secret;
let recipients: readonly string[];

const sql = async (url: string, statement: string): Promise<readonly Record<string, unknown>[]> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
};

beforeAll(async () => {
  source = await createTestDatabase();
  await sql(source.url, SCHEMA);
  await using snapshot = await openSnapshot(new Secret(source.url), AbortSignal.timeout(10_000));
  programs = await findDumpPrograms(snapshot.serverVersionNumber, AbortSignal.timeout(10_000));
  const own = await generateX25519Identity();
  identity = new Secret(own);
  const recovery = await generateX25519Identity();
  recipients = [await identityToRecipient(own), await identityToRecipient(recovery)];
});
afterAll(async () => source[Symbol.asyncDispose]());

async function backUp(
  folder: string,
  change: Partial<Parameters<typeof writeDump>[0]> & {
    readonly signal?: AbortSignal;
    readonly from?: string;
  } = {},
) {
  const { signal = AbortSignal.timeout(60_000), from = source.url, ...order } = change;
  const url = order.url ?? new Secret(from);
  await using snapshot = await openSnapshot(new Secret(from), signal);
  const facts = await sourceFacts(snapshot.ask, wanted);
  const file = await writeDump(
    {
      url,
      snapshot: snapshot.id,
      programs,
      recipients,
      file: join(folder, "a.dump.zst.age"),
      onBytes: () => {},
      ...order,
    },
    signal,
  );
  return { facts, file };
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  yield await readFile(path);
}

describe("a dump", () => {
  test("is whole, sealed, for its owner alone, and parses to its end", async () => {
    await using folder = await temporaryDirectory("pipeline");
    const seen: number[] = [];
    const { file } = await backUp(folder.path, { onBytes: (bytes) => void seen.push(bytes) });
    const bytes = await readFile(file.path);
    expect(bytes.subarray(0, 21).toString()).toBe("age-encryption.org/v1");
    expect(file).toMatchObject({
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    });
    expect((await stat(file.path)).mode & 0o777).toBe(0o600);
    expect(seen.at(-1)).toBe(bytes.length);
    expect(await readdir(folder.path)).toEqual(["a.dump.zst.age"]);
    const { listed } = await parseArchive(
      unsealed(bytesOf(file.path), identity),
      programs,
      AbortSignal.timeout(20_000),
    );
    expect(listed).toBeGreaterThan(8);
    expect(await recognise(file.path, file, AbortSignal.timeout(5_000))).toMatchObject({
      sha256: file.sha256,
    });
    expect(
      await recognise(file.path, { ...file, bytes: 1 }, AbortSignal.timeout(5_000)),
    ).toBeUndefined();
  });

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ["cut to 60 %", (bytes) => bytes.subarray(0, Math.floor(bytes.length * 0.6))],
    ["cut by a byte", (bytes) => bytes.subarray(0, -1)],
    [
      "with one flipped bit",
      (bytes) => {
        const middle = Math.floor(bytes.length / 2);
        bytes[middle] = (bytes[middle] ?? 0) ^ 1;
        return bytes;
      },
    ],
    ["of something else", () => randomBytes(4_096)],
  ])("%s is found out when it is opened", async (_what, spoil) => {
    await using folder = await temporaryDirectory("pipeline");
    const { file } = await backUp(folder.path);
    await writeFile(file.path, spoil(await readFile(file.path)));
    const parsing = parseArchive(
      unsealed(bytesOf(file.path), identity),
      programs,
      AbortSignal.timeout(20_000),
    );
    await expect(parsing).rejects.toThrow(/cannot open what is sealed/);
  });

  test("leaves nothing behind when any of its children fails, and says which and why", async () => {
    await using folder = await temporaryDirectory("pipeline");
    const wrong = new URL(source.url);
    wrong.pathname = "/no_such_database";
    await expect(backUp(folder.path, { url: new Secret(wrong.href) })).rejects.toThrow(
      /pg_dump ended with code 1: .*no_such_database.* does not exist/,
    );
    await expect(backUp(folder.path, { snapshot: "00000003-0000001B-1" })).rejects.toThrow(
      /pg_dump ended with code 1: .*snapshot/,
    );
    await expect(backUp(folder.path, { recipients: ["age1nobody"] })).rejects.toThrow(
      /age ended with code 1: .*age1nobody/,
    );
    await expect(
      backUp(folder.path, { programs: { ...programs, zstd: "/bin/false" } }),
    ).rejects.toThrow(/zstd ended with code 1/);
    await expect(
      backUp(folder.path, { programs: { ...programs, pgDump: "/no/such/pg_dump" } }),
    ).rejects.toThrow(/pg_dump/);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("whose backend is ended in the middle is no backup", async () => {
    await using folder = await temporaryDirectory("pipeline");
    await using large = await createTestDatabase();
    await sql(large.url, LARGE);
    // Connected before, because the dump does not wait.
    const striker = new Client({ connectionString: inject("postgresUrl") });
    await striker.connect();
    let strike: Promise<unknown> | undefined;
    const dumping = backUp(folder.path, {
      from: large.url,
      onBytes: (bytes) => {
        // The seal's head comes before pg_dump has even asked.
        if (bytes < 1_000_000) return;
        strike ??= striker.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'flightdeck backup'",
        );
      },
    });
    await expect(dumping).rejects.toThrow(/pg_dump ended with code 1: .*terminat/);
    await strike;
    await striker.end();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("is given up at once when it is told to, and takes its children along", async () => {
    await using folder = await temporaryDirectory("pipeline");
    const cancel = new AbortController();
    const dumping = backUp(folder.path, {
      signal: cancel.signal,
      onBytes: () => cancel.abort(new Error("cancelled")),
    });
    await expect(dumping).rejects.toThrow("cancelled");
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("shows its password to nobody: not in arguments, not in errors", async () => {
    await using folder = await temporaryDirectory("pipeline");
    const secret = "pass:w\\ord%40canary";
    const hostile = new Secret(
      `postgresql+asyncpg://nobody:${encodeURIComponent(secret)}@127.0.0.1:1/nowhere`,
    );
    const error: unknown = await backUp(folder.path, { url: hostile }).catch((e: unknown) => e);
    expect(String(error)).toMatch(/pg_dump ended with code 1/);
    expect(JSON.stringify(error) + String(error)).not.toContain("canary");
  });
});

const MOUNT = "/bin/mount";
const UNMOUNT = "/bin/umount";
const mayMount = process.getuid?.() === 0 && existsSync(MOUNT);

describe.skipIf(!mayMount && process.env["CI"] === undefined)("a disk that is full", () => {
  test("is told as that, and what had been written is gone", async () => {
    await using folder = await temporaryDirectory("pipeline");
    await using large = await createTestDatabase();
    await sql(large.url, LARGE);
    execFileSync(MOUNT, ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder.path]);
    try {
      await writeFile(join(folder.path, "an-older-one"), "untouched");
      await expect(backUp(folder.path, { from: large.url })).rejects.toThrow(/the disk is full/);
      expect(await readdir(folder.path)).toEqual(["an-older-one"]);
    } finally {
      execFileSync(UNMOUNT, ["--lazy", folder.path]);
    }
  });
});

describe("the facts of a snapshot", () => {
  test("are those of the dump, whatever happens to the tables meanwhile", async () => {
    await using snapshot = await openSnapshot(new Secret(source.url), AbortSignal.timeout(10_000));
    await sql(source.url, "insert into nothing_yet values (1)");
    const facts = await sourceFacts(snapshot.ask, wanted);
    expect(facts.tables.find(({ name }) => name === "nothing_yet")).toMatchObject({
      rows: 0,
      rowHash: "0",
    });
    await sql(source.url, "delete from nothing_yet");
  });

  test("are equal after a restore: counts, hashes, structure, although casts are spelt anew", async () => {
    await using folder = await temporaryDirectory("pipeline");
    await using copy = await createTestDatabase();
    const { file, facts } = await backUp(folder.path);
    const dump = join(folder.path, "plain.zst");
    const packed: Uint8Array[] = [];
    for await (const chunk of unsealed(bytesOf(file.path), identity)) packed.push(chunk);
    await writeFile(dump, Buffer.concat(packed));
    execFileSync(programs.pgRestore, ["--exit-on-error", `--dbname=${copy.url}`, "--no-owner"], {
      input: zstdDecompressSync(await readFile(dump)),
    });
    const factsOfCopy = async () => {
      await using restored = await openSnapshot(new Secret(copy.url), AbortSignal.timeout(10_000));
      return await sourceFacts(restored.ask, wanted);
    };
    const after = await factsOfCopy();
    expect(after.tables).toEqual(facts.tables);
    expect(after.structure).toEqual(facts.structure);
    expect(after).toMatchObject({
      structureDigest: facts.structureDigest,
      migrationHeads: ["c3a2b7d9f1e0"],
      sequences: facts.sequences,
      extensions: facts.extensions,
      systemIdentifier: facts.systemIdentifier,
    });
    expect(facts.tables.find(({ name }) => name === "item")).toMatchObject({ rows: 2_000 });
    await sql(copy.url, "update item set weight = 3 where id = 1; drop index item_open");
    const spoilt = await factsOfCopy();
    expect(spoilt.tables).not.toEqual(facts.tables);
    expect(spoilt.structureDigest).not.toBe(facts.structureDigest);
  });

  test("tell apart what only nearly is the same, and are read alike by both who read them", async () => {
    await using database = await createTestDatabase();
    await sql(database.url, AWKWARD);
    const hashes = async (): Promise<readonly string[]> => {
      await using snapshot = await openSnapshot(new Secret(database.url), shortly());
      const { tables } = await sourceFacts(snapshot.ask, wanted);
      await using session = await openRestored(
        { url: new Secret(database.url), statementTimeoutMs: 10_000 },
        shortly(),
      );
      const restored: string[] = [];
      for (const table of await restoredTables(session)) {
        restored.push(await hashRows(session, table));
      }
      const kept = tables.map(({ rowHash }) => rowHash ?? "none");
      expect(restored).toEqual(kept);
      return kept;
    };
    const seen = [JSON.stringify(await hashes())];
    for (const change of [
      "update odd set one = '' where one is null",
      "update odd set one = 'b', \"Two words\" = 'a' where one = 'a'",
      "update odd set pair = row(null, null)::pair where pair is null",
      "update odd set padded = 'xy'",
      "update odd set amount = 1.00 where amount = 1.0",
      "update odd set feeling = 'keen'",
      "update wide set c1599 = 1",
    ]) {
      await sql(database.url, change);
      seen.push(JSON.stringify(await hashes()));
    }
    expect(new Set(seen).size).toBe(seen.length);
  });
});

/** Whose name is a keyword, whose cast lies, whose columns are as many as there can be, or none. */
const AWKWARD = `
  create type pair as (one text, other text);
  create type feeling as enum ('calm', 'keen');
  create function lie(feeling) returns text language sql immutable as $$ select 'always the same' $$;
  create cast (feeling as text) with function lie(feeling);
  create table odd (one varchar, "Two words" text, pair pair, padded char(4), amount numeric, "order" int[], feeling feeling,
    gone int, at timestamptz default '2026-11-23T03:04:05Z', json jsonb default '{"a": "\\" null"}');
  alter table odd drop column gone;
  insert into odd (one, "Two words", pair, padded, amount, "order", feeling) values
    ('a', 'b', null, 'x', 1.0, '{1,null}', 'calm'), (null, '', row('', null)::pair, null, null, '{}', null);
  create table empty_of_columns ();
  insert into empty_of_columns default values;
  do $$ begin execute 'create table wide (' || (select string_agg('c' || n || ' smallint', ', ') from generate_series(1, 1600) n) || ')'; end $$;
  insert into wide (c1) values (1)`;
