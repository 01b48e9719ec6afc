import { chmod, lstat, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, inject, onTestFinished, test } from "vitest";

import { cardText } from "../../src/core/card-text.ts";
import type { Card } from "../../src/core/card.ts";
import { checkpointText } from "../../src/core/checkpoint.ts";
import { genesisHash } from "../../src/core/entry.ts";
import { emptyTree, rootOf, withLeaves } from "../../src/core/merkle.ts";
import { checkpointIn } from "../../src/core/note-checkpoint.ts";
import { Secret } from "../../src/core/secret.ts";
import {
  formatSigner,
  generateSigner,
  openNote,
  parseVerifier,
  signNote,
} from "../../src/core/signed-note.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query, readEntries } from "../support/records.ts";
import { ada, openSignedLog, ORIGIN, TARGET, type SignedLog } from "../support/signed-log.ts";

/** A log with three entries, the first two of them signed. */
async function startLog(): Promise<SignedLog & { readonly url: string }> {
  const own = await openOwnDatabase();
  onTestFinished(async () => own[Symbol.asyncDispose]());
  const log = await openSignedLog({ url: own.url });
  onTestFinished(async () => log[Symbol.asyncDispose]());
  await log.record(2);
  expect(await log.log.checkpointer.sign()).toMatchObject({ kind: "signed", size: 2 });
  await log.record(1);
  return Object.assign(log, { url: own.url });
}

/** The database as it is now, as a dump would keep it. */
async function copyOf(url: string): Promise<TestDatabase> {
  const template = new URL(url).pathname.slice(1);
  // PostgreSQL copies no database that somebody is connected to; our pools connect again.
  await query(
    inject("postgresUrl"),
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
    [template],
  );
  const copy = await createTestDatabase({ template });
  onTestFinished(async () => copy[Symbol.asyncDispose]());
  return copy;
}

/** The same signer on another database, as after a restore. */
async function restored(log: SignedLog, url: string): Promise<SignedLog> {
  const other = await openSignedLog({ url, folder: join(log.dataFolder, "..") });
  onTestFinished(async () => other[Symbol.asyncDispose]());
  return other;
}

async function verifiers({ log }: SignedLog) {
  return (await log.publicKeys()).map((vkey) => parseVerifier(vkey)!);
}

describe("a checkpoint", () => {
  test("is signed over all entries, and over the same root that anybody counts out", async () => {
    const own = await startLog();
    const signing = await own.log.checkpointer.sign();
    if (signing.kind !== "signed") throw new Error(signing.kind);
    const opened = openNote(signing.note, await verifiers(own));
    expect(opened.kind).toBe("signed");
    const { rows } = await query<{ hash: string }>(
      own.url,
      "select hash from evidence order by seq",
    );
    const root = rootOf(
      withLeaves(
        emptyTree(),
        rows.map(({ hash }) => hash),
      ),
    );
    expect(checkpointIn(signing.note)).toEqual({ origin: ORIGIN, size: 3, root });
  });

  test("is not made twice of the same entries, nor of none", async () => {
    const own = await startLog();
    await own.log.checkpointer.sign();
    expect(await own.log.checkpointer.sign()).toEqual({ kind: "nothing-new" });
    const empty = await openOwnDatabase();
    onTestFinished(async () => empty[Symbol.asyncDispose]());
    await using fresh = await openSignedLog({ url: empty.url });
    expect(await fresh.log.checkpointer.sign()).toEqual({ kind: "nothing-new" });
  });

  test("goes on from what another process signed with the same key", async () => {
    const own = await startLog();
    const other = await restored(own, own.url);
    expect(await other.log.checkpointer.sign()).toMatchObject({ kind: "signed", size: 3 });
    await own.record(1);
    expect(await own.log.checkpointer.sign()).toMatchObject({ kind: "signed", size: 4 });
    await other.record(60);
    expect(await other.log.checkpointer.sign()).toMatchObject({ kind: "signed", size: 64 });
  });

  test("of one size is made by one of many that sign at once while entries come in", async () => {
    const own = await startLog();
    const other = await restored(own, own.url);
    const rounds = Array.from({ length: 10 }, async (_, n) => {
      await own.record(2);
      return (n % 2 === 0 ? own : other).log.checkpointer.sign();
    });
    const kinds = (await Promise.all(rounds)).map(({ kind }) => kind);
    expect(new Set(kinds)).not.toContain("refused");
    await own.log.checkpointer.sign();
    const afresh = await restored(own, own.url);
    expect(await afresh.log.checkpointer.examine()).toBeUndefined();
    expect(await afresh.log.checkpointer.sign()).toEqual({ kind: "nothing-new" });
  });
});

