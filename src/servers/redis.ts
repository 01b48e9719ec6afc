import { realpath, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import { findPrograms } from "./find-program.ts";
import { startGuarded } from "./guarded-child.ts";
import type { Exit, GuardedChild } from "./guarded-child.ts";
import { serverEnvironment } from "./machine.ts";
import { claimRedisDirectory, redisFiles, redisIsReady, redisSocketUrl } from "./redis-running.ts";
import type { RedisFiles } from "./redis-running.ts";
import { ServerError } from "./server-error.ts";
import { lastLines, openServerLog } from "./server-log.ts";
import { makeServerDirectory, ownFile, serverUser } from "./server-user.ts";
import type { ServerUser } from "./server-user.ts";
import { makeSocketDirectory } from "./socket-directory.ts";
import { startWithin } from "./start-deadline.ts";

export type RedisOptions = {
  /** Holds the data, the socket and the log; made when it is missing. */
  readonly directory: string;
  /** An append-only file synced every second, or nothing on disk at all. */
  readonly durable: boolean;
  /** Listens on 127.0.0.1 too. */
  readonly port?: number;
  /** Users as Redis writes them: `default on >password ~* &* +@all`. With a port, `default` should need a password. */
  readonly users?: readonly string[];
  /** Further settings of redis.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Where redis-server is; PATH and the usual places unless given. */
  readonly programDirectories?: readonly string[];
};

type RedisLogin = { readonly user: string; readonly password: string };

export type RedisServer = AsyncDisposable & {
  readonly pid: number;
  readonly port: number | undefined;
  readonly socket: string;
  readonly exited: Promise<Exit>;
  /** Over the private socket, in the form `/path/redis.sock?db=0` that ioredis understands. */
  url(database?: number): string;
  /** Over 127.0.0.1: `redis://user:password@127.0.0.1:port/0`. */
  urlFor(login?: RedisLogin, database?: number): string;
  stop(): Promise<void>;
};

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const what = `Redis in ${options.directory}`;
  return await startWithin(what, START_TIMEOUT_MS, options.signal, (signal) =>
    start(options, signal),
  );
}

async function start(options: RedisOptions, signal: AbortSignal): Promise<RedisServer> {
  const [program] = await findPrograms("redis-server", options.programDirectories);
  if (program === undefined) {
    throw new ServerError(
      "Redis is not installed: no redis-server in PATH or the usual places. " +
        "Debian, Ubuntu: sudo apt-get install -y redis-server. macOS: brew install redis.",
    );
  }
  const user = await serverUser("redis");
  await makeServerDirectory(options.directory, user);
  const directory = await realpath(options.directory);
  await claimRedisDirectory(directory, signal);
  const files = redisFiles(directory);
  await makeSocketDirectory(files.socketDirectory, user);
  await rm(files.configuration, { force: true });
  await writeFile(files.configuration, configuration(directory, files, options), { mode: 0o600 });
  await ownFile(files.configuration, user);

  const child = await startUntilReady({ program, user, files, signal });
  const stop = async (): Promise<void> => {
    await child.stop("SIGTERM");
  };
  return {
    pid: child.pid,
    port: options.port,
    socket: files.socket,
    exited: child.exited,
    url: (database) => redisSocketUrl(files.socket, database),
    urlFor(login, database = 0) {
      if (options.port === undefined) {
        throw new ServerError(`The server in ${directory} listens on its socket only.`);
      }
      const credentials =
        login === undefined
          ? ""
          : `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@`;
      return `redis://${credentials}127.0.0.1:${options.port}/${database}`;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

type Launch = {
  readonly program: string;
  readonly user: ServerUser;
  readonly files: RedisFiles;
  readonly signal: AbortSignal;
};

async function startUntilReady(launch: Launch): Promise<GuardedChild> {
  const { program, user, files, signal } = launch;
  await using log = await openServerLog(files.log);
  const { size } = await log.stat();
  const [command, args] = user.as(program, [files.configuration]);
  const child = await startGuarded(command, args, {
    cwd: "/",
    env: serverEnvironment,
    stdout: log.fd,
    stderr: log.fd,
    signalWhenOrphaned: "SIGTERM",
    graceMs: STOP_TIMEOUT_MS,
  });
  const settled = new AbortController();
  try {
    const outcome = await Promise.race([
      child.exited.then(() => "exited" as const),
      untilReady(files.socket, AbortSignal.any([signal, settled.signal])),
    ]);
    if (outcome === "ready") return child;
    throw new ServerError(
      `Redis did not start with ${files.configuration}. Its last lines:\n${await lastLines(files.log, size)}`,
    );
  } catch (error) {
    await child.stop("SIGKILL");
    throw error;
  } finally {
    settled.abort();
  }
}

async function untilReady(socket: string, signal: AbortSignal): Promise<"ready"> {
  for (;;) {
    if (await redisIsReady(socket)) return "ready";
    await delay(10, undefined, { signal });
  }
}

/** A file, because passwords would be seen among the arguments of a command. */
function configuration(directory: string, files: RedisFiles, options: RedisOptions): string {
  const settings: Readonly<Record<string, string>> = {
    dir: quoted(directory),
    pidfile: quoted(files.pid),
    unixsocket: quoted(files.socket),
    unixsocketperm: "700",
    bind: "127.0.0.1",
    port: String(options.port ?? 0),
    daemonize: "no",
    save: '""',
    appendonly: options.durable ? "yes" : "no",
    appendfsync: "everysec",
    // A queue that evicts loses jobs.
    "maxmemory-policy": "noeviction",
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  const users = (options.users ?? []).map((user) => `user ${user}`);
  return `${[...lines, ...users].join("\n")}\n`;
}

function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
