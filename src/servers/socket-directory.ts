import { createHash } from "node:crypto";
import { lstat, mkdir } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

import { ServerError } from "./server-error.ts";
import { makeServerDirectory } from "./server-user.ts";
import type { ServerUser } from "./server-user.ts";

// A socket's path may have 107 bytes on Linux and 103 on macOS.
const LONGEST_PATH_BYTES = 103;

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

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= LONGEST_PATH_BYTES;
}
