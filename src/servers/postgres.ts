import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { startGuarded } from "./guarded-child.ts";
import type { Exit, GuardedChild } from "./guarded-child.ts";
import { serverEnvironment } from "./machine.ts";
import { clusterOf, createCluster, majorOfCluster } from "./postgres-cluster.ts";
import { ensureDatabase } from "./postgres-database.ts";
import { findPostgresPrograms } from "./postgres-programs.ts";
import type { PostgresPrograms } from "./postgres-programs.ts";
import { claimCluster, readPostmaster, socketUrl } from "./postgres-running.ts";
import { ServerError } from "./server-error.ts";
import { lastLines, openServerLog } from "./server-log.ts";
import { makeServerDirectory, serverUser } from "./server-user.ts";
import type { ServerUser } from "./server-user.ts";
import { makeSocketDirectory, socketDirectoryOf } from "./socket-directory.ts";
import { startWithin } from "./start-deadline.ts";

export type PostgresOptions = {
  /** Holds the cluster, the socket and the log; made when it is missing. */
  readonly directory: string;
  /** Data that must survive, or a throw-away server that is fast. */
  readonly durable: boolean;
  /** Listens on 127.0.0.1 too, where only roles with a password come in. */
  readonly port?: number;
  /** Further settings of the server, as `-c name=value`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Where the programs are; PATH and the usual places unless given. */
  readonly programDirectories?: readonly string[];
};

type PostgresLogin = {
  readonly user: string;
  readonly password: string;
  readonly database: string;
};

export type PostgresServer = AsyncDisposable & {
  readonly major: number;
  readonly pid: number;
  /** The programs of the server's own version: pg_dump, psql… */
  readonly programs: string;
  readonly port: number | undefined;
  readonly exited: Promise<Exit>;
  /** As superuser, over the private socket. */
  url(database?: string): string;
  /** Over 127.0.0.1, for a role that has a password. */
  urlFor(login: PostgresLogin): string;
  /** Makes the database unless it is there. */
  ensureDatabase(name: string): Promise<void>;
  stop(): Promise<void>;
};

// Crash recovery after a kill replays the log since the last checkpoint, which takes its time on a slow disk.
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
const BACKENDS_PATIENCE_MS = 10_000;
const SOCKET_PORT = 5432;

export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const what = `PostgreSQL in ${options.directory}`;
  return await startWithin(what, START_TIMEOUT_MS, options.signal, (signal) =>
    start(options, signal),
  );
}

async function start(options: PostgresOptions, signal: AbortSignal): Promise<PostgresServer> {
  const user = await serverUser("postgres");
  await makeServerDirectory(options.directory, user);
  const directory = await realpath(options.directory);
  const cluster = clusterOf(directory);
  const existingMajor = await majorOfCluster(cluster);
  const programs = await findPostgresPrograms(existingMajor, cluster, options.programDirectories);
  if (existingMajor === undefined) {
    await createCluster({ cluster, programs, user, durable: options.durable, signal });
  }
  await claimCluster(cluster, signal);
  const port = options.port ?? SOCKET_PORT;
  const socketDirectory = socketDirectoryOf(directory, `.s.PGSQL.${port}`);
  await makeSocketDirectory(socketDirectory, user);

  const launch: Launch = {
    options,
    cluster,
    programs,
    user,
    port,
    socketDirectory,
    logFile: join(directory, "postgres.log"),
    signal,
  };
  const child = await startUntilReady(launch);
  const stop = async (): Promise<void> => {
    // SIGINT ends the sessions and writes a checkpoint; SIGQUIT just ends, which is enough for throw-away data.
    await child.stop(options.durable ? "SIGINT" : "SIGQUIT");
  };
  return {
    major: programs.major,
    pid: child.pid,
    programs: programs.directory,
    port: options.port,
    exited: child.exited,
    url: (database) => socketUrl(socketDirectory, port, database),
    urlFor(login) {
      if (options.port === undefined) {
        throw new ServerError(`The server in ${directory} listens on its socket only.`);
      }
      return `postgresql://${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@127.0.0.1:${port}/${encodeURIComponent(login.database)}`;
    },
    ensureDatabase: async (name) =>
      ensureDatabase({
        name,
        maintenance: socketUrl(socketDirectory, port),
        programs: programs.directory,
        signal: options.signal,
      }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

type Launch = {
  readonly options: PostgresOptions;
  readonly cluster: string;
  readonly programs: PostgresPrograms;
  readonly user: ServerUser;
  readonly port: number;
  readonly socketDirectory: string;
  readonly logFile: string;
  readonly signal: AbortSignal;
};

/** A server that was killed leaves backends that end a moment later; until then Postgres refuses to start anew. */
async function startUntilReady(launch: Launch): Promise<GuardedChild> {
  const startedAt = performance.now();
  for (;;) {
    const attempt = await startOnce(launch);
    if ("child" in attempt) return attempt.child;
    const waitsForBackends =
      attempt.said.includes("pre-existing shared memory block") &&
      performance.now() - startedAt < BACKENDS_PATIENCE_MS;
    if (!waitsForBackends) {
      throw new ServerError(
        `PostgreSQL ${launch.programs.major} did not start on ${launch.cluster}. Its last lines:\n${attempt.said}`,
      );
    }
    await delay(200, undefined, { signal: launch.signal });
  }
}

async function startOnce(
  launch: Launch,
): Promise<{ readonly child: GuardedChild } | { readonly said: string }> {
  const { options, cluster, programs, user, logFile, signal } = launch;
  await using log = await openServerLog(logFile);
  const { size } = await log.stat();
  const [command, args] = user.as(join(programs.directory, "postgres"), [
    "-D",
    cluster,
    "-k",
    launch.socketDirectory,
    "-p",
    String(launch.port),
    ...Object.entries({ ...settingsFor(options), ...options.settings }).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]),
  ]);
  const child = await startGuarded(command, args, {
    cwd: "/",
    env: serverEnvironment,
    stdout: log.fd,
    stderr: log.fd,
    signalWhenOrphaned: options.durable ? "SIGINT" : "SIGQUIT",
    graceMs: STOP_TIMEOUT_MS,
  });
  const settled = new AbortController();
  try {
    const outcome = await Promise.race([
      child.exited.then(() => "exited" as const),
      untilReady(cluster, child.pid, AbortSignal.any([signal, settled.signal])),
    ]);
    if (outcome === "ready") return { child };
    return { said: await lastLines(logFile, size) };
  } catch (error) {
    await child.stop("SIGQUIT");
    throw error;
  } finally {
    settled.abort();
  }
}

/** postmaster.pid turns to "ready" when recovery is done, which is also what pg_ctl waits for. */
async function untilReady(cluster: string, pid: number, signal: AbortSignal): Promise<"ready"> {
  for (;;) {
    const postmaster = await readPostmaster(cluster);
    if (postmaster?.pid === pid && postmaster.state === "ready") return "ready";
    await delay(10, undefined, { signal });
  }
}

function settingsFor(options: PostgresOptions): Readonly<Record<string, string>> {
  const durability = options.durable ? "on" : "off";
  return {
    listen_addresses: options.port === undefined ? "" : "127.0.0.1",
    unix_socket_permissions: "0700",
    fsync: durability,
    synchronous_commit: durability,
    full_page_writes: durability,
    shared_buffers: "32MB",
    max_wal_size: "256MB",
    timezone: "UTC",
    log_timezone: "UTC",
    // Failed statements and their details could carry a value that belongs in no log.
    log_min_error_statement: "panic",
    log_error_verbosity: "terse",
    log_checkpoints: "off",
  };
}
