import { join } from "node:path";

import { startPostgres } from "../../src/servers/postgres.ts";
import { startRedis } from "../../src/servers/redis.ts";

/** Flightdeck's own PostgreSQL and Redis, which are ended in all manners and come back. */
export type Stores = AsyncDisposable & {
  /** Past every proxy, for whoever looks afterwards. */
  readonly databaseUrl: string;
  readonly databaseSocket: string;
  readonly databaseName: string;
  readonly redisUrl: string;
  readonly redisSocket: string;
  restartDatabase(signal: "SIGTERM" | "SIGKILL", downMs: number): Promise<void>;
  restartRedis(downMs: number): Promise<void>;
};

const DATABASE = "flightdeck";

export async function startStores(
  directory: string,
  pause: (ms: number) => Promise<void>,
): Promise<Stores> {
  await using opened = new AsyncDisposableStack();
  const launchPostgres = async () =>
    startPostgres({
      directory: join(directory, "postgres"),
      durable: false,
      // What was committed outlives the server; that it outlives the machine is nothing that is tried here.
      settings: { synchronous_commit: "on" },
    });
  const launchRedis = async () =>
    startRedis({ directory: join(directory, "redis"), durable: false });
  let postgres = await launchPostgres();
  opened.defer(async () => postgres.stop());
  let redis = await launchRedis();
  opened.defer(async () => redis.stop());
  await postgres.ensureDatabase(DATABASE);
  const url = postgres.url(DATABASE);
  const kept = opened.move();
  return {
    databaseUrl: url,
    databaseSocket: join(new URL(url).searchParams.get("host") ?? "", ".s.PGSQL.5432"),
    databaseName: DATABASE,
    redisUrl: redis.url(),
    redisSocket: redis.socket,
    async restartDatabase(signal, downMs) {
      if (signal === "SIGKILL") {
        process.kill(postgres.pid, signal);
        await postgres.exited;
      } else {
        await postgres.stop();
      }
      await pause(downMs);
      postgres = await launchPostgres();
    },
    async restartRedis(downMs) {
      await redis.stop();
      await pause(downMs);
      redis = await launchRedis();
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}
