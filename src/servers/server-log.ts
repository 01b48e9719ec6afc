import { open, rename, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

const LARGEST_BYTES = 5_000_000;
const TAIL_BYTES = 8_000;

/** The file that a server writes to from its first line on. One older file is kept, so the two stay bounded. */
export async function openServerLog(file: string): Promise<FileHandle> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LARGEST_BYTES) await rename(file, `${file}.1`);
  return await open(file, "a", 0o600);
}

/** What the server said last, for the message of a failed start. */
export async function lastLines(file: string, fromByte = 0, lines = 12): Promise<string> {
  const handle = await open(file, "r").catch(() => undefined);
  if (handle === undefined) return "";
  await using opened = handle;
  const { size } = await opened.stat();
  const from = Math.max(fromByte, size - TAIL_BYTES);
  const buffer = Buffer.alloc(Math.max(0, size - from));
  await opened.read(buffer, 0, buffer.length, from);
  return buffer.toString("utf8").trimEnd().split("\n").slice(-lines).join("\n");
}
