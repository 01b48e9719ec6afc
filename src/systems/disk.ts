import type { StatsFs } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { untilAborted } from "../core/waiting.ts";
import { SystemError, codeOf, safeCause } from "./system-error.ts";

export type Disk = {
  /** What a process without special rights may still write, which is less than what is free. */
  room(
    folder: string,
    signal: AbortSignal,
  ): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
};

export function createDisk(): Disk {
  return {
    async room(folder, signal) {
      try {
        // A disk over a network may never answer.
        const { bavail, blocks, bsize } = await untilAborted(statfsAbove(folder), signal);
        if (blocks > 0) return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
      } catch (error) {
        signal.throwIfAborted();
        const cause = safeCause(error);
        const message = `cannot ask the disk of ${folder}: ${cause.message}`;
        throw new SystemError("disk", "rejected", message, { cause, code: codeOf(error) });
      }
      throw new SystemError("disk", "malformed", `${folder} is on no disk that has a size`);
    },
  };
}

/** A folder that nobody has made yet will be on the disk of the one in which it is made. */
async function statfsAbove(folder: string): Promise<StatsFs> {
  const path = resolve(folder);
  return statfs(path).catch(async (error: unknown) => {
    const above = dirname(path);
    if (codeOf(error) === "ENOENT" && above !== path) return statfsAbove(above);
    throw error;
  });
}