describe("a log that is not what was signed", () => {
  test("because an older dump was restored is refused with both heads, until somebody has looked", async () => {
    const own = await startLog();
    const dump = await copyOf(own.url);
    await own.record(4);
    await own.log.checkpointer.sign();
    const old = await restored(own, dump.url);
    const refused = await old.log.checkpointer.sign();
    const head = (await readEntries(dump.url)).length;
    expect(refused).toMatchObject({
      kind: "refused",
      refusal: { kind: "ahead", source: "memory", signed: { size: 7 }, head: { size: head } },
    });
    await old.record(1);
    expect(await old.log.checkpointer.sign()).toMatchObject({ kind: "refused" });
    const { rows } = await query(dump.url, "select size from evidence_checkpoint");
    expect(rows).toEqual([{ size: "2" }]);
  });

  test("because two databases went on from one dump is refused, naming the size at which they differ", async () => {
    const own = await startLog();
    const dump = await copyOf(own.url);
    await own.record(2);
    await own.log.checkpointer.sign();
    const twin = await restored(own, dump.url);
    await twin.record(9);
    expect(await twin.log.checkpointer.sign()).toMatchObject({
      kind: "refused",
      refusal: { kind: "fork", source: "memory", signed: { size: 5 }, head: { size: 12 } },
    });
  });

  test("because the database was exchanged under a running process is refused too", async () => {
    const own = await startLog();
    await own.log.checkpointer.sign();
    await query(own.url, "alter table evidence disable trigger all");
    await query(
      own.url,
      "update evidence set hash = $1, canonical = replace(canonical, 'looked', 'lookde') where seq = 3",
      [genesisHash("another")],
    );
    await own.record(1);
    expect(await own.log.checkpointer.sign()).toMatchObject({
      kind: "refused",
      refusal: { kind: "fork", source: "rows", signed: { size: 3 } },
    });
  });

  test("because the file holds a later checkpoint of ours is refused, even when the signer forgot", async () => {
    const own = await startLog();
    const dump = await copyOf(own.url);
    await own.record(2);
    const signing = await own.log.checkpointer.sign();
    if (signing.kind !== "signed") throw new Error(signing.kind);
    await writeLog(own, signing.note);
    await forget(own);
    const old = await restored(own, dump.url);
    expect(await old.log.checkpointer.examine()).toMatchObject({
      kind: "ahead",
      source: "file",
      signed: { size: 5 },
    });
  });

  test("is not what a stranger wrote into the file", async () => {
    const own = await startLog();
    const text = checkpointText({ origin: ORIGIN, size: 9_000, root: genesisHash("stranger") });
    await writeLog(own, signNote(text, [generateSigner(ORIGIN)]));
    expect(await own.log.checkpointer.sign()).toMatchObject({ kind: "signed", size: 3 });
  });
});

describe("the duty", () => {
  test("signs after fifty entries, and after a quarter of an hour with fewer", async () => {
    const own = await startLog();
    await using _duty = keeping(own);
    await own.record(46);
    await settled(own);
    expect(await sizes(own.url)).toEqual([2]);
    await own.record(3);
    await expect.poll(async () => sizes(own.url)).toEqual([2, 52]);
    await own.record(1);
    await settled(own);
    own.setClock(new Date(Date.now() + 16 * 60_000));
    await expect.poll(async () => (await sizes(own.url)).at(-1)).toBeGreaterThan(52);
  });

  test("shows the first checkpoint of a day to the chat without a sound, and an idle log's last one again", async () => {
    const own = await startLog();
    own.setClock(new Date("2027-03-01T10:00:00Z"));
    await using _duty = keeping(own);
    await expect.poll(async () => shown(own.url)).toHaveLength(1);
    const [first] = await shown(own.url);
    expect(first).toMatchObject({ subject: `checkpoint:${TARGET}:2027-03-01`, silent: true });
    const { rows } = await query<{ note: string }>(
      own.url,
      "select note from evidence_checkpoint where size = 3",
    );
    expect(first?.card.parts[0]).toEqual({ kind: "code", text: rows[0]?.note });
    own.setClock(new Date("2027-03-01T23:00:00Z"));
    await own.record(60);
    await expect.poll(async () => (await sizes(own.url)).length).toBeGreaterThan(1);
    await settled(own);
    expect(await shown(own.url)).toHaveLength(1);
    own.setClock(new Date("2027-03-02T23:30:00Z"));
    await expect.poll(async () => shown(own.url)).toHaveLength(2);
    await settled(own);
    expect(await shown(own.url)).toHaveLength(2);
  });

  test("records as posted what stands in the chat, and only that", async () => {
    const own = await startLog();
    await own.log.checkpointer.sign();
    await using _duty = keeping(own);
    own.setClock(new Date("2027-03-01T10:00:00Z"));
    await expect.poll(async () => shown(own.url)).toHaveLength(1);
    await settled(own);
    const posted = async () =>
      (await readEntries(own.url)).filter(({ kind }) => kind === "checkpoint.posted");
    expect(await posted()).toEqual([]);
    await query(own.url, "update outbox set sent_version = wanted_version, message_id = 77");
    await expect.poll(posted).toMatchObject([{ facts: { size: "3", message: "77" } }]);
    await settled(own);
    expect(await posted()).toHaveLength(1);
    const marked = await query(
      own.url,
      "select size from evidence_checkpoint where posted_at is not null",
    );
    expect(marked.rows).toEqual([{ size: "3" }]);
  });

  test("says at once and every half hour that it cannot sign, with both heads and the way out", async () => {
    const own = await startLog();
    const dump = await copyOf(own.url);
    await own.record(4);
    await own.log.checkpointer.sign();
    const old = await restored(own, dump.url);
    const start = Date.now();
    const after = (minutes: number): void => old.setClock(new Date(start + minutes * 60_000));
    after(0);
    await using _duty = keeping(old);
    await expect.poll(async () => warned(dump.url)).toHaveLength(1);
    const [word = ""] = await warned(dump.url);
    const { rows } = await query<{ head: string }>(dump.url, "select head from evidence_head");
    expect(word).toContain("A checkpoint of 7 entries with the root ");
    expect(word).toContain(`the log has 3 entries and its head is ${rows[0]?.head.slice(0, 16)}…`);
    expect(word).toContain("flightdeck evidence adopt --reason");
    after(29);
    await settled(old);
    expect(await warned(dump.url)).toHaveLength(1);
    after(31);
    await expect.poll(async () => warned(dump.url)).toHaveLength(2);
  });
});

