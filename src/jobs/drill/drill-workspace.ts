import { chmod, mkdir, mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";

import { pause } from "../../core/waiting.ts";
import { takeFileLock } from "../../servers/file-lock.ts";
import { endProcessesIn } from "../../servers/processes-in.ts";
import { socketDirectoryOf } from "../../servers/socket-directory.ts";

/** The one room of this machine in which a backup is taken apart. What is in it in clear goes with it. */
export type DrillWorkspace = AsyncDisposable & {
  readonly path: string;
  /** As it came from the store, still sealed. */
  readonly artifact: string;
  /** What pg_restore reads; the rows of production in clear. */
  readonly archive: string;
  /** The throw-away server's folder. */
  readonly server: string;
  /** Everything that must be gone afterwards. */
  readonly places: readonly string[];
};

const LOOK_AGAIN_MS = 500;
const LOCK = "lock";
// A server that was killed may still be writing there.
const REMOVE = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 } as const;

/** Waits until no other drill of this machine is under way, cleans up after one that was killed, and moves in. */
export async function openWorkspace(
  dataFolder: string,
  signal: AbortSignal,
): Promise<DrillWorkspace> {
  await using opening = new AsyncDisposableStack();
  const folder = await drillFolder(dataFolder);
  opening.use(await lockOf(folder, signal));
  await sweep(folder);
  const path = await mkdtemp(join(folder, "drill-"));
  opening.defer(async () => removePlaces(placesIn(path)));
  const vault = join(path, "vault");
  await mkdir(vault, { mode: 0o700 });
  // The server works as another user when we are root, and has to pass through.
  await chmod(path, 0o711);
  const opened = opening.move();
  return {
    path,
    artifact: join(vault, "artifact"),
    archive: join(vault, "archive"),
    server: serverIn(path),
    places: placesIn(path),
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

/** Removes what a killed drill has left, unless one is under way. */
export async function sweepDrills(dataFolder: string): Promise<void> {
  const folder = await realpath(join(dataFolder, "drill")).catch(() => undefined);
  if (folder === undefined) return;
  await using lock = await takeFileLock(join(folder, LOCK));
  if (lock) await sweep(folder);
}

async function drillFolder(dataFolder: string): Promise<string> {
  const folder = join(dataFolder, "drill");
  await mkdir(folder, { recursive: true, mode: 0o711 });
  // The server finds its socket by the path without links.
  return realpath(folder);
}

async function lockOf(folder: string, signal: AbortSignal): Promise<AsyncDisposable> {
  for (;;) {
    signal.throwIfAborted();
    const lock = await takeFileLock(join(folder, LOCK));
    if (lock) return lock;
    await pause(LOOK_AGAIN_MS, signal);
  }
}

async function sweep(folder: string): Promise<void> {
  const left = (await readdir(folder)).filter((name) => name !== LOCK);
  for (const name of left) await removePlaces(placesIn(join(folder, name)));
}

async function removePlaces(places: readonly string[]): Promise<void> {
  for (const place of places) {
    await endProcessesIn(place);
    await rm(place, REMOVE);
  }
}

const serverIn = (path: string): string => join(path, "server");

/** A long path makes the server's socket lie elsewhere. */
function placesIn(path: string): readonly string[] {
  const socket = socketDirectoryOf(serverIn(path), ".s.PGSQL.5432");
  return socket.startsWith(`${path}/`) ? [path] : [path, socket];
}
