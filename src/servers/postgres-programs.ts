import { execFile } from "node:child_process";
import { realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { findPrograms } from "./find-program.ts";
import { serverEnvironment } from "./machine.ts";
import { ServerError } from "./server-error.ts";

export type PostgresPrograms = { readonly major: number; readonly directory: string };

/** The programs of one version: of the wanted major when a cluster demands one, else the first found. */
export async function findPostgresPrograms(
  wantedMajor: number | undefined,
  cluster: string,
  among?: readonly string[],
): Promise<PostgresPrograms> {
  // initdb stands for all of them, and is often a link to where they are: Debian's own psql on PATH is of no version.
  const files = await findPrograms("initdb", among);
  const directories = new Set(
    (await Promise.all(files.map((file) => realpath(file)))).map((file) => dirname(file)),
  );
  const found: PostgresPrograms[] = [];
  for (const directory of directories) {
    const major = await majorOf(directory);
    if (major !== undefined) found.push({ major, directory });
  }
  const first = found[0];
  if (first === undefined) {
    throw new ServerError(
      "PostgreSQL is not installed: no initdb with its postgres in PATH, /usr/lib/postgresql or Homebrew. " +
        "Debian, Ubuntu: sudo apt-get install -y postgresql. macOS: brew install postgresql@17.",
    );
  }
  const fitting =
    wantedMajor === undefined ? first : found.find((programs) => programs.major === wantedMajor);
  if (fitting !== undefined) return fitting;
  throw new ServerError(
    `The data in ${cluster} was made by PostgreSQL ${wantedMajor}, and installed is PostgreSQL ${first.major} ` +
      `(${first.directory}). Install PostgreSQL ${wantedMajor} beside it; Flightdeck then finds it by itself. ` +
      `Debian, Ubuntu: sudo apt-get install -y postgresql-${wantedMajor}. macOS: brew install postgresql@${wantedMajor}.`,
  );
}

async function majorOf(directory: string): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)(join(directory, "postgres"), ["--version"], {
      env: serverEnvironment,
      timeout: 10_000,
    });
    const major = /PostgreSQL\) (\d+)/.exec(stdout)?.[1];
    return major === undefined ? undefined : Number(major);
  } catch {
    // A directory with initdb and without a server that starts is no installation.
    return undefined;
  }
}
