import { randomUUID } from "node:crypto";
import { open, readFile, readdir, rename, rm } from "node:fs/promises";
import { platform } from "node:os";
import { dirname, join } from "node:path";

import { untilAborted } from "../core/waiting.ts";
import { startGuarded } from "./guarded-child.ts";
import { isRunning, ownPid, serverEnvironment } from "./machine.ts";
import type { PostgresPrograms } from "./postgres-programs.ts";
import { ServerError } from "./server-error.ts";
import { lastLines, openServerLog } from "./server-log.ts";
import { makeServerDirectory } from "./server-user.ts";
import type { ServerUser } from "./server-user.ts";

/** The superuser inside the cluster, whoever runs it outside. */
export const POSTGRES_OWNER = "postgres";

export type NewCluster = {
  readonly cluster: string;
  readonly programs: PostgresPrograms;
  readonly user: ServerUser;
  readonly durable: boolean;
  readonly signal: AbortSignal;
};

// An initdb whose parent was killed may still be writing there.
const REMOVE = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 } as const;

export const clusterOf = (directory: string): string => join(directory, "cluster");

/** The major version that made the cluster; undefined when there is none yet. */
export async function majorOfCluster(cluster: string): Promise<number | undefined> {
  const version = await readFile(join(cluster, "PG_VERSION"), "utf8").catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    },
  );
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
export async function createCluster(options: NewCluster): Promise<void> {
  const { cluster, user, durable } = options;
  await sweepUnfinished(cluster);
  const unfinished = `${cluster}.${ownPid}-${randomUUID().slice(0, 8)}.new`;
  await makeServerDirectory(unfinished, user);
  try {
    await runInitdb(unfinished, options);
  } catch (error) {
    await rm(unfinished, REMOVE);
    throw error;
  }
  await rename(unfinished, cluster).catch(async (error: NodeJS.ErrnoException) => {
    await rm(unfinished, REMOVE);
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
  if (durable) {
    await using parent = await open(dirname(cluster), "r");
    await parent.sync();
  }
}

async function runInitdb(directory: string, options: NewCluster): Promise<void> {
  const { cluster, programs, user, durable, signal } = options;
  const logFile = join(dirname(cluster), "initdb.log");
  await using log = await openServerLog(logFile);
  const { size } = await log.stat();
  const [command, args] = user.as(join(programs.directory, "initdb"), [
    `--pgdata=${directory}`,
    `--username=${POSTGRES_OWNER}`,
    // The socket lies in a private directory and lets in nobody else. By network only roles with a password come in,
    // and the superuser has none.
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    `--locale=${platform() === "linux" ? "C.UTF-8" : "C"}`,
    ...(durable ? ["--data-checksums"] : ["--no-sync"]),
  ]);
  await using initdb = await startGuarded(command, args, {
    cwd: "/",
    env: serverEnvironment,
    stdout: log.fd,
    stderr: log.fd,
  });
  const { code } = await untilAborted(initdb.exited, signal);
  if (code === 0) return;
  throw new ServerError(
    `initdb could not make a cluster in ${cluster}. Its last lines:\n${await lastLines(logFile, size)}`,
  );
}

async function sweepUnfinished(cluster: string): Promise<void> {
  const parent = dirname(cluster);
  for (const name of await readdir(parent)) {
    const owner = /^cluster\.(\d+)-\w+\.new$/.exec(name)?.[1];
    if (owner !== undefined && !isRunning(Number(owner))) {
      await rm(join(parent, name), REMOVE);
    }
  }
}
