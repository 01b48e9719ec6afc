import { mkdir } from "node:fs/promises";
import { basename, join, relative } from "node:path";

import type { Actor } from "../core/actor.ts";
import { plainCard } from "../core/card.ts";
import { pass } from "../core/trace.ts";
import { pause, type Bell } from "../core/waiting.ts";
import { takeFileLock } from "../servers/file-lock.ts";
import {
  endRepair,
  fileOf,
  noteRendered,
  noteTrouble,
  type RepairAsk,
} from "../storage/evidence-file.ts";
import { rotate } from "../storage/evidence-rotation.ts";
import { logItems, type LogPosition } from "../storage/log-items.ts";
import { answer, type Place } from "../storage/outbox.ts";
import { SystemError } from "../systems/system-error.ts";
import type { GoodEnd } from "./log-comparison.ts";
import {
  digestOfFile,
  exists,
  keepAside,
  moveFile,
  openToAppend,
  replaceBy,
  signatureOf,
  type LogFile,
} from "./log-file.ts";
import { lookAtLog, type Finding, type Look, type LogPlace } from "./log-look.ts";
import { blocksOf, closedFile, headerOf, startOf, type Block, type LogPart } from "./log-part.ts";
import type { RecordEvent } from "./run-record.ts";
import { strangeness } from "./strange-file.ts";

/** What is written and synced at once. */
const BATCH_BYTES = 1024 * 1024;
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 30_000] as const;
/** After this long without one, a failure is a first failure again. */
const FORGIVEN_MS = 60_000;
const ACTOR = { via: "flightdeck", name: "the log's file" } as const;

export type EvidenceFileParts = LogPlace & {
  /** A part that has grown larger is closed, and the next one begun. */
  readonly rotateAtBytes: number;
  readonly record: RecordEvent;
  /** Where it is told that something was cut. */
  readonly place: Place;
  readonly bell: Bell;
  /** Has the log signed as it stands, because a part is closed behind a checkpoint. */
  readonly sign: () => Promise<unknown>;
  /** How often the file is looked at, and how often every byte of it. */
  readonly timing?: { readonly lookMs: number; readonly wholeMs: number };
  readonly onError: (error: unknown, during: string) => void;
};

const USUAL_TIMING = { lookMs: 5_000, wholeMs: 60 * 60 * 1000 };

/**
 * Keeps the files of a log what they are to be, the rendering of its rows, until the signal. It is the leader's duty, and
 * done under a lock on the directory, because a former leader may not know yet that it leads no more.
 */
export async function keepEvidenceFile(
  parts: EvidenceFileParts,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  let failedAtMs = 0;
  while (!signal.aborted) {
    try {
      await renderUnderLock(parts, signal);
    } catch (error) {
      failures = performance.now() - failedAtMs > FORGIVEN_MS ? 0 : failures + 1;
      failedAtMs = performance.now();
      await noteFailure(parts, error);
      await pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 1_000, signal);
    }
  }
}

async function renderUnderLock(parts: EvidenceFileParts, signal: AbortSignal): Promise<void> {
  const { directory, onError, timing = USUAL_TIMING } = parts;
  await mkdir(directory, { recursive: true });
  const lockFile = join(directory, ".lock");
  // What the rows know of a file is not about one in a directory that nobody has ever rendered to.
  let isNew = !(await exists(lockFile));
  const lock = await takeFileLock(lockFile);
  if (!lock) {
    onError(new Error(`another process writes in ${directory}`), "waiting to render the log");
    return pause(RETRY_MS[0], signal);
  }
  await using held = lock;
  const until = AbortSignal.any([signal, held.lost]);
  const checked = new Set<string>();
  while (!until.aborted) {
    const wholeAtMs = performance.now() + timing.wholeMs;
    checked.clear();
    while (!until.aborted && performance.now() < wholeAtMs) {
      await goOn(parts, checked, { isNew, wholeAtMs }, until);
      isNew = false;
    }
  }
  if (!signal.aborted) throw new Error(`the lock on ${directory} was lost`);
}

