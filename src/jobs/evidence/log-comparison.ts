import type { LogPosition } from "../../storage/log-items.ts";
import { continuation } from "./log-continuation.ts";
import type { Block, LogIdentity } from "./log-part.ts";

/** How far a file is right: to the end of a block, and what of the log is in it by then. */
export type GoodEnd = {
  readonly bytes: number;
  /** Undefined: not even the header. */
  readonly at: LogPosition | undefined;
};

/** What a file is, beside the rendering of the rows that it should be. */
export type Comparison =
  /** As far as it goes it is right; whatever is missing may be appended. */
  | { readonly kind: "agrees"; readonly end: GoodEnd; readonly synced: GoodEnd }
  /** Its last block was not written to its end, or not brought to the disk. */
  | { readonly kind: "torn"; readonly end: GoodEnd; readonly synced: GoodEnd }
  /** Something else stands there than the rows say. */
  | {
      readonly kind: "edited";
      readonly where: string;
      readonly offset: number;
      readonly forked: boolean;
    }
  /** It goes on beyond the rows, and soundly: the rows are those of an older day. */
  | { readonly kind: "ahead"; readonly seq: bigint; readonly hash: string; readonly rows: bigint }
  /** It is the file of another log. */
  | { readonly kind: "foreign"; readonly origin: string };

/** A file that is read from its beginning. */
export type FileBytes = {
  readonly size: number;
  /** Fewer bytes than asked for only where the file ends. */
  read(offset: number, length: number): Promise<Buffer>;
};

const ORIGIN = /^- origin: `([^`\n]*)`$/m;
/** What is looked at to see whether the file goes on soundly; no block is longer. */
const LOOK_AHEAD = 1024 * 1024;
const CHUNK = 256 * 1024;

/**
 * Compares a file with what it should be, block by block, up to the first difference: that one decides. `synced` is how
 * far the file is known to have been brought to the disk; the end of the last whole block within it is told too.
 */
export async function compare(
  log: LogIdentity,
  file: FileBytes,
  header: Block,
  blocks: AsyncIterable<Block>,
  synced: number,
): Promise<Comparison> {
  const take = reader(file);
  let end: GoodEnd = { bytes: 0, at: undefined };
  let onDisk: GoodEnd = end;
  let last = { seq: header.at.seq, hash: header.hash ?? "" };
  for await (const block of withHeader(header, blocks)) {
    const found = await take(end.bytes, block.bytes.length);
    if (found.equals(block.bytes)) {
      end = { bytes: end.bytes + block.bytes.length, at: block.at };
      if (end.bytes <= synced) onDisk = end;
      if (block.hash !== undefined) last = { seq: block.at.seq, hash: block.hash };
      continue;
    }
    if (found.length === 0) return { kind: "agrees", end, synced: onDisk };
    const offset = end.bytes + agreement(found, block.bytes);
    const ends = offset === file.size || (await isZeroFrom(file, offset));
    if (ends) return { kind: "torn", end, synced: onDisk };
    if (end.at === undefined) {
      const origin = await originOf(file);
      if (origin !== undefined && origin !== log.origin) return { kind: "foreign", origin };
    }
    const forked = continuation(await file.read(end.bytes, LOOK_AHEAD), log.origin, last);
    return { kind: "edited", where: nameOf(block, header), offset, forked: forked !== undefined };
  }
  if (end.bytes === file.size) return { kind: "agrees", end, synced: onDisk };
  if (await isZeroFrom(file, end.bytes)) return { kind: "torn", end, synced: onDisk };
  const next = continuation(await file.read(end.bytes, LOOK_AHEAD), log.origin, last);
  return next
    ? { kind: "ahead", ...next, rows: last.seq }
    : { kind: "edited", where: "what follows the last block", offset: end.bytes, forked: false };
}

async function* withHeader(header: Block, blocks: AsyncIterable<Block>): AsyncGenerator<Block> {
  yield header;
  yield* blocks;
}

/** Reads in larger pieces than it is asked for, because most blocks are small. */
function reader(file: FileBytes): (offset: number, length: number) => Promise<Buffer> {
  let start = 0;
  let held: Buffer = Buffer.alloc(0);
  return async (offset, length) => {
    if (offset + length > start + held.length) {
      start = offset;
      held = await file.read(offset, Math.max(length, CHUNK));
    }
    return held.subarray(offset - start, offset - start + length);
  };
}

function agreement(one: Buffer, other: Buffer): number {
  const shorter = Math.min(one.length, other.length);
  for (let index = 0; index < shorter; index += 1) if (one[index] !== other[index]) return index;
  return shorter;
}

async function isZeroFrom(file: FileBytes, offset: number): Promise<boolean> {
  for (let at = offset; at < file.size; at += CHUNK) {
    const bytes = await file.read(at, CHUNK);
    if (bytes.some((byte) => byte !== 0)) return false;
  }
  return offset < file.size;
}

async function originOf(file: FileBytes): Promise<string | undefined> {
  const beginning = await file.read(0, CHUNK);
  return ORIGIN.exec(beginning.toString("utf8"))?.[1];
}

function nameOf({ at }: Block, header: Block): string {
  if (at === header.at) return "the header";
  return at.kind === "checkpoint" ? `the checkpoint of ${at.seq} entries` : `#${at.seq}`;
}
