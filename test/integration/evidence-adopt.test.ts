import { appendFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { Client } from "pg";
import { expect, inject, onTestFinished, test } from "vitest";

import { checkpointIn } from "../../src/core/note-checkpoint.ts";
import { runName } from "../../src/core/run-name.ts";
import {
  blocksOf,
  closedFile,
  headerOf,
  partsOf,
  startOf,
} from "../../src/jobs/evidence/log-part.ts";
import { rotate, rotations } from "../../src/storage/evidence-rotation.ts";
import { append } from "../../src/storage/evidence.ts";
import { logItems } from "../../src/storage/log-items.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query, readEntries } from "../support/records.ts";
import { ada, openSignedLog, ORIGIN, TARGET, type SignedLog } from "../support/signed-log.ts";

const order = { actor: ada, reason: "last night's backup was restored" };

type OnDatabase = SignedLog & { readonly url: string };

async function startLog(): Promise<OnDatabase> {
  const own = await openOwnDatabase();
  onTestFinished(async () => own[Symbol.asyncDispose]());
  const log = await openSignedLog({ url: own.url });
  onTestFinished(async () => log[Symbol.asyncDispose]());
  await grow(log, 3);
  return Object.assign(log, { url: own.url });
}

async function grow(log: SignedLog, entries: number): Promise<void> {
  await log.record(entries);
  expect((await log.log.checkpointer.sign()).kind).toBe("signed");
}

async function dumpOf(url: string): Promise<TestDatabase> {
  const template = new URL(url).pathname.slice(1);
  await query(
    inject("postgresUrl"),
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
    [template],
  );
  const copy = await createTestDatabase({ template });
  onTestFinished(async () => copy[Symbol.asyncDispose]());
  return copy;
}

/** The same folders on a database as it was before. */
async function restore(log: SignedLog, dump: TestDatabase): Promise<OnDatabase> {
  const restored = await openSignedLog({ url: dump.url, folder: dirname(log.dataFolder) });
  onTestFinished(async () => restored[Symbol.asyncDispose]());
  return Object.assign(restored, { url: dump.url });
}

/** Writes the files as the rows have them. */
async function render({ database, directory }: SignedLog): Promise<void> {
  const marks = await database.transaction(async (tx) => rotations(tx, TARGET));
  await mkdir(join(directory, "log"), { recursive: true });
  for (const part of partsOf(marks)) {
    const name = part.until === undefined ? "log.md" : closedFile(part);
    const identity = { target: TARGET, origin: ORIGIN };
    const pieces = [headerOf(identity, part).bytes];
    for await (const { bytes } of blocksOf(logItems(database, TARGET, startOf(part)))) {
      pieces.push(bytes);
    }
    await writeFile(join(directory, name), Buffer.concat(pieces));
  }
}

/** What the log consists of, without what depends on when it was put back. */
async function contents(url: string): Promise<object> {
  const { rows: entries } = await query(
    url,
    "select seq, at, canonical, prev, hash, kind, run from evidence order by seq",
  );
  const { rows: checkpoints } = await query(
    url,
    "select size, root, note from evidence_checkpoint order by size",
  );
  const { rows: marks } = await query(
    url,
    "select after_size from evidence_rotation order by after_size",
  );
  return { entries, checkpoints, marks };
}

async function files({ directory }: SignedLog): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true });
  return names.filter((name) => /\.md/.test(name)).toSorted();
}

test("entries, checkpoints and marks that only the files know come back exactly, and that is an entry", async () => {
  const own = await startLog();
  const dump = await dumpOf(own.url);
  await grow(own, 4);
  expect(await own.database.transaction(async (tx, now) => rotate(tx, now, TARGET))).toBe(true);
  await grow(own, 2);
  await own.record(1);
  await render(own);
  const old = await restore(own, dump);
  expect((await old.log.checkpointer.sign()).kind).toBe("refused");

  expect(await old.log.adopt(order)).toEqual({
    kind: "adopted",
    entries: 7,
    checkpoints: 2,
    abandoned: undefined,
    kept: [],
  });
  const entries = await readEntries(dump.url);
  expect(entries.at(-1)).toMatchObject({
    seq: "11",
    kind: "log.adopted",
    actor: { name: "Ada" },
    facts: { "database-ended": "#3", "taken-over": "#4 to #10", reason: order.reason },
  });
  await query(dump.url, "alter table evidence disable trigger all");
  await query(dump.url, "delete from evidence where seq = 11");
  expect(await contents(dump.url)).toEqual(await contents(own.url));
});

