import { entryHash, entrySchema } from "./entry.ts";
import {
  checkpointBlock,
  entryBlock,
  logHeader,
  type LogPlace,
  type Recorded,
} from "./log-text.ts";

/** A block of a log's file, as far as it says what it is made of. */
export type LogBlock =
  | {
      readonly kind: "header";
      readonly target: string;
      readonly origin: string;
      readonly after: LogPlace | undefined;
    }
  | ({ readonly kind: "entry" } & Recorded)
  | { readonly kind: "checkpoint"; readonly note: string };

const END_OPENING = "\n<!-- end ";
const END = /^\n<!-- end (?:(header)|(checkpoint) (?:0|[1-9]\d*)|[1-9]\d* [0-9a-f]{64}) -->\n\n$/;
const HEADER =
  /^# Evidence log of (.*)\n[^]*\n- origin: `(.*)`\n- begins: (?:with #1|continues #([1-9]\d*), sha256 `([0-9a-f]{64})`)\n/;
const JSON_FENCE = "\n```json\n";
const CHECKPOINT_FENCE = "\n```checkpoint\n";
const FENCE = "\n```\n";

/** What a block is made of; undefined when it is none. Nothing else of its text is believed: compare `blockText`. */
export function readBlock(text: string): LogBlock | undefined {
  const end = END.exec(text.slice(Math.max(0, text.lastIndexOf(END_OPENING))));
  if (!end) return undefined;
  const [, header, checkpoint] = end;
  if (header !== undefined) return readHeader(text);
  return checkpoint === undefined ? readEntry(text) : readCheckpoint(text);
}

export function blockText(block: LogBlock): string {
  switch (block.kind) {
    case "header":
      return logHeader(block);
    case "entry":
      return entryBlock(block);
    case "checkpoint":
      return checkpointBlock(block.note);
  }
}

function readHeader(text: string): LogBlock | undefined {
  const [, target, origin, seq, hash] = HEADER.exec(text) ?? [];
  if (target === undefined || origin === undefined) return undefined;
  const after = seq === undefined || hash === undefined ? undefined : { seq, hash };
  return { kind: "header", target, origin, after };
}

function readEntry(text: string): LogBlock | undefined {
  const canonical = between(text, JSON_FENCE, FENCE);
  const value = canonical === undefined ? undefined : parsed(canonical);
  // In this order: a schema turns away what is nested without end before anything walks down into it.
  const entry = entrySchema.safeParse(value);
  if (canonical === undefined || !entry.success || !isCanonical(canonical, value)) return undefined;
  return { kind: "entry", entry: entry.data, canonical, hash: entryHash(canonical) };
}

/** An escape of half a character; behind a backslash that is itself escaped, the same letters are plain text. */
const HALF_CHARACTER = /(?<!\\)(?:\\\\)*\\ud[89a-f]/i;

/**
 * Whether a text is the canonical form of what it says. For strings and small whole numbers that is what JSON.stringify
 * makes of members in order, which is far quicker to compare than the canonical form is to make.
 */
function isCanonical(text: string, value: unknown): boolean {
  return JSON.stringify(value) === text && isSorted(value) && !HALF_CHARACTER.test(text);
}

function isSorted(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const names = Object.keys(value);
  const isInOrder = names.every((name, index) => index === 0 || names[index - 1]! < name);
  return isInOrder && Object.values(value).every(isSorted);
}

function readCheckpoint(text: string): LogBlock | undefined {
  const note = between(text, CHECKPOINT_FENCE, FENCE);
  return note === undefined ? undefined : { kind: "checkpoint", note: `${note}\n` };
}

function between(text: string, opening: string, closing: string): string | undefined {
  const start = text.indexOf(opening);
  const end = start < 0 ? -1 : text.indexOf(closing, start + opening.length);
  return end < 0 ? undefined : text.slice(start + opening.length, end);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
