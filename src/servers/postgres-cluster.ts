import { execFile } from "node:child_process";
import { open, readFile, readdir, rename, rm } from "node:fs/promises";
import { platform } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { isRunning, ownPid, serverEnvironment } from "./machine.ts";
import type { PostgresPrograms } from "./postgres-programs.ts";
import { ServerError } from "./server-error.ts";
import { makeServerDirectory } from "./server-user.ts";
import type { ServerUser } from "./server-user.ts";

/** The superuser inside the cluster, whoever runs it outside. */
export const POSTGRES_OWNER = "postgres";

const INITDB_TIMEOUT_MS = 120_000;

export const clusterOf = (directory: string): string => join(directory, "cluster");

/** The major version that made the cluster; undefined when there is none yet. */
export async function majorOfCluster(cluster: string): Promise<number | undefined> {
  const version = await readFile(join(cluster, "PG_VERSION"), "utf8").catch(() => undefined);
  if (version === undefined) return undefined;
  const major = Number.parseInt(version, 10);
  if (Number.isNaN(major)) {
    throw new ServerError(
      `${join(cluster, "PG_VERSION")} should hold a major version of PostgreSQL, and holds ${JSON.stringify(version)}.`,
    );
  }
  return major;
}

/**
 * Makes the cluster under another name and renames it when it is whole, so that a death in the middle leaves no half
 * cluster. When two processes do this at once the slower one throws its own away.
 */
export async function createCluster(options: {
  readonly cluster: string;
  readonly programs: PostgresPrograms;
  readonly user: ServerUser;
  readonly durable: boolean;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { cluster, programs, user, durable, signal } = options;
  await sweepUnfinished(cluster);
  const unfinished = `${cluster}.${ownPid}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await makeServerDirectory(unfinished, user);
  const [command, args] = user.as(join(programs.directory, "initdb"), [
    `--pgdata=${unfinished}`,
    `--username=${POSTGRES_OWNER}`,
    // The socket lies in a private directory and lets in nobody else. By network only roles with a password come in,
    // and the superuser has none.
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    `--locale=${platform() === "linux" ? "C.UTF-8" : "C"}`,
    ...(durable ? ["--data-checksums"] : ["--no-sync"]),
  ]);
  try {
    await promisify(execFile)(command, [...args], {
      env: serverEnvironment,
      cwd: "/",
      signal,
      timeout: INITDB_TIMEOUT_MS,
    });
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    signal.throwIfAborted();
    const said = (error as { stderr?: string }).stderr?.trim() ?? "";
    throw new ServerError(`initdb could not make a cluster in ${cluster}: ${said}`, {
      cause: error,
    });
  }
  await rename(unfinished, cluster).catch(async (error: NodeJS.ErrnoException) => {
    await rm(unfinished, { recursive: true, force: true });
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
  if (durable) {
    await using parent = await open(dirname(cluster), "r");
    await parent.sync();
  }
}

async function sweepUnfinished(cluster: string): Promise<void> {
  const parent = dirname(cluster);
  for (const name of await readdir(parent)) {
    const owner = /^cluster\.(\d+)\.new$/.exec(name)?.[1];
    if (owner !== undefined && !isRunning(Number(owner))) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
}