type Session = { readonly isNew: boolean; readonly wholeAtMs: number };

/** Looks where the files stand, and does what is to be done next. */
async function goOn(
  parts: EvidenceFileParts,
  checked: Set<string>,
  { isNew, wholeAtMs }: Session,
  until: AbortSignal,
): Promise<void> {
  const look = await lookAtLog(parts, checked);
  const { finding, known } = look;
  switch (finding.kind) {
    case "agrees":
    case "torn": {
      if (known.repair) {
        await parts.database.transaction(async (tx) => endRepair(tx, parts.log.target));
      }
      const isCut = !isNew && finding.end.bytes < known.bytes;
      if (finding.kind === "torn" || isCut) await mend(parts, look, finding.end, isCut);
      // What lies beyond the last sync is written anew: after one that failed, only memory may hold it.
      return appendFrom(parts, look, finding.synced, wholeAtMs, until);
    }
    case "lost":
      await tellLoss(parts, look, { file: nameOf(parts, look), found: "lost" });
      return rewrite(parts, look);
    case "edited":
      if (known.repair) return repair(parts, look, known.repair);
      return standStill(parts, look, finding, until);
    case "ahead":
    case "foreign":
      return standStill(parts, look, finding, until);
  }
}

/** Appends what is missing, again and again, until the part is closed, somebody touched it or all is to be looked at. */
async function appendFrom(
  parts: EvidenceFileParts,
  look: Look,
  from: GoodEnd,
  wholeAtMs: number,
  until: AbortSignal,
): Promise<void> {
  const { bell, timing = USUAL_TIMING } = parts;
  await using file = await openToAppend(look.path, from.bytes);
  let { at } = from;
  // It may have been in trouble, so it is noted to be well even when there is no news.
  if (at) await noteSynced(parts, file.bytes, at);
  while (!until.aborted && performance.now() < wholeAtMs) {
    const appended = await appendMissing(parts, look, file, at, until);
    if (appended.kind !== "up-to-date") return;
    at = appended.at;
    if (file.bytes > parts.rotateAtBytes && (await isMarked(parts))) continue;
    await bell.wait(timing.lookMs, until);
    if (!(await file.isAsWeLeftIt())) return;
  }
}

type Appended =
  | { readonly kind: "up-to-date"; readonly at: LogPosition | undefined }
  /** The part ends here, and stands among the closed ones. */
  | { readonly kind: "closed" }
  /** Somebody touched the file, or it is time to stop. */
  | { readonly kind: "left-off" };

/** Appends what is missing behind a place, and notes how far the disk has it. */
async function appendMissing(
  parts: EvidenceFileParts,
  { part, path }: Look,
  file: LogFile,
  from: LogPosition | undefined,
  until: AbortSignal,
): Promise<Appended> {
  const { log, directory } = parts;
  let at = from;
  for await (const batch of batchesOf(missingBehind(parts, part, from))) {
    if (until.aborted || !(await file.isAsWeLeftIt())) return { kind: "left-off" };
    if (batch.bytes.length > 0) await file.append(batch.bytes);
    at = batch.at;
    const isClosed = at.kind === "rotation" && at.seq > startOf(part).seq;
    // Of the file that begins next nothing is on the disk. It is said before this one goes, lest it seem cut.
    await noteSynced(parts, isClosed ? 0 : file.bytes, at);
    pass("log.recorded", log.target);
    if (!isClosed) continue;
    await moveFile(path, join(directory, closedFile({ ...part, until: at.seq })));
    return { kind: "closed" };
  }
  return { kind: "up-to-date", at };
}

async function noteSynced(
  { database, log }: EvidenceFileParts,
  bytes: number,
  { seq }: LogPosition,
): Promise<void> {
  await database.transaction(async (tx, now) =>
    noteRendered(tx, now, log.target, { bytes, rendered: seq }),
  );
}

