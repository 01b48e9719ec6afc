/** A piece of a log's file as it lies there: up to the end of a block, or what is left behind the last one. */
export type RawBlock = {
  readonly bytes: Buffer;
  /** Where it begins in its file. */
  readonly offset: number;
  /** Whether it has an end; what has none is the tail of the file. */
  readonly whole: boolean;
};

/** Far beyond any block: texts of an entry are bounded. What has no end by then is no part of a log. */
const LONGEST_BLOCK_BYTES = 8 * 1024 * 1024;
const END_MARKER = Buffer.from("\n<!-- end ");
const LINE_BREAK = 0x0a;

/**
 * Cuts a file into blocks as it is read, several at a time. Nothing is judged here: a block ends behind the line of its
 * end marker and the empty line after it.
 */
export async function* rawBlocks(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly RawBlock[], void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const blocks: RawBlock[] = [];
    let start = 0;
    for (let end = endOfBlock(rest, start); end !== undefined; end = endOfBlock(rest, start)) {
      blocks.push({ bytes: rest.subarray(start, end), offset: offset + start, whole: true });
      start = end;
    }
    rest = rest.subarray(start);
    offset += start;
    yield blocks;
    if (rest.length > LONGEST_BLOCK_BYTES) break;
  }
  if (rest.length > 0) yield [{ bytes: rest, offset, whole: false }];
}

/** Behind the block that begins at `start`; undefined while its end, or the byte that would follow it, is not there. */
function endOfBlock(bytes: Buffer, start: number): number | undefined {
  const marker = bytes.indexOf(END_MARKER, start);
  const line = marker < 0 ? -1 : bytes.indexOf(LINE_BREAK, marker + END_MARKER.length);
  if (line < 0 || line + 1 >= bytes.length) return undefined;
  return bytes[line + 1] === LINE_BREAK ? line + 2 : line + 1;
}
