import { isUtf8 } from "node:buffer";

import { blockText, type LogBlock } from "./log-block.ts";
import { tampered, type Finding, type FoundAt } from "./log-finding.ts";
import type { RawBlock } from "./log-reader.ts";

const BYTE_ORDER_MARK = Buffer.from("\ufeff");
const LONGEST_SHOWN = 160;

/** Says how a block that differs from its own rendering was changed. */
export function editOf(raw: RawBlock, read: LogBlock | undefined, at: FoundAt): Finding {
  const { bytes, offset } = raw;
  const here = { ...at, offset };
  if (bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) {
    const message = "A byte order mark stands in front: an editor converted the file.";
    return tampered("converted", here, message);
  }
  const lineBreak = bytes.indexOf("\r\n");
  if (lineBreak >= 0) {
    const message = "Its line breaks were converted to CR LF, by an editor or by git.";
    return tampered("converted", { ...at, offset: offset + lineBreak }, message);
  }
  if (!isUtf8(bytes)) return tampered("edited", here, "It is not UTF-8.");
  if (!read) {
    const found = shown(bytes.toString("utf8").split("\n")[0] ?? "");
    const message = "It is no block of a log: its text was edited.";
    return tampered("edited", here, message, { found });
  }
  return differenceOf(bytes, Buffer.from(blockText(read)), at, offset);
}

/** The first line that is not as it is rendered from the block's own content. */
function differenceOf(bytes: Buffer, rendering: Buffer, at: FoundAt, offset: number): Finding {
  let first = 0;
  while (first < bytes.length && bytes[first] === rendering[first]) first += 1;
  const message = "It differs from the rendering of its own line of JSON: its text was edited.";
  return tampered("edited", { ...at, offset: offset + first }, message, {
    expected: lineAround(rendering, first),
    found: lineAround(bytes, first),
  });
}

function lineAround(bytes: Buffer, at: number): string {
  const start = at === 0 ? 0 : bytes.lastIndexOf("\n", at - 1) + 1;
  const end = bytes.indexOf("\n", at);
  const line = bytes.toString("utf8", start, end < 0 ? bytes.length : end);
  if (line.length <= LONGEST_SHOWN) return line;
  // A long line is shown where it differs.
  const from = Math.max(0, Math.min(at - start - 40, line.length - LONGEST_SHOWN));
  return `${from > 0 ? "…" : ""}${line.slice(from, from + LONGEST_SHOWN)}…`;
}

function shown(line: string): string {
  return line.length <= LONGEST_SHOWN ? line : `${line.slice(0, LONGEST_SHOWN)}…`;
}
