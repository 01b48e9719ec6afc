import { readFile, realpath, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { isRunning, ownPid, worksIn } from "./machine.ts";
import { POSTGRES_OWNER, clusterOf, majorOfCluster } from "./postgres-cluster.ts";
import { ensureDatabase } from "./postgres-database.ts";
import { findPostgresPrograms } from "./postgres-programs.ts";
import { ServerError } from "./server-error.ts";

/** Lines of postmaster.pid, counted from 0. */
const PID_LINE = 0;
const STATE_LINE = 7;

/** What a running server says of itself in postmaster.pid. */
export type Postmaster = {
  readonly pid: number;
  readonly port: number;
  readonly socketDirectory: string;
  readonly state: string;
};

export type RunningPostgres = {
  readonly pid: number;
  readonly major: number;
  url(database?: string): string;
  /** Makes the database unless it is there: who has just started the server may not have come to it. */
  ensureDatabase(name: string): Promise<void>;
};

// A server whose parent has just been killed is still writing its last checkpoint.
const ORPHAN_PATIENCE_MS = 2_000;
const STOPPING_PATIENCE_MS = 60_000;
const ANSWER_TIMEOUT_MS = 2_000;

/** The server that another process of ours runs on this directory, for the command line to attach to. */
export async function findRunningPostgres(directory: string): Promise<RunningPostgres | undefined> {
  const resolved = await realpath(directory).catch(() => undefined);
  if (resolved === undefined) return undefined;
  const cluster = clusterOf(resolved);
  const postmaster = await livePostmaster(cluster);
  if (postmaster === undefined || !(await answers(postmaster))) return undefined;
  const major = (await majorOfCluster(cluster)) ?? 0;
  const { socketDirectory, port, pid } = postmaster;
  return {
    pid,
    major,
    url: (database) => socketUrl(socketDirectory, port, database),
    async ensureDatabase(name) {
      const programs = await findPostgresPrograms(major, cluster);
      const maintenance = socketUrl(socketDirectory, port);
      await ensureDatabase({ name, maintenance, programs: programs.directory });
    },
  };
}

/** Whether a server lives there, also one that does not answer yet. */
export async function hasLivePostgres(directory: string): Promise<boolean> {
  const resolved = await realpath(directory).catch(() => undefined);
  return resolved !== undefined && (await livePostmaster(clusterOf(resolved))) !== undefined;
}

/** A form that node-postgres, libpq's programs and `new URL` all understand; the last refuses a user without a host. */
export function socketUrl(
  socketDirectory: string,
  port: number,
  database: string = POSTGRES_OWNER,
): string {
  return `postgresql:///${encodeURIComponent(database)}?user=${POSTGRES_OWNER}&host=${encodeURIComponent(socketDirectory)}&port=${port}`;
}

export async function readPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
  const lines = text.split("\n");
  const pid = Number(lines[PID_LINE]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return {
    pid,
    port: Number(lines[3]),
    socketDirectory: lines[4] ?? "",
    state: (lines[STATE_LINE] ?? "").trim(),
  };
}

/** Waits a moment for a server that is on its way out, and refuses when one lives there. */
export async function claimCluster(cluster: string, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    const postmaster = await livePostmaster(cluster);
    if (postmaster === undefined) break;
    const patienceMs = postmaster.state === "stopping" ? STOPPING_PATIENCE_MS : ORPHAN_PATIENCE_MS;
    if (performance.now() - startedAt > patienceMs) {
      throw new ServerError(
        `${cluster} is in use by the PostgreSQL server with pid ${postmaster.pid}. ` +
          "Stop the Flightdeck that started it, or use another data directory.",
      );
    }
    await delay(100, undefined, { signal });
  }
  await disownPid(cluster);
}

async function livePostmaster(cluster: string): Promise<Postmaster | undefined> {
  const postmaster = await readPostmaster(cluster);
  if (postmaster === undefined || !(await worksIn(postmaster.pid, cluster))) return undefined;
  return postmaster;
}

/**
 * After a kill -9 the file stays, and Postgres removes it by itself unless its pid is alive again as somebody else,
 * which is usual in containers. Our own pid in its place means to Postgres "my parent, so stale". What it says of being
 * ready goes: where pids repeat, the next server may get the very same one, and would be taken for ready before it
 * listens. The file itself must stay: by the shared memory that it names Postgres finds backends that outlived their
 * server.
 */
async function disownPid(cluster: string): Promise<void> {
  const postmaster = await readPostmaster(cluster);
  if (postmaster === undefined) return;
  const file = join(cluster, "postmaster.pid");
  const lines = (await readFile(file, "utf8")).split("\n");
  if (isRunning(postmaster.pid)) lines[PID_LINE] = String(ownPid);
  if (postmaster.state !== "") lines[STATE_LINE] = "";
  await writeFile(file, lines.join("\n"));
}

/** An SSLRequest is the shortest question to which only a Postgres answers with one of two letters. */
async function answers(postmaster: Postmaster): Promise<boolean> {
  const path = join(postmaster.socketDirectory, `.s.PGSQL.${postmaster.port}`);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection(path);
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => resolve(false));
  socket.once("connect", () => socket.write(Buffer.from("0000000804d2162f", "hex")));
  socket.once("data", (data) => resolve(["N", "S"].includes(data.toString("latin1", 0, 1))));
  socket.once("error", () => resolve(false));
  socket.once("close", () => resolve(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
