import { canonicalForm, entryHash, entrySchema } from "../../core/entry.ts";
import { checkpointBlock, entryBlock } from "../../core/log-text.ts";

/** An entry of the log: its number and its hash. */
type Place = { readonly seq: bigint; readonly hash: string };

const LINE = /^```json\n(.*)\n```$/m;
const NOTE = /^```checkpoint\n([^]*?\n)```$/m;

/**
 * How some bytes go on from an entry, if they do it soundly: by an entry that points back to it, or by a checkpoint of
 * just that size, each rendered as we would render it. Undefined otherwise, whatever the bytes are.
 */
export function continuation(bytes: Buffer, origin: string, last: Place): Place | undefined {
  const checkpoint = checkpointAtStart(bytes, last);
  if (checkpoint === undefined) return entryAtStart(bytes, origin, last);
  return entryAtStart(bytes.subarray(checkpoint.length), origin, last) ?? last;
}

function checkpointAtStart(bytes: Buffer, { seq }: Place): Buffer | undefined {
  const note = NOTE.exec(bytes.toString("utf8"))?.[1] ?? "";
  const block = Buffer.from(checkpointBlock(note));
  const isOfThisSize = note.split("\n")[1] === String(seq);
  return isOfThisSize && bytes.subarray(0, block.length).equals(block) ? block : undefined;
}

function entryAtStart(bytes: Buffer, origin: string, { hash: previous }: Place): Place | undefined {
  const canonical = LINE.exec(bytes.toString("utf8"))?.[1] ?? "";
  const parsed = entrySchema.safeParse(jsonOf(canonical));
  if (!parsed.success) return undefined;
  const entry = parsed.data;
  if (entry.log !== origin || entry.prev !== previous || canonicalForm(entry) !== canonical) {
    return undefined;
  }
  const hash = entryHash(canonical);
  const block = Buffer.from(entryBlock({ entry, canonical, hash }));
  if (!bytes.subarray(0, block.length).equals(block)) return undefined;
  return { seq: BigInt(entry.seq), hash };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
