import { join } from "node:path";

import { pass } from "../../core/trace.ts";
import type { Bell } from "../../core/waiting.ts";
import { noteRendered } from "../../storage/evidence-file.ts";
import { rotate } from "../../storage/evidence-rotation.ts";
import { logItems, type LogPosition } from "../../storage/log-items.ts";
import type { GoodEnd } from "./log-comparison.ts";
import { moveFile, openToAppend, type LogFile } from "./log-file.ts";
import type { Look, LogPlace } from "./log-look.ts";
import { blocksOf, closedFile, headerOf, startOf, type Block, type LogPart } from "./log-part.ts";

/** What is written and synced at once. */
const BATCH_BYTES = 1024 * 1024;
export const USUAL_LOOK_MS = 5_000;

export type AppendingParts = LogPlace & {
  /** A part that has grown larger is closed, and the next one begun. */
  readonly rotateAtBytes: number;
  readonly bell: Bell;
  /** Has the log signed as it stands, because a part is closed behind a checkpoint. */
  readonly sign: () => Promise<unknown>;
  /** How often the file is looked at. */
  readonly timing?: { readonly lookMs: number };
  readonly onError: (error: unknown, during: string) => void;
};

/** Appends what is missing, again and again, until the part is closed, somebody touched it or all is to be looked at. */
export async function appendFrom(
  parts: AppendingParts,
  look: Look,
  from: GoodEnd,
  wholeAtMs: number,
  until: AbortSignal,
): Promise<void> {
  const { bell, timing } = parts;
  await using file = await openToAppend(look.path, from.bytes);
  let { at } = from;
  // It may have been in trouble, so it is noted to be well even when there is no news.
  if (at) await noteSynced(parts, file.bytes, at);
  while (!until.aborted && performance.now() < wholeAtMs) {
    const appended = await appendMissing(parts, look, file, at, until);
    if (appended.kind !== "up-to-date") return;
    at = appended.at;
    if (file.bytes > parts.rotateAtBytes && (await isMarked(parts))) continue;
    await bell.wait(timing?.lookMs ?? USUAL_LOOK_MS, until);
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
export async function appendMissing(
  parts: AppendingParts,
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
  { database, log }: AppendingParts,
  bytes: number,
  { seq }: LogPosition,
): Promise<void> {
  await database.transaction(async (tx, now) =>
    noteRendered(tx, now, log.target, { bytes, rendered: seq }),
  );
}

/** Marks the end of the log as the end of this part, if it can be signed there and nobody appended in between. */
async function isMarked({ database, log, sign, onError }: AppendingParts): Promise<boolean> {
  try {
    await sign();
    return await database.transaction(async (tx, now) => rotate(tx, now, log.target));
  } catch (error) {
    // The part goes on growing, which harms nobody.
    onError(error, `closing a part of the log of ${log.target}`);
    return false;
  }
}

/** All that is to stand in a part, from its header to what is the newest now. */
export async function* renderingOf(place: LogPlace, part: LogPart): AsyncGenerator<Buffer, void> {
  for await (const { bytes } of batchesOf(missingBehind(place, part, undefined))) yield bytes;
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
