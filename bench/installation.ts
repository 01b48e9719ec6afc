import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { parseDocument } from "yaml";

import { startWorld, type World } from "../sandbox/world.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { startNodeProcess, type NodeProcess } from "./node-process.ts";
import { startStores, type Stores } from "./stores.ts";

const sandboxFile = join(import.meta.dirname, "../ops/sandbox.yaml");

/** Flightdeck installed in a world of its own: its configuration and its stores. It runs when it is started. */
export type Installation = AsyncDisposable & {
  readonly world: World;
  readonly stores: Stores;
  /** Starts it as its users do. What is given here goes before what the world says. */
  start(environment?: Readonly<Record<string, string>>): Promise<NodeProcess>;
};

export type InstallationOptions = {
  readonly signal: AbortSignal;
  /** Beside the checks of ops/sandbox.yaml. */
  readonly checks?: Readonly<Record<string, object>>;
  /** Beside the operators of ops/sandbox.yaml. */
  readonly operators?: readonly object[];
  /** By which Telegram brings updates; without it they are fetched. */
  readonly webhook?: object;
};

export async function openInstallation(options: InstallationOptions): Promise<Installation> {
  const { signal } = options;
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(await temporaryDirectory("bench"));
  const stores = opened.use(await startStores(signal));
  const world = opened.use(await startWorld({ signal }));
  const configFile = join(directory.path, "flightdeck.yaml");
  await writeFile(configFile, await configText(options, directory.path));
  const kept = opened.move();
  return {
    world,
    stores,
    start: (environment = {}) =>
      startNodeProcess({
        command: ["src/main.ts", "start", configFile],
        environment: {
          ...world.environment,
          BENCH_DATABASE_URL: stores.databaseUrl,
          BENCH_REDIS_URL: stores.redisUrl,
          ...environment,
        },
        signal,
      }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The sandbox's own configuration, which is what everybody meets first, with outside stores. */
async function configText(
  { checks = {}, operators = [], webhook }: InstallationOptions,
  data: string,
): Promise<string> {
  const config = parseDocument(await readFile(sandboxFile, "utf8"));
  config.set("data", data);
  config.setIn(["evidence", "directory"], join(data, "comms"));
  config.set("database", "${env:BENCH_DATABASE_URL}");
  config.set("redis", "${env:BENCH_REDIS_URL}");
  if (webhook) config.setIn(["telegram", "webhook"], webhook);
  for (const [name, check] of Object.entries(checks)) config.setIn(["checks", name], check);
  for (const operator of operators) config.addIn(["operators"], operator);
  return config.toString();
}
