import { createReadStream } from "node:fs";
import { readdir, rename } from "node:fs/promises";
import { join, relative } from "node:path";

import type { Actor } from "../../core/actor.ts";
import type { Checkpoint } from "../../core/checkpoint.ts";
import { readBlock, type LogBlock } from "../../core/log-block.ts";
import { rawBlocks } from "../../core/log-reader.ts";
import type { Recorded } from "../../core/log-text.ts";
import { verifyFiles, type LogPart } from "../../core/log-verification.ts";
import { emptyTree, rootOf, withLeaves } from "../../core/merkle.ts";
import { checkpointIn } from "../../core/note-checkpoint.ts";
import { runName } from "../../core/run-name.ts";
import { parseVerifier } from "../../core/signed-note.ts";
import { pass } from "../../core/trace.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { checkpointsBetween, leafHashes } from "../../storage/evidence-checkpoint.ts";
import { noteRendered } from "../../storage/evidence-file.ts";
import { rotations } from "../../storage/evidence-rotation.ts";
import { lockHead } from "../../storage/evidence.ts";
import { hasLeader } from "../../storage/leadership.ts";
import { restoreCheckpoint, restoreEntries, restoreRotation } from "../../storage/log-restoring.ts";
import { endOpenRuns } from "../../storage/run.ts";
import { abandonMemory, lastSigned, type KeyPlace } from "../../storage/signing-key.ts";
import type { RecordEvent } from "../engine/run-record.ts";

const PAGE = 1_000;

export type AdoptionParts = {
  readonly database: Database;
  readonly keys: KeyPlace;
  readonly directory: string;
  readonly publicKeys: () => Promise<readonly string[]>;
  readonly record: RecordEvent;
};

export type Adoption =
  /** Nothing was changed; the message says why not. */
  | { readonly kind: "refused"; readonly message: string }
  | {
      readonly kind: "adopted";
      readonly entries: number;
      readonly checkpoints: number;
      /** What no file and no database has any more, or what the file knows otherwise. */
      readonly abandoned: Abandoned | undefined;
      /** Where the file was put that tells another history. */
      readonly kept: readonly string[];
    };

type Abandoned = {
  /** The first number of which there were two entries, or of which the entry is lost. */
  readonly from: number;
  readonly size: number;
  /** The hash of the last entry given up, as far as a file knows it, or the root that was signed. */
  readonly head: string;
};

/**
 * Goes on after an older database was restored. What the files know beyond the rows is put back into them, for the
 * canonical form restores an entry exactly. Where rows and files went different ways, the rows are gone on with: the
 * files are put aside, and the log says itself what was given up.
 */
export async function adoptLog(
  parts: AdoptionParts,
  order: { readonly actor: Actor; readonly reason: string },
): Promise<Adoption> {
  const { database, keys, directory } = parts;
  const files = await filesOf(directory);
  const read = await readFiles(files, keys.origin, await parts.publicKeys());
  if (typeof read === "string") return refused(read);
  const memory = await lastSigned(keys);
  const signed = memory === undefined ? undefined : checkpointIn(memory);
  const settled = await database.transaction(async (tx, now) =>
    settle(tx, now, { ...parts, ...order, read, files, signed }),
  );
  if ("kind" in settled) return settled;
  pass("log.adopted", keys.target);
  // The word of a person is recorded by now; whoever is killed here does the rest when asked again.
  const kept: string[] = [];
  for (const file of settled.putAside) {
    await rename(file, `${file}.fork-${settled.stamp}`);
    kept.push(relative(directory, `${file}.fork-${settled.stamp}`));
  }
  if (settled.forgetMemory) await abandonMemory(keys, settled.stamp);
  const { entries, checkpoints, abandoned } = settled;
  return { kind: "adopted", entries, checkpoints, abandoned, kept };
}

type Settled = {
  readonly entries: number;
  readonly checkpoints: number;
  readonly abandoned: Abandoned | undefined;
  readonly putAside: readonly string[];
  readonly forgetMemory: boolean;
  readonly stamp: string;
};

type Case = AdoptionParts & {
  readonly actor: Actor;
  readonly reason: string;
  readonly read: FilesRead;
  readonly files: readonly LogFile[];
  readonly signed: Checkpoint | undefined;
};

