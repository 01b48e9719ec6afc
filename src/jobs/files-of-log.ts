import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import type { LogPart } from "../core/log-verification.ts";
import { PRESENT_FILE } from "./log-part.ts";

const CLOSED_FOLDER = "log";

/** The files of a log that lie in its folder, closed parts first; none when it is not on this machine. */
export async function filesOfLog(directory: string): Promise<readonly LogPart[]> {
  const closed = (await namesIn(join(directory, CLOSED_FOLDER)))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(CLOSED_FOLDER, name));
  const present = (await namesIn(directory)).filter((name) => name === PRESENT_FILE);
  return [...closed, ...present].map((name) => fileOfLog(join(directory, name)));
}

export function fileOfLog(path: string): LogPart {
  return { name: path, open: () => createReadStream(path) };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
}
