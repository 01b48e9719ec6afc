import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Holds more than the entries that may stand between two checkpoints. */
const TAIL_BYTES = 4 * 1024 * 1024;

/**
 * An entry is one line of JSON, so nothing inside of one can look like this. No line of a note opens or ends a block,
 * which keeps the search from beginning over at every opening that somebody put there.
 */
const NOTE = /\n```checkpoint\n((?:(?!```)[^\n]*\n)+)```\n/g;

/**
 * The last checkpoint that stands in the files of a log, believed or not; undefined when none is to be found near their
 * end. The present file may have begun just now, so the last closed part is looked at too.
 */
export async function lastNoteInFiles(directory: string): Promise<string | undefined> {
  const present = await lastNoteIn(join(directory, "log.md"));
  if (present !== undefined) return present;
  const parts = await readdir(join(directory, "log")).catch(nothing);
  const newest = (parts ?? [])
    .filter((name) => /^\d+-\d+\.md$/.test(name))
    .toSorted((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10))
    .at(-1);
  return newest === undefined ? undefined : lastNoteIn(join(directory, "log", newest));
}

async function lastNoteIn(path: string): Promise<string | undefined> {
  // Whoever put a pipe in the file's place would have us wait for its other end.
  const opened = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(nothing);
  if (!opened) return undefined;
  await using file = opened;
  const { size } = await file.stat();
  const length = Math.min(size, TAIL_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
  const tail = buffer.toString("utf8", 0, bytesRead);
  return [...tail.matchAll(NOTE)].at(-1)?.[1];
}

function nothing(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}
