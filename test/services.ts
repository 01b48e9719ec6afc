import { join } from "node:path";

import type { TestProject } from "vitest/node";

import { startPostgres } from "../src/servers/postgres.ts";
import { startRedis } from "../src/servers/redis.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The database of the superuser; tests make their own by createTestDatabase. */
    postgresUrl: string;
    redisUrl: string;
  }
}

/** One throw-away PostgreSQL and one Redis for the whole run; each test takes a database or a prefix of its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(await temporaryDirectory("tests"));
  // Programs of ours that tests start find each other's compiled code there: most of a start is compiling.
  process.env["NODE_COMPILE_CACHE"] ??= join(directory.path, "compiled");
  const postgres = opened.use(
    await startPostgres({ directory: join(directory.path, "postgres"), durable: false }),
  );
  const redis = opened.use(
    await startRedis({ directory: join(directory.path, "redis"), durable: false }),
  );
  project.provide("postgresUrl", postgres.url());
  project.provide("redisUrl", redis.url());
  const kept = opened.move();
  return () => kept.disposeAsync();
}
