import { createHash, randomUUID } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "vitest";

import { createBell } from "../../src/core/waiting.ts";
import { recordCommand, type RecordEvent } from "../../src/jobs/engine/run-record.ts";
import { keepEvidenceFile, type EvidenceFileParts } from "../../src/jobs/evidence/evidence-file.ts";
import { blocksOf, headerOf, partsOf, startOf } from "../../src/jobs/evidence/log-part.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import type { Database } from "../../src/storage/database.ts";
import { rotations } from "../../src/storage/evidence-rotation.ts";
import { lockHead, openLog } from "../../src/storage/evidence.ts";
import { logItems } from "../../src/storage/log-items.ts";
import { openOwnDatabase, type OwnDatabase } from "./own-database.ts";

export const LOG = { target: "sandbox", origin: "flightdeck/evidence/sandbox" } as const;
export const PLACE = { chatId: -1, topicId: undefined, replyTo: undefined } as const;

/** A log of its own in a database of its own, and a folder for its file. */
export type EvidenceLog = AsyncDisposable & OwnDatabase & { readonly directory: string };

export async function openEvidenceLog(): Promise<EvidenceLog> {
  await using opened = new AsyncDisposableStack();
  const own = opened.use(await openOwnDatabase());
  const { path: directory } = opened.use(await temporaryDirectory("evidence"));
  await own.database.transaction(async (tx) => openLog(tx, LOG.target, LOG.origin));
  const kept = opened.move();
  return { ...own, directory, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

const record: RecordEvent = async (tx, now, done) =>
  recordCommand(
    tx,
    now,
    { build: "test", instance: "test", scrub: (text) => text },
    {
      ...done,
      target: LOG.target,
      config: "test",
    },
  );

/** One more entry, whatever it says; returns its cause, by which it can be found. */
export async function appendEntry(database: Database, fact = "a fact"): Promise<string> {
  const cause = `test-${randomUUID()}`;
  const event = { kind: "status.read", result: "healthy", facts: { fact } } as const;
  const actor = { via: "flightdeck", name: "the test" } as const;
  await database.transaction(async (tx, now) =>
    record(tx, now, { operation: "status", cause, actor, event }),
  );
  return cause;
}

export async function appendEntries(database: Database, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await appendEntry(database, `entry ${n}`);
}

/** Stands in for the signer: a note that nobody signed, over the whole log. */
export async function signRoughly(database: Database): Promise<void> {
  await database.transaction(async (tx, now) => {
    const { size } = await lockHead(tx, LOG.target);
    const root = createHash("sha256").update(String(size)).digest();
    const note = `${LOG.origin}\n${size}\n${root.toString("base64")}\n\n— nobody AAAA\n`;
    await tx.change(
      `insert into evidence_checkpoint (log, size, root, note, at) values ($1, $2, $3, $4, $5)
       on conflict do nothing`,
      [LOG.target, String(size), root.toString("hex"), note, now],
    );
  });
}

export type Rendering = AsyncDisposable & { readonly errors: readonly string[]; ring(): void };

/** Renders as the leader does, only with more haste, until disposed of. */
export function startRendering(
  log: { readonly database: Database; readonly directory: string },
  more: Partial<EvidenceFileParts> = {},
): Rendering {
  const stopping = new AbortController();
  const bell = createBell();
  const errors: string[] = [];
  const rendering = keepEvidenceFile(
    {
      log: LOG,
      database: log.database,
      directory: log.directory,
      rotateAtBytes: 1024 * 1024,
      record,
      place: PLACE,
      bell,
      sign: async () => signRoughly(log.database),
      timing: { lookMs: 20, wholeMs: 60_000 },
      onError: (error, during) => errors.push(`${during}: ${String(error)}`),
      ...more,
    },
    stopping.signal,
  );
  return {
    errors,
    ring: bell.ring,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await rendering;
    },
  };
}

/** What the files should hold, rendered from the rows in memory: the closed parts, then the present one. */
async function freshRendering(database: Database): Promise<readonly string[]> {
  const ends = await database.transaction(async (tx) => rotations(tx, LOG.target));
  const files: string[] = [];
  for (const part of partsOf(ends)) {
    const pieces = [headerOf(LOG, part).bytes];
    const items = logItems(database, LOG.target, startOf(part));
    for await (const block of blocksOf(items)) pieces.push(block.bytes);
    files.push(Buffer.concat(pieces).toString());
  }
  return files;
}

/** What the files hold. */
export async function filesOf(directory: string): Promise<readonly string[]> {
  const closed = await readdir(join(directory, "log")).catch(() => []);
  const inOrder = closed.toSorted((one, other) => Number.parseInt(one) - Number.parseInt(other));
  const names = [...inOrder.map((name) => join("log", name)), "log.md"];
  return Promise.all(
    names.map(async (name) => readFile(join(directory, name), "utf8").catch(() => "")),
  );
}

/** Waits until the files are what their rows say, byte for byte. */
export async function expectRendered(
  log: Pick<EvidenceLog, "database" | "directory">,
): Promise<void> {
  await expect
    .poll(
      async () => {
        const fresh = await freshRendering(log.database);
        const found = await filesOf(log.directory);
        return found.length === fresh.length && found.every((text, index) => text === fresh[index]);
      },
      { timeout: 20_000, message: "the files are the rendering of the rows" },
    )
    .toBe(true);
}
