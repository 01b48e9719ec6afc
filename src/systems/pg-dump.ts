import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { findPrograms } from "../servers/find-program.ts";
import { serverEnvironment } from "../servers/machine.ts";
import { SystemError, codeOf, safeCause } from "./system-error.ts";

export type PgDumpProgram = {
  readonly path: string;
  readonly version: { readonly major: number; readonly minor: number };
};

export type PgDump = {
  /** The newest of this machine, or the one at `path`; undefined when there is none. */
  find(path: string | undefined, signal: AbortSignal): Promise<PgDumpProgram | undefined>;
};

// A backstop for a caller whose signal comes late; the signal is the deadline.
const VERSION_TIMEOUT_MS = 10_000;

export function createPgDump(): PgDump {
  return {
    async find(path, signal) {
      if (path !== undefined) return versionOf(path, signal);
      const files = await findPrograms("pg_dump");
      const asked = await Promise.allSettled(files.map(async (file) => versionOf(file, signal)));
      const found = asked.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
      // What stands first on PATH is often not the newest: a distribution's own wrapper, or an older copy.
      const [newest] = found.filter((each) => each !== undefined).toSorted(newestFirst);
      const failure = asked.find((each) => each.status === "rejected");
      if (newest === undefined && failure !== undefined) throw failure.reason;
      return newest;
    },
  };
}

async function versionOf(path: string, signal: AbortSignal): Promise<PgDumpProgram | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], {
      env: serverEnvironment,
      timeout: VERSION_TIMEOUT_MS,
      signal,
    });
    const [, major, minor] = /\(PostgreSQL\) (\d+)(?:\.(\d+))?/.exec(stdout) ?? [];
    if (major === undefined) throw new Error("its answer names no version of PostgreSQL");
    return { path, version: { major: Number(major), minor: Number(minor ?? 0) } };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    const cause = safeCause(error);
    const message = `cannot ask ${path} for its version: ${cause.message}`;
    throw new SystemError("pg_dump", "rejected", message, { cause, code: codeOf(error) });
  }
}

function newestFirst({ version: one }: PgDumpProgram, { version: other }: PgDumpProgram): number {
  return other.major - one.major || other.minor - one.minor;
}