test("what came back is signed again without a word of doubt", async () => {
  const own = await startLog();
  const dump = await dumpOf(own.url);
  await grow(own, 4);
  await render(own);
  const old = await restore(own, dump);
  await old.log.adopt(order);
  expect(await old.log.checkpointer.sign()).toMatchObject({ kind: "signed", size: 8 });
  await old.record(1);
  expect((await readEntries(dump.url)).at(-1)?.seq).toBe("9");
});

test("a run that these rows know as under way is not gone on with: its effect may have happened since", async () => {
  const own = await startLog();
  const { rows } = await query<{ id: string }>(
    own.url,
    `insert into run (target, operation, input, mutating, cause, actor, config_hash, created_at, state)
     values ($1, 'deploy', '{}', true, 'test-open', '{"via":"flightdeck","name":"test"}', '', now(), 'running')
     returning id`,
    [TARGET],
  );
  const dump = await dumpOf(own.url);
  await grow(own, 2);
  await render(own);
  const old = await restore(own, dump);
  expect(await old.log.adopt(order)).toMatchObject({ kind: "adopted" });
  const left = await query(dump.url, "select state, reason from run");
  expect(left.rows).toEqual([
    { state: "failed", reason: "an older database was restored under it" },
  ]);
  expect((await readEntries(dump.url)).at(-1)?.facts["runs-ended"]).toBe(
    runName(rows[0]?.id ?? ""),
  );
});

test("no run is called as one was that only the files remember", async () => {
  const own = await startLog();
  const dump = await dumpOf(own.url);
  await own.database.transaction(async (tx, now) =>
    append(tx, now, TARGET, "run-4711", {
      kind: "run.result",
      target: TARGET,
      actor: ada,
      operation: "preflight",
      run: runName("4711"),
      config: "",
      build: "test",
      instance: "test",
      facts: {},
    }),
  );
  await render(own);
  const old = await restore(own, dump);
  expect(await old.log.adopt(order)).toMatchObject({ kind: "adopted", entries: 1 });
  const { rows } = await query(
    dump.url,
    `insert into run (target, operation, input, mutating, cause, actor, config_hash, created_at)
     values ($1, 'preflight', '{}', false, 'tg-1', '{}', '', now()) returning id`,
    [TARGET],
  );
  expect(rows).toEqual([{ id: "4712" }]);
});

test("a torn end of the file takes nothing of the rest away", async () => {
  const own = await startLog();
  const dump = await dumpOf(own.url);
  await grow(own, 4);
  await render(own);
  await appendFile(join(own.directory, "log.md"), "## #8 · 2026-");
  const old = await restore(own, dump);
  expect(await old.log.adopt(order)).toMatchObject({ kind: "adopted", entries: 4 });
});

test("a fork is gone on with from the rows: the file is put aside, and the log says what was given up", async () => {
  const own = await startLog();
  const dump = await dumpOf(own.url);
  await grow(own, 4);
  await render(own);
  const lost = (await query<{ hash: string }>(own.url, "select hash from evidence where seq = 7"))
    .rows[0]?.hash;
  const text = await readFile(join(own.directory, "log.md"), "utf8");
  const old = await restore(own, dump);
  await old.record(2);
  expect(await old.log.checkpointer.sign()).toMatchObject({
    kind: "refused",
    refusal: { signed: { size: 7 }, head: { size: 5 } },
  });

  const adoption = await old.log.adopt(order);
  expect(adoption).toMatchObject({
    kind: "adopted",
    entries: 0,
    abandoned: { from: 4, size: 7, head: lost },
  });
  expect((await readEntries(dump.url)).at(-1)).toMatchObject({
    seq: "6",
    kind: "log.adopted",
    facts: { "given-up": "#4 to #7", "given-up-head": lost },
  });
  const [kept = ""] = adoption.kind === "adopted" ? adoption.kept : [];
  expect(kept).toMatch(/^log\.md\.fork-\d{8}T\d{6}Z$/);
  expect(await readFile(join(own.directory, kept), "utf8")).toBe(text);
  expect(await files(own)).toEqual([kept]);
  expect(await old.log.checkpointer.sign()).toMatchObject({ kind: "signed", size: 6 });
});

