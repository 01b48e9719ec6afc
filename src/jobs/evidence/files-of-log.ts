import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

import type { LogPart } from "../../core/log-verification.ts";
import { PRESENT_FILE } from "./log-part.ts";

const CLOSED_FOLDER = "log";

/** Something stands where a file of the log should, and is none: a pipe has no end, and a link leads anywhere. */
export class NoLogFileError extends Error {
  override readonly name = "NoLogFileError";
}

/** The files of a log that lie in its folder, closed parts first; none when it is not on this machine. */
export async function filesOfLog(directory: string): Promise<readonly LogPart[]> {
  const closed = (await namesIn(join(directory, CLOSED_FOLDER)))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(CLOSED_FOLDER, name));
  const present = (await namesIn(directory)).filter((name) => name === PRESENT_FILE);
  return [...closed, ...present].map((name) => {
    const path = join(directory, name);
    // What is read here may be quoted in the chat, so it has to be what lies in the folder and nothing else.
    return { name: path, open: () => bytesOf(path, constants.O_NOFOLLOW) };
  });
}

/** A file that somebody named, wherever it really lies. */
export function fileOfLog(path: string): LogPart {
  return { name: path, open: () => bytesOf(path, 0) };
}

async function* bytesOf(path: string, flags: number): AsyncGenerator<Uint8Array, void, undefined> {
  // Opening a pipe would wait for its other end, and take a thread of the process with it.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags).catch(
    (error: NodeJS.ErrnoException) => {
      throw error.code === "ELOOP" ? noFile(path, { cause: error }) : error;
    },
  );
  if (!(await file.stat()).isFile()) throw noFile(path);
  yield* file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>;
}

function noFile(path: string, options?: ErrorOptions): NoLogFileError {
  return new NoLogFileError(`${path} is no file of its own, so nothing is read from it.`, options);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
}