async function settle(
  tx: Transaction,
  now: Date,
  of: Case,
): Promise<Settled | Extract<Adoption, { readonly kind: "refused" }>> {
  const { keys, read, signed } = of;
  const log = keys.target;
  if (await hasLeader(tx)) {
    return refused(
      "Flightdeck is running on this database. Stop every instance of it first, then adopt.",
    );
  }
  const before = Number((await lockHead(tx, log)).size);
  if (read.start > before) {
    return refused(
      `The files begin behind #${read.start} and the database ends with #${before}; put the earlier parts back into log/.`,
    );
  }
  const forkedAt = await firstDifference(tx, log, read, before);
  const restored =
    forkedAt === undefined && read.size > before
      ? await restore(tx, now, log, of, before)
      : { entries: 0, checkpoints: 0 };
  const size = before + restored.entries;
  const forgetMemory = signed !== undefined && !(await liesOn(tx, log, signed, size));
  if (restored.entries === 0 && forkedAt === undefined && !forgetMemory) {
    return refused(
      "There is nothing to adopt: the database holds all that the files and the signer know.",
    );
  }
  // The rows may be of a time before an effect that has happened since; to go on with them would repeat it.
  const ended = await endOpenRuns(tx, now, log, "an older database was restored under it");
  const abandoned = abandonedBy(read, forkedAt, forgetMemory ? signed : undefined, size);
  await of.record(tx, now, {
    operation: "evidence",
    // What is given up is given up once, however often the command has to be said.
    cause: `adopt-${(abandoned ?? read).head.slice(0, 16)}`,
    actor: of.actor,
    event: {
      kind: "log.adopted",
      result: "adopted",
      facts: {
        ...factsOf(of, before, restored, abandoned),
        ...(ended.length > 0 ? { "runs-ended": ended.map(({ id }) => runName(id)).join(" ") } : {}),
      },
    },
  });
  const putAside = forkedAt === undefined ? [] : await filesBeyond(tx, log, of.files, forkedAt);
  // Of the file that is rendered next nothing is on the disk.
  if (putAside.length > 0) await noteRendered(tx, now, log, { bytes: 0, rendered: 0n });
  const stamp = now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return { ...restored, abandoned, putAside, forgetMemory, stamp };
}

/** Puts back what the files hold beyond the rows: entries, checkpoints, and the marks between their parts. */
async function restore(
  tx: Transaction,
  now: Date,
  log: string,
  { files, read }: Case,
  before: number,
): Promise<{ readonly entries: number; readonly checkpoints: number }> {
  let entries = 0;
  let pending: Recorded[] = [];
  const flush = async (): Promise<void> => {
    await restoreEntries(tx, log, pending);
    entries += pending.length;
    pending = [];
  };
  for await (const block of blocksOf(files)) {
    if (block.kind !== "entry" || Number(block.entry.seq) <= before) continue;
    pending.push(block);
    if (pending.length === PAGE) await flush();
  }
  await flush();
  let checkpoints = 0;
  for (const note of read.notes.values()) {
    const checkpoint = checkpointIn(note);
    if (checkpoint && (await restoreCheckpoint(tx, now, log, checkpoint, note))) checkpoints += 1;
  }
  for (const size of read.closedAt) {
    if (read.notes.has(size)) await restoreRotation(tx, now, log, size);
  }
  return { entries, checkpoints };
}

/** The first number at which rows and files tell different things; undefined when they agree as far as both go. */
async function firstDifference(
  tx: Transaction,
  log: string,
  read: FilesRead,
  rows: number,
): Promise<number | undefined> {
  const common = Math.min(rows, read.size);
  const [hash] = read.start === 0 ? [] : await leafHashes(tx, log, read.start - 1, 1);
  if (read.start > 0 && hash !== read.startHash) return read.start;
  for (let at = read.start; at < common;) {
    const page = await leafHashes(tx, log, at, Math.min(PAGE, common - at));
    const index = page.findIndex((one, offset) => one !== read.hashes[at - read.start + offset]);
    if (index >= 0) return at + index + 1;
    at += page.length;
  }
  // A checkpoint of the rows alone was signed after the restore; the file could never be rendered again around it.
  const kept = await checkpointsBetween(tx, log, read.start, Math.min(rows, read.size - 1));
  const alone = kept.find(({ size, note }) => read.notes.get(size) !== note);
  return alone && alone.size + 1;
}

async function liesOn(
  tx: Transaction,
  log: string,
  signed: Checkpoint,
  size: number,
): Promise<boolean> {
  if (signed.size > size) return false;
  let tree = emptyTree();
  while (tree.size < signed.size) {
    const limit = Math.min(PAGE, signed.size - tree.size);
    tree = withLeaves(tree, await leafHashes(tx, log, tree.size, limit));
  }
  return rootOf(tree) === signed.root;
}

function abandonedBy(
  read: FilesRead,
  forkedAt: number | undefined,
  signed: Checkpoint | undefined,
  size: number,
): Abandoned | undefined {
  if (forkedAt !== undefined) return { from: forkedAt, size: read.size, head: read.head };
  if (!signed) return undefined;
  return { from: Math.min(size, signed.size) + 1, size: signed.size, head: signed.root };
}

