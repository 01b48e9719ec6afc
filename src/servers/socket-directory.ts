import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, rmdir, stat } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";

import { ServerError } from "./server-error.ts";
import { makeServerDirectory } from "./server-user.ts";
import type { ServerUser } from "./server-user.ts";

// A socket's path may have 107 bytes on Linux and 103 on macOS.
const LONGEST_PATH_BYTES = 103;
const SHORT_NAME = /^flightdeck-[0-9a-f]{16}$/;
const UNUSED_AFTER_MS = 60 * 60_000;

/**
 * Where the server's socket lies: beside its data, or, when that path is too long for a socket, in a short private
 * directory whose name follows from the long one, so that every process finds the same.
 */
export function socketDirectoryOf(directory: string, socketName: string): string {
  const beside = join(directory, "socket");
  if (fits(join(beside, socketName))) return beside;
  const name = `flightdeck-${createHash("sha256").update(directory).digest("hex").slice(0, 16)}`;
  const short = join(tmpdir(), name);
  return fits(join(short, socketName)) ? short : join("/tmp", name);
}

export async function makeSocketDirectory(
  socketDirectory: string,
  user: ServerUser,
): Promise<void> {
  await sweepUnused(dirname(socketDirectory));
  await mkdir(socketDirectory, { mode: 0o700 }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
    // The name can be foretold and the place may be public: what somebody else put there is not ours.
    const found = await lstat(socketDirectory);
    if (!found.isDirectory() || ![user.uid, userInfo().uid].includes(found.uid)) {
      throw new ServerError(
        `${socketDirectory} should be a directory of ${user.name} for the server's socket, and belongs to another user. Remove it.`,
        { cause: error },
      );
    }
  });
  await makeServerDirectory(socketDirectory, user);
}

/** Short directories outlive the data that they belonged to; an empty one that nobody touched lately is of no use. */
async function sweepUnused(place: string): Promise<void> {
  const names = await readdir(place).catch(() => []);
  for (const name of names.filter((candidate) => SHORT_NAME.test(candidate))) {
    const path = join(place, name);
    const touchedAt = await stat(path).then(
      (found) => found.mtimeMs,
      () => Number.POSITIVE_INFINITY,
    );
    // One with a socket in it is in use, and is not empty.
    if (touchedAt < Date.now() - UNUSED_AFTER_MS) await rmdir(path).catch(() => {});
  }
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= LONGEST_PATH_BYTES;
}
