import { join } from "node:path";

import { genesisHash } from "../../core/entry.ts";
import { checkpointBlock, entryBlock, logHeader } from "../../core/log-text.ts";
import type { Rotation } from "../../storage/evidence-rotation.ts";
import { LOG_START, type LogItem, type LogPosition } from "../../storage/log-items.ts";

/** Which log it is, as its files say it. */
export type LogIdentity = { readonly target: string; readonly origin: string };

/** A stretch of the log that has a file of its own: a closed one, or the last one, which still grows. */
export type LogPart = {
  readonly after: Rotation | undefined;
  /** The last entry of a closed part. */
  readonly until: bigint | undefined;
};

/** A piece of a file that is written as a whole, and what of the log is rendered with it. */
export type Block = {
  readonly bytes: Buffer;
  readonly at: LogPosition;
  /** What the entry behind it points back to, if it is not what stood there before. */
  readonly hash?: string;
};

/** The file that grows. */
export const PRESENT_FILE = "log.md";

const NUMBER_WIDTH = 8;

/** Every file that a log has come to; the last one grows. */
export function partsOf(rotations: readonly Rotation[]): readonly LogPart[] {
  return [...rotations, undefined].map((end, index) => ({
    after: rotations[index - 1],
    until: end?.seq,
  }));
}

/** Where a closed part is kept, inside of the log's directory; a listing by name is in the order of the log. */
export function closedFile({ after, until }: LogPart): string {
  const first = (after?.seq ?? 0n) + 1n;
  const number = (seq: bigint): string => String(seq).padStart(NUMBER_WIDTH, "0");
  return join("log", `${number(first)}-${number(until ?? first)}.md`);
}

/** The position in front of a part's first entry. */
export function startOf({ after }: LogPart): LogPosition {
  return after ? { kind: "rotation", seq: after.seq } : LOG_START;
}

export function headerOf(log: LogIdentity, part: LogPart): Block {
  const { after } = part;
  const place = after && { seq: String(after.seq), hash: after.hash };
  const bytes = Buffer.from(logHeader({ ...log, after: place }));
  return { bytes, at: startOf(part), hash: after?.hash ?? genesisHash(log.origin) };
}

/** The blocks of a file behind its header, up to the mark that closes it; the mark itself is a block without a byte. */
export async function* blocksOf(items: AsyncIterable<LogItem>): AsyncGenerator<Block, void> {
  for await (const item of items) {
    const at = { kind: item.kind, seq: item.seq };
    switch (item.kind) {
      case "entry":
        yield { bytes: Buffer.from(entryBlock(item.recorded)), at, hash: item.recorded.hash };
        break;
      case "checkpoint":
        yield { bytes: Buffer.from(checkpointBlock(item.note)), at };
        break;
      case "rotation":
        yield { bytes: Buffer.alloc(0), at };
        return;
    }
  }
}
