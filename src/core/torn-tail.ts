import { entryHash, entrySchema, type Entry } from "./entry.ts";
import { checkpointBlock, entryBlock } from "./log-text.ts";

/** Where a log stood when the last write to its file was cut short. */
export type TailPlace = {
  /** Undefined in front of a header. */
  readonly origin: string | undefined;
  readonly size: number;
  readonly head: string;
};

const HEADER_OPENING = "# Evidence log of ";
const JSON_OPENING = `\n\`\`\`json\n`;
const CHECKPOINT_OPENING = "\n```checkpoint\n";

/**
 * Whether what stands behind the last whole block is what a cut write leaves: the beginning of the block that comes next,
 * or zeros. Anything else was put there.
 */
export function isTorn(tail: Buffer, place: TailPlace): boolean {
  const written = withoutZeros(tail);
  const { origin, size, head } = place;
  if (origin === undefined) return isBeginning(written, HEADER_OPENING);
  const text = written.toString("utf8");
  if (text.startsWith("### ") || "### ".startsWith(text)) {
    return isTornCheckpoint(written, text, origin, size);
  }
  if (!isBeginning(written, `## #${size + 1} · `)) return false;
  const json = text.indexOf(JSON_OPENING);
  if (json < 0) return text.split("\n").length <= 6;
  const [line = "", ...behind] = text.slice(json + JSON_OPENING.length).split("\n");
  // An unfinished line of JSON proves nothing, but it begins as every entry does.
  if (behind.length === 0) return isBeginning(Buffer.from(line), '{"actor":{');
  const entry = entryOf(line);
  if (!entry || entry.prev !== head || entry.log !== origin) return false;
  const rendering = entryBlock({ entry, canonical: line, hash: entryHash(line) });
  return Buffer.from(rendering).subarray(0, written.length).equals(written);
}

function isTornCheckpoint(written: Buffer, text: string, origin: string, size: number): boolean {
  const opening = `### Checkpoint of ${size} entries\n${CHECKPOINT_OPENING}${origin}\n${size}\n`;
  if (!isBeginning(written, opening)) return false;
  const [, note] = /\n```checkpoint\n([^]*?\n)```/.exec(text) ?? [];
  if (note === undefined) return !text.includes("<!--");
  return Buffer.from(checkpointBlock(note)).subarray(0, written.length).equals(written);
}

/** Whether the bytes are the beginning of the opening, or go on from it. */
function isBeginning(bytes: Buffer, opening: string): boolean {
  const expected = Buffer.from(opening);
  const length = Math.min(bytes.length, expected.length);
  return bytes.subarray(0, length).equals(expected.subarray(0, length));
}

function withoutZeros(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return bytes.subarray(0, end);
}

function entryOf(line: string): Entry | undefined {
  try {
    return entrySchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