describe("the signing key", () => {
  test("is made for its owner alone, and its public half lies beside the log", async () => {
    const own = await startLog();
    const path = join(own.dataFolder, "keys", `${TARGET}.signing-key`);
    expect((await lstat(path)).mode & 0o777).toBe(0o600);
    expect((await lstat(join(own.dataFolder, "keys"))).mode & 0o777).toBe(0o700);
    const published = await readFile(join(own.directory, "keys", `${TARGET}.vkey`), "utf8");
    expect(published).toBe(`${(await own.log.publicKeys()).join("\n")}\n`);
    expect((await lstat(join(own.directory, "keys", `${TARGET}.vkey`))).mode & 0o777).toBe(0o644);
  });

  test.each([
    ["readable by the group", async (path: string) => chmod(path, 0o640), "chmod 600"],
    ["readable by all", async (path: string) => chmod(path, 0o604), "chmod 600"],
    [
      "a link",
      async (path: string) => {
        await rename(path, `${path}.moved`);
        await symlink(`${path}.moved`, path);
      },
      "not a link",
    ],
    [
      "in a folder that others may enter",
      async (path: string) => chmod(join(path, ".."), 0o755),
      "chmod 700",
    ],
    ["no key", async (path: string) => writeFile(path, "hello\n"), "no signing key"],
    [
      "another log's",
      async (path: string) =>
        writeFile(path, `${formatSigner(generateSigner("elsewhere")).reveal()}\n`),
      'a key of "elsewhere"',
    ],
  ])("that is %s is not used, and the way out is said", async (_what, spoil, message) => {
    const own = await startLog();
    const path = join(own.dataFolder, "keys", `${TARGET}.signing-key`);
    const secret = (await readFile(path, "utf8")).trim();
    await spoil(path);
    const failure = await own.log.checkKeys().then(
      () => "no failure",
      (error: unknown) => String(error),
    );
    expect(failure).toContain(message);
    expect(failure).not.toContain(secret);
    await expect(own.log.checkpointer.sign()).rejects.toThrow(message);
    await rm(path);
  });

  test("is rotated by an entry and a note that both keys sign; the old one is gone afterwards", async () => {
    const own = await startLog();
    const [old] = await verifiers(own);
    const { vkey, signing } = await own.log.rotateKey({ actor: ada, reason: "a laptop was lost" });
    if (signing.kind !== "signed") throw new Error(signing.kind);
    const fresh = parseVerifier(vkey)!;
    for (const verifier of [old!, fresh]) {
      expect(openNote(signing.note, [verifier]).kind).toBe("signed");
    }
    expect((await readEntries(own.url)).at(-1)).toMatchObject({
      kind: "key.rotated",
      actor: { name: "Ada" },
      facts: { key: fresh.keyId, before: old?.keyId, reason: "a laptop was lost" },
    });
    expect((await own.log.publicKeys()).at(-1)).toBe(vkey);
    await own.record(1);
    const next = await own.log.checkpointer.sign();
    if (next.kind !== "signed") throw new Error(next.kind);
    expect(openNote(next.note, [old!]).kind).toBe("unknown-key");
    expect(openNote(next.note, [fresh]).kind).toBe("signed");
    const kept = await readFile(join(own.dataFolder, "keys", `${TARGET}.signing-key`), "utf8");
    expect(kept.trim().split("\n")).toHaveLength(1);
  });

  test("is lost by nobody when people rotate it at the same moment", async () => {
    const own = await startLog();
    await using other = await openSignedLog({
      url: own.url,
      folder: join(own.dataFolder, ".."),
    });
    const turns = [own, other, own, other, own, other];
    const rotated = await Promise.all(
      turns.map(async ({ log }, turn) => log.rotateKey({ actor: ada, reason: `turn ${turn}` })),
    );
    expect(await own.log.publicKeys()).toEqual(
      expect.arrayContaining(rotated.map(({ vkey }) => vkey)),
    );
    await own.record(1);
    const signing = await own.log.checkpointer.sign();
    if (signing.kind !== "signed") throw new Error(signing.kind);
    const newest = (await own.log.publicKeys()).at(-1)!;
    expect(openNote(signing.note, [parseVerifier(newest)!]).kind).toBe("signed");
  });

  test("of the configuration is rotated by a second line behind the first", async () => {
    const own = await openOwnDatabase();
    onTestFinished(async () => own[Symbol.asyncDispose]());
    const [first, second] = [generateSigner(ORIGIN), generateSigner(ORIGIN)];
    const lines = [first, second].map((signer) => formatSigner(signer).reveal());
    await using before = await openSignedLog({ url: own.url, given: new Secret(lines[0]!) });
    await before.record(1);
    await before.log.checkpointer.sign();
    await expect(before.log.rotateKey({ actor: ada, reason: "why not" })).rejects.toThrow(
      "Put a new line behind",
    );
    await using during = await openSignedLog({
      url: own.url,
      given: new Secret(lines.join("\n")),
      folder: join(before.dataFolder, ".."),
    });
    const signing = await during.log.checkpointer.sign();
    if (signing.kind !== "signed") throw new Error(signing.kind);
    expect(openNote(signing.note, [first.verifier]).kind).toBe("signed");
    expect(openNote(signing.note, [second.verifier]).kind).toBe("signed");
    expect((await readEntries(own.url)).at(-1)).toMatchObject({
      kind: "key.rotated",
      actor: { name: "configuration" },
    });
  });

  test("that appears from nowhere does not sign until a person speaks for it", async () => {
    const own = await startLog();
    await forget(own);
    await writeFile(
      join(own.dataFolder, "keys", `${TARGET}.signing-key`),
      `${formatSigner(generateSigner(ORIGIN)).reveal()}\n`,
    );
    expect(await own.log.checkpointer.sign()).toMatchObject({
      kind: "refused",
      refusal: { kind: "foreign-key", size: 2 },
    });
    const { signing } = await own.log.rotateKey({ actor: ada, reason: "the disk is gone" });
    expect(signing).toMatchObject({ kind: "signed", size: 4 });
    expect((await readEntries(own.url)).at(-1)).toMatchObject({ facts: { before: "lost" } });
  });
});

