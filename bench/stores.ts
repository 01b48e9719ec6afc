import { join } from "node:path";

import { startPostgres } from "../src/servers/postgres.ts";
import { startRedis } from "../src/servers/redis.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";

const DATABASE = "flightdeck";

/** The PostgreSQL and the Redis that a team would give to Flightdeck. */
export type Stores = AsyncDisposable & {
  readonly databaseUrl: string;
  readonly redisUrl: string;
};

/** Durable ones: without waiting for the disk every answer would look quicker than it can be. */
export async function startStores(signal: AbortSignal): Promise<Stores> {
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(await temporaryDirectory("bench-stores"));
  const postgres = opened.use(
    await startPostgres({ directory: join(directory.path, "postgres"), durable: true, signal }),
  );
  const redis = opened.use(
    await startRedis({ directory: join(directory.path, "redis"), durable: true, signal }),
  );
  await postgres.ensureDatabase(DATABASE);
  const kept = opened.move();
  return {
    databaseUrl: postgres.url(DATABASE),
    redisUrl: redis.url(),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
