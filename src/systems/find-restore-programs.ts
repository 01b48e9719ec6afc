import { execFile } from "node:child_process";
import { realpath } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { promisify } from "node:util";

import { findPrograms } from "../servers/find-program.ts";
import { serverEnvironment } from "../servers/machine.ts";
import { SystemError } from "./system-error.ts";

const VERSION_TIMEOUT_MS = 10_000;

/**
 * Where pg_restore is: of that major, else of the nearest newer one, for an older one cannot read what a newer pg_dump
 * wrote. A server need not be installed: whoever restores may have the client alone.
 */
export async function findRestorePrograms(major: number, signal: AbortSignal): Promise<string> {
  const found: { readonly major: number; readonly directory: string }[] = [];
  for (const file of await findPrograms("pg_restore")) {
    const real = await realpath(file);
    // Debian's wrapper is a script that looks for a cluster of the machine, which is not meant.
    if (basename(real) !== "pg_restore") continue;
    const version = await majorOf(real, signal);
    if (version !== undefined) found.push({ major: version, directory: dirname(real) });
  }
  const [best] = found
    .filter((one) => one.major >= major)
    .toSorted((one, other) => one.major - other.major);
  if (best) return best.directory;
  const seen = [...new Set(found.map((one) => one.major))].join(", ");
  throw new SystemError(
    "pg_restore",
    "rejected",
    `the backup needs pg_restore ${major}, and installed is ${seen === "" ? "none" : seen}. ` +
      `Debian, Ubuntu: sudo apt-get install -y postgresql-client-${major}. macOS: brew install postgresql@${major}`,
  );
}

async function majorOf(file: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)(file, ["--version"], {
      env: serverEnvironment,
      timeout: VERSION_TIMEOUT_MS,
      signal,
    });
    const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
    return major === undefined ? undefined : Number(major);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
