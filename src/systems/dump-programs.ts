import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { findPrograms } from "../servers/find-program.ts";
import { createPgDump, type PgDumpProgram } from "./pg-dump.ts";
import { SystemError } from "./system-error.ts";

/** What a backup is made with, and its dump read with. */
export type DumpPrograms = {
  readonly pgDump: string;
  readonly pgRestore: string;
  /** As pg_dump tells it: `15.18`. */
  readonly version: string;
  readonly zstd: string;
  readonly age: string;
};

/**
 * The programs of the server's own major, else of the nearest newer one: an older pg_dump refuses the server, and what a
 * newer one writes the old pg_restore cannot read.
 */
export async function findDumpPrograms(
  serverVersionNumber: number,
  signal: AbortSignal,
): Promise<DumpPrograms> {
  const server = Math.floor(serverVersionNumber / 10_000);
  const found = await versionsOfPgDump(signal);
  const [best] = found
    .filter(({ version }) => version.major >= server)
    .toSorted(
      ({ version: one }, { version: other }) => one.major - other.major || other.minor - one.minor,
    );
  if (best === undefined) {
    const seen = found.map(({ version }) => `${version.major}.${version.minor}`).join(", ");
    throw new SystemError(
      "pg_dump",
      "rejected",
      `the server is PostgreSQL ${server}, and installed is ${seen === "" ? "no pg_dump" : `pg_dump ${seen}`}. ` +
        `Debian, Ubuntu: sudo apt-get install -y postgresql-client-${server}`,
    );
  }
  return {
    pgDump: best.path,
    pgRestore: join(dirname(best.path), "pg_restore"),
    version: `${best.version.major}.${best.version.minor}`,
    zstd: await demand("zstd"),
    age: await demand("age"),
  };
}

async function versionsOfPgDump(signal: AbortSignal): Promise<readonly PgDumpProgram[]> {
  const files = await Promise.all(
    (await findPrograms("pg_dump")).map(async (file) => ({ file, real: await realpath(file) })),
  );
  // Debian's wrapper is a script that looks for a cluster of the machine, which is not ours, and takes its time.
  const programs = files.filter(({ real }) => basename(real) === "pg_dump");
  const chosen = new Set(
    programs.length > 0 ? programs.map(({ real }) => real) : files.map(({ file }) => file),
  );
  const { find } = createPgDump();
  const asked = await Promise.allSettled([...chosen].map(async (file) => find(file, signal)));
  signal.throwIfAborted();
  return asked.flatMap((each) => (each.status === "fulfilled" && each.value ? [each.value] : []));
}

async function demand(name: "zstd" | "age"): Promise<string> {
  const [program] = await findPrograms(name);
  if (program !== undefined) return program;
  throw new SystemError(
    name,
    "rejected",
    `${name} is not installed. Debian, Ubuntu: sudo apt-get install -y ${name}. macOS: brew install ${name}`,
  );
}
