import { readFile, realpath } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { worksIn } from "./machine.ts";
import { ServerError } from "./server-error.ts";
import { socketDirectoryOf } from "./socket-directory.ts";

export type RunningRedis = { readonly pid: number; url(database?: number): string };

export type RedisFiles = {
  readonly configuration: string;
  readonly pid: string;
  readonly log: string;
  readonly socketDirectory: string;
  readonly socket: string;
};

const SOCKET_NAME = "redis.sock";
// A server whose parent has just been killed is still writing what it holds.
const ORPHAN_PATIENCE_MS = 3_000;
const ANSWER_TIMEOUT_MS = 2_000;

export function redisFiles(directory: string): RedisFiles {
  const socketDirectory = socketDirectoryOf(directory, SOCKET_NAME);
  return {
    configuration: join(directory, "redis.conf"),
    pid: join(directory, "redis.pid"),
    log: join(directory, "redis.log"),
    socketDirectory,
    socket: join(socketDirectory, SOCKET_NAME),
  };
}

/** ioredis knows no URL for a socket; it takes the bare path, and options behind a question mark. */
export function redisSocketUrl(socket: string, database = 0): string {
  return `${socket}?db=${database}`;
}

/** The server that another process of ours runs on this directory, for the command line to attach to. */
export async function findRunningRedis(directory: string): Promise<RunningRedis | undefined> {
  const resolved = await realpath(directory).catch(() => undefined);
  if (resolved === undefined) return undefined;
  const pid = await livePid(resolved);
  const { socket } = redisFiles(resolved);
  if (pid === undefined || !(await redisIsReady(socket))) return undefined;
  return { pid, url: (database) => redisSocketUrl(socket, database) };
}

/**
 * Redis takes no lock on its data, and two servers would ruin one append-only file. Waits a moment for a server that
 * is on its way out, and refuses when one lives there.
 */
export async function claimRedisDirectory(directory: string, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    const pid = await livePid(directory);
    if (pid === undefined) return;
    if (performance.now() - startedAt > ORPHAN_PATIENCE_MS) {
      throw new ServerError(
        `${directory} is in use by the Redis server with pid ${pid}. ` +
          "Stop the Flightdeck that started it, or use another data directory.",
      );
    }
    await delay(100, undefined, { signal });
  }
}

/** Ready is a server that answers and is done with loading its file; one that asks for a password answers too. */
export async function redisIsReady(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection(socketPath);
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => resolve(false));
  socket.once("connect", () => socket.write("PING\r\n"));
  socket.once("data", (data) => resolve(/^(\+PONG|-NOAUTH|-NOPERM)/.test(data.toString("latin1"))));
  socket.once("error", () => resolve(false));
  socket.once("close", () => resolve(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

async function livePid(directory: string): Promise<number | undefined> {
  const text = await readFile(redisFiles(directory).pid, "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  if (Number.isNaN(pid) || pid <= 0) return undefined;
  return (await worksIn(pid, directory)) ? pid : undefined;
}