/** The duty at work, until the block ends. */
function keeping({ log }: SignedLog): AsyncDisposable {
  const stopping = new AbortController();
  const kept = log.keepCheckpoints(stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await kept;
    },
  };
}

/** The duty looked several times by now and found nothing more to do. */
async function settled({ database }: SignedLog): Promise<void> {
  for (let looks = 0; looks < 8; looks += 1) {
    await database.transaction(async (tx) => tx.change("select pg_sleep(0.1)"));
  }
}

async function sizes(url: string): Promise<readonly number[]> {
  const { rows } = await query<{ size: string }>(
    url,
    "select size from evidence_checkpoint order by size",
  );
  return rows.map(({ size }) => Number(size));
}

async function shown(url: string) {
  const { rows } = await query<{
    readonly subject: string;
    readonly silent: boolean;
    readonly card: Card;
  }>(url, "select subject, silent, card from outbox where subject like 'checkpoint:%' order by id");
  return rows;
}

async function warned(url: string): Promise<readonly string[]> {
  const { rows } = await query<{ card: Card }>(
    url,
    "select card from outbox where subject like 'notice:%:not-signed:%' order by id",
  );
  return rows.map(({ card }) => cardText(card));
}

/** A file of the log, as far as its last checkpoint matters. */
async function writeLog({ directory }: SignedLog, note: string): Promise<void> {
  const block = `### Checkpoint\n\n\`\`\`checkpoint\n${note}\`\`\`\n\n<!-- end checkpoint -->\n\n`;
  await writeFile(join(directory, "log.md"), `# Evidence log\n\n${block}`);
}

async function forget({ dataFolder }: SignedLog): Promise<void> {
  const path = join(dataFolder, "keys", `${TARGET}.last-checkpoint`);
  await rename(path, `${path}.gone`);
}