test("closed parts that both histories share stay, and later ones are put aside", async () => {
  const own = await startLog();
  await own.database.transaction(async (tx, now) => rotate(tx, now, TARGET));
  const dump = await dumpOf(own.url);
  await grow(own, 2);
  await own.database.transaction(async (tx, now) => rotate(tx, now, TARGET));
  await grow(own, 2);
  await render(own);
  const old = await restore(own, dump);
  await old.record(1);
  const adoption = await old.log.adopt(order);
  if (adoption.kind !== "adopted") throw new Error(adoption.message);
  expect(adoption.kept).toHaveLength(2);
  expect(await files(own)).toEqual(
    [...adoption.kept, join("log", "00000001-00000003.md")].toSorted(),
  );
});

test("entries that nobody has any more are given up by name", async () => {
  const own = await startLog();
  await render(own);
  const dump = await dumpOf(own.url);
  await grow(own, 4);
  const old = await restore(own, dump);
  const refusal = await old.log.checkpointer.examine();
  expect(refusal).toMatchObject({ kind: "ahead", source: "memory" });
  expect(await old.log.adopt(order)).toMatchObject({
    kind: "adopted",
    entries: 0,
    abandoned: { from: 4, size: 7 },
    kept: [],
  });
  expect(await old.log.checkpointer.sign()).toMatchObject({ kind: "signed", size: 4 });
});

test("where rows, files and signer agree there is nothing to adopt, and no entry says otherwise", async () => {
  const own = await startLog();
  await render(own);
  const before = await contents(own.url);
  expect(await own.log.adopt(order)).toMatchObject({
    kind: "refused",
    message: expect.stringContaining("nothing to adopt") as unknown,
  });
  expect(await contents(own.url)).toEqual(before);
});

test.each([
  [
    "was edited",
    async (path: string) =>
      writeFile(path, (await readFile(path, "utf8")).replace("looked", "lookde")),
    "log.md is not sound",
  ],
  [
    "is signed by a key that nobody knows",
    async (path: string) =>
      rm(join(dirname(path), "keys"), { recursive: true }).then(async () =>
        rm(join(dirname(path), "..", "data", "keys"), { recursive: true }),
      ),
    "is not sound",
  ],
  [
    "lacks its earlier parts",
    async (path: string) => rm(join(dirname(path), "log"), { recursive: true }),
    "put the earlier parts back",
  ],
])("a file that %s is not adopted", async (_what, spoil, message) => {
  const own = await startLog();
  const dump = await dumpOf(own.url);
  await grow(own, 2);
  await own.database.transaction(async (tx, now) => rotate(tx, now, TARGET));
  await grow(own, 2);
  await render(own);
  await spoil(join(own.directory, "log.md"));
  const old = await restore(own, dump);
  const before = await contents(dump.url);
  expect(await old.log.adopt(order)).toMatchObject({
    kind: "refused",
    message: expect.stringContaining(message) as unknown,
  });
  expect(await contents(dump.url)).toEqual(before);
});

test("while an instance leads nothing is adopted", async () => {
  const own = await startLog();
  const dump = await dumpOf(own.url);
  await grow(own, 4);
  await render(own);
  const old = await restore(own, dump);
  const leader = new Client({ connectionString: dump.url });
  await leader.connect();
  await leader.query("select pg_try_advisory_lock(70171313)");
  expect(await old.log.adopt(order)).toMatchObject({
    kind: "refused",
    message: expect.stringContaining("is running on this database") as unknown,
  });
  await leader.end();
  await expect.poll(async () => (await old.log.adopt(order)).kind).toBe("adopted");
});

test("a long log comes back", async () => {
  const own = await startLog();
  const dump = await dumpOf(own.url);
  await grow(own, 2_500);
  await render(own);
  const old = await restore(own, dump);
  expect(await old.log.adopt(order)).toMatchObject({ kind: "adopted", entries: 2_500 });
  const signing = await old.log.checkpointer.sign();
  expect(signing.kind === "signed" && checkpointIn(signing.note)?.size).toBe(2_504);
});