/**
 * Brings the file up to date once, for whoever is about to stop and has just signed. What is wrong with it, and what
 * another process holds, is left to the next leader.
 */
export async function finishEvidenceFile(
  parts: EvidenceFileParts,
  signal: AbortSignal,
): Promise<void> {
  const lockFile = join(parts.directory, ".lock");
  if (!(await exists(lockFile))) return;
  await using lock = await takeFileLock(lockFile);
  if (!lock) return;
  const look = await lookAtLog(parts, new Set());
  if (look.finding.kind !== "agrees") return;
  const { synced } = look.finding;
  await using file = await openToAppend(look.path, synced.bytes);
  await appendMissing(parts, look, file, synced.at, AbortSignal.any([signal, lock.lost]));
}

/** Marks the end of the log as the end of this part, if it can be signed there and nobody appended in between. */
async function isMarked({ database, log, sign, onError }: EvidenceFileParts): Promise<boolean> {
  try {
    await sign();
    return await database.transaction(async (tx, now) => rotate(tx, now, log.target));
  } catch (error) {
    // The part goes on growing, which harms nobody.
    onError(error, `closing a part of the log of ${log.target}`);
    return false;
  }
}

async function* missingBehind(
  { database, log }: LogPlace,
  part: LogPart,
  at: LogPosition | undefined,
): AsyncGenerator<Block, void> {
  if (at === undefined) yield headerOf(log, part);
  yield* blocksOf(logItems(database, log.target, at ?? startOf(part)));
}

/** Blocks that are written together; the mark that closes a part ends its last batch. */
async function* batchesOf(blocks: AsyncIterable<Block>): AsyncGenerator<Block, void> {
  let pending: Buffer[] = [];
  let size = 0;
  let last: Block | undefined;
  for await (const block of blocks) {
    pending.push(block.bytes);
    size += block.bytes.length;
    last = block;
    if (size < BATCH_BYTES) continue;
    yield { bytes: Buffer.concat(pending), at: block.at };
    pending = [];
    size = 0;
    last = undefined;
  }
  if (last) yield { bytes: Buffer.concat(pending), at: last.at };
}

/** Takes note of a file that ends too early, and keeps what is torn at its end. */
async function mend(
  parts: EvidenceFileParts,
  look: Look,
  { bytes }: GoodEnd,
  isCut: boolean,
): Promise<void> {
  const { directory, path, size } = { ...parts, ...look };
  const file = nameOf(parts, look);
  const torn = size - bytes;
  const kept = join(directory, ".torn", `${basename(path)}-${bytes}-${size}`);
  if (torn > 0) await keepAside(path, kept, [bytes, size]);
  const facts = {
    file,
    found: isCut ? "cut" : "torn",
    from: `byte ${bytes}`,
    torn: `${torn} bytes`,
    ...(torn > 0 ? { kept: relative(directory, kept) } : {}),
  };
  if (isCut) return tellLoss(parts, look, facts);
  await recordRepair(parts, `torn:${file}:${bytes}:${size}:${look.known.rendered}`, ACTOR, facts);
}

/** What had been brought to the disk and is gone was taken away by somebody; that is told. */
async function tellLoss(
  parts: EvidenceFileParts,
  { known }: Look,
  facts: Readonly<Record<string, string>>,
): Promise<void> {
  const { database, log, place } = parts;
  const cause = `${Object.values(facts).join(":")}:${known.bytes}:${known.rendered}`;
  await recordRepair(parts, cause, ACTOR, facts);
  const card = plainCard(
    `⚠️ ${log.target} · the evidence file was cut`,
    `${facts["file"]} held less than what had been written to it. What was missing is rendered again from the database.`,
    "If nobody restored an older copy of the folder, somebody removed the end of the file, or the disk lost it.",
  );
  await database.transaction(async (tx, now) =>
    answer(tx, now, `notice:${log.target}:log-cut:${cause}`, place, card),
  );
}

