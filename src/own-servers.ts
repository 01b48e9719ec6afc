import { join } from "node:path";

import { Secret } from "./core/secret.ts";
import { findRunningPostgres } from "./servers/postgres-running.ts";
import { startPostgres } from "./servers/postgres.ts";
import { startRedis } from "./servers/redis.ts";

const DATABASE = "flightdeck";

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
  if (running) return new Secret(running.url(DATABASE));
  const server = opening.use(await startPostgres({ directory, durable: true, signal }));
  await server.ensureDatabase(DATABASE);
  return new Secret(server.url(DATABASE));
}

/** Redis for a process that was given none. */
export async function ownRedis({ dataFolder, signal, opening }: OwnServerParts): Promise<Secret> {
  const directory = join(dataFolder, "redis");
  const server = opening.use(await startRedis({ directory, durable: true, signal }));
  return new Secret(server.url());
}
