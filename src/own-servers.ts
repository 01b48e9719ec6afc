import { join } from "node:path";

import { Secret } from "./core/secret.ts";
import { pause } from "./core/waiting.ts";
import {
  type RunningPostgres,
  findRunningPostgres,
  hasLivePostgres,
} from "./servers/postgres-running.ts";
import { startPostgres } from "./servers/postgres.ts";
import { startRedis } from "./servers/redis.ts";

const DATABASE = "flightdeck";
const JOIN_TRIES = 20;
const JOIN_EVERY_MS = 250;

type OwnServerParts = {
  readonly dataFolder: string;
  readonly signal: AbortSignal;
  /** Ends what is started here. */
  readonly opening: AsyncDisposableStack;
};

/** PostgreSQL for a process that was given none; with "attach", that of the running instance if there is one. */
export async function ownDatabase(
  { dataFolder, signal, opening }: OwnServerParts,
  servers: "start" | "attach",
): Promise<Secret> {
  const directory = join(dataFolder, "postgres");
  const running = servers === "attach" ? await findRunningPostgres(directory) : undefined;
  if (running) return await joined(running);
  try {
    const server = opening.use(await startPostgres({ directory, durable: true, signal }));
    await server.ensureDatabase(DATABASE);
    return new Secret(server.url(DATABASE));
  } catch (error) {
    // A bot that began at the same moment was quicker, and its server answers in a moment.
    const quicker = servers === "attach" ? await untilRunning(directory, signal) : undefined;
    if (!quicker) throw error;
    return await joined(quicker);
  }
}

async function joined(running: RunningPostgres): Promise<Secret> {
  await running.ensureDatabase(DATABASE);
  return new Secret(running.url(DATABASE));
}

async function untilRunning(
  directory: string,
  signal: AbortSignal,
): Promise<RunningPostgres | undefined> {
  for (let tries = 0; tries < JOIN_TRIES && !signal.aborted; tries += 1) {
    if (!(await hasLivePostgres(directory))) return undefined;
    const running = await findRunningPostgres(directory);
    if (running) return running;
    await pause(JOIN_EVERY_MS, signal);
  }
  return undefined;
}

/** Redis for a process that was given none. */
export async function ownRedis({ dataFolder, signal, opening }: OwnServerParts): Promise<Secret> {
  const directory = join(dataFolder, "redis");
  const server = opening.use(await startRedis({ directory, durable: true, signal }));
  return new Secret(server.url());
}