/** Renders a file afresh because a person said so; what stood in it was kept aside when it was found. */
async function repair(parts: EvidenceFileParts, look: Look, ask: RepairAsk): Promise<void> {
  const file = nameOf(parts, look);
  const facts = {
    file,
    found: "edited",
    reason: ask.reason,
    digest: `sha256 ${await digestOfFile(look.path)}`,
  };
  // Before the file is replaced, so that a crash in between finds the person's word recorded and still in force.
  await recordRepair(parts, `${ask.cause}:${file}`, ask.actor, facts);
  await rewrite(parts, look);
}

async function rewrite(parts: LogPlace, { part, path }: Look): Promise<void> {
  await replaceBy(path, bytesOfBatches(batchesOf(missingBehind(parts, part, undefined))));
}

async function* bytesOfBatches(batches: AsyncIterable<Block>): AsyncGenerator<Buffer, void> {
  for await (const { bytes } of batches) yield bytes;
}

async function recordRepair(
  { database, record }: EvidenceFileParts,
  cause: string,
  actor: Actor,
  facts: Readonly<Record<string, string>>,
): Promise<void> {
  const event = { kind: "log.repaired", result: "repaired", facts } as const;
  await database.transaction(async (tx, now) =>
    record(tx, now, { operation: "evidence", cause, actor, event }),
  );
}

/** Writes nothing, until the file has changed again or a person has said what is to become of it. */
async function standStill(
  parts: EvidenceFileParts,
  look: Look,
  finding: Extract<Finding, { readonly kind: Standstill }>,
  until: AbortSignal,
): Promise<void> {
  const { database, log, bell, timing = USUAL_TIMING } = parts;
  const found = await signatureOf(look.path);
  const detail = await describeStandstill(parts, look, finding);
  await database.transaction(async (tx, now) =>
    noteTrouble(tx, now, log.target, { kind: finding.kind, detail }),
  );
  while (!until.aborted) {
    await bell.wait(timing.lookMs, until);
    const { repair: ask } = await database.transaction(async (tx) => fileOf(tx, log.target));
    const isMended = finding.kind === "edited" && ask !== undefined;
    if (isMended || (await signatureOf(look.path)) !== found) return;
  }
}

type Standstill = "edited" | "ahead" | "foreign";

/** What is wrong, for people; an edited file is kept aside first. */
async function describeStandstill(
  parts: EvidenceFileParts,
  look: Look,
  finding: Extract<Finding, { readonly kind: Standstill }>,
): Promise<string> {
  if (finding.kind !== "edited") return strangeness(finding, nameOf(parts, look));
  const digest = await digestOfFile(look.path);
  const { trouble } = look.known;
  // The same file was found before, and is kept already.
  if (trouble?.kind === "edited" && trouble.detail.includes(digest)) return trouble.detail;
  const stamp = await parts.database.transaction(async (_tx, now) => stampOf(now));
  const kept = `${look.path}.edited-${stamp}`;
  await keepAside(look.path, kept, [0, look.size]);
  const fork = finding.forked
    ? " From there on it goes on soundly, as if an older database had been restored and gone on differently."
    : "";
  return (
    `${nameOf(parts, look)} differs from the database at byte ${finding.offset}, in ${finding.where}.${fork} ` +
    `It is kept as ${relative(parts.directory, kept)} (sha256 ${digest}).`
  );
}

function stampOf(now: Date): string {
  return now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
}

function nameOf({ directory }: LogPlace, { path }: Look): string {
  return relative(directory, path);
}

/** Trouble with the file is for people to hear of; trouble with the database is somebody else's to tell. */
async function noteFailure(parts: EvidenceFileParts, error: unknown): Promise<void> {
  const { database, log, onError } = parts;
  const during = `rendering the log of ${log.target}`;
  onError(error, during);
  if (error instanceof SystemError) return;
  const detail = error instanceof Error ? error.message : String(error);
  await database
    .transaction(async (tx, now) =>
      noteTrouble(tx, now, log.target, { kind: "cannot-write", detail }),
    )
    .catch((failure: unknown) => onError(failure, during));
}