function factsOf(
  { reason, read }: Case,
  before: number,
  restored: { readonly entries: number; readonly checkpoints: number },
  abandoned: Abandoned | undefined,
): Readonly<Record<string, string>> {
  return {
    reason,
    "database-ended": `#${before}`,
    ...(restored.entries > 0
      ? {
          "taken-over": `#${before + 1} to #${read.size}`,
          checkpoints: String(restored.checkpoints),
          head: read.head,
        }
      : {}),
    ...(abandoned
      ? {
          "given-up": `#${abandoned.from} to #${abandoned.size}`,
          "given-up-head": abandoned.head,
        }
      : {}),
  };
}

type LogFile = LogPart & {
  readonly path: string;
  /** The last entry of a closed part, by its name. */
  readonly last: number | undefined;
};

/** The closed parts in their order, and the file that grows. */
async function filesOf(directory: string): Promise<readonly LogFile[]> {
  const closed = await readdir(join(directory, "log")).catch(noFiles);
  const present = (await readdir(directory).catch(noFiles)).filter((name) => name === "log.md");
  const parts = closed
    .map((name) => ({ name, last: /^\d+-(\d+)\.md$/.exec(name)?.[1] }))
    .filter(({ last }) => last !== undefined)
    .map(({ name, last }) => ({ name: join("log", name), last: Number(last) }))
    .toSorted((one, other) => one.last - other.last);
  return [...parts, ...present.map((name) => ({ name, last: undefined }))].map((file) => {
    const path = join(directory, file.name);
    return { ...file, path, open: () => createReadStream(path) };
  });
}

type FilesRead = {
  /** How many entries come before the first one that a file holds. */
  readonly start: number;
  readonly startHash: string;
  readonly size: number;
  readonly head: string;
  readonly hashes: readonly string[];
  readonly notes: ReadonlyMap<number, string>;
  /** The sizes at which a file was closed. */
  readonly closedAt: readonly number[];
};

const NO_FILES: FilesRead = {
  start: 0,
  startHash: "",
  size: 0,
  head: "",
  hashes: [],
  notes: new Map(),
  closedAt: [],
};

/** What the files hold, if it is sound; in words what is wrong with them if not. A torn end is nothing wrong. */
async function readFiles(
  files: readonly LogFile[],
  origin: string,
  vkeys: readonly string[],
): Promise<FilesRead | string> {
  const hashes: string[] = [];
  const keys = vkeys.map(parseVerifier).filter((verifier) => verifier !== undefined);
  const onEntry = ({ hash }: Recorded): void => void hashes.push(hash);
  const { verdict, findings, standing } = await verifyFiles(files, { keys, outside: [], onEntry });
  if (verdict === "tampered" || verdict === "key") {
    const where = findings[0]?.at.part ?? "The file";
    return `${where} is not sound, so nothing is taken over from it: ${findings[0]?.message ?? ""}`;
  }
  if (!standing || standing.size === 0) return NO_FILES;
  if (standing.origin !== origin) {
    return `The files are the log of "${standing.origin}", and this one is "${origin}".`;
  }
  const notes = new Map<number, string>();
  const closedAt: number[] = [];
  for await (const block of blocksOf(files)) {
    if (block.kind === "header" && block.after) closedAt.push(Number(block.after.seq));
    const checkpoint = block.kind === "checkpoint" ? checkpointIn(block.note) : undefined;
    if (block.kind === "checkpoint" && checkpoint) notes.set(checkpoint.size, block.note);
  }
  const { start, size, head } = standing;
  return { start: start.seq, startHash: start.hash, size, head, hashes, notes, closedAt };
}

async function* blocksOf(files: readonly LogFile[]): AsyncGenerator<LogBlock, void> {
  for (const file of files) {
    for await (const raws of rawBlocks(file.open())) {
      for (const raw of raws) {
        const block = raw.whole ? readBlock(raw.bytes.toString("utf8")) : undefined;
        if (block) yield block;
      }
    }
  }
}

/** The files that tell what the rows do not: all but the closed parts that end before, as the rows know them too. */
async function filesBeyond(
  tx: Transaction,
  log: string,
  files: readonly LogFile[],
  forkedAt: number,
): Promise<readonly string[]> {
  const known = new Set((await rotations(tx, log)).map(({ seq }) => Number(seq)));
  return files
    .filter(({ last }) => last === undefined || last >= forkedAt || !known.has(last))
    .map(({ path }) => path);
}

function refused(message: string): Extract<Adoption, { readonly kind: "refused" }> {
  return { kind: "refused", message };
}

function noFiles(error: NodeJS.ErrnoException): readonly string[] {
  if (error.code === "ENOENT") return [];
  throw error;
}
