import { execFile, execFileSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { startWorld, type World } from "../../sandbox/world.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { checkKeys, searchDatabase, searchFolder, watchRedis } from "../support/canaries.ts";
import { configText, FAST_ENGINE } from "../support/config.ts";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.ts";
import { startMarkServer, type MarkServer } from "../support/mark.ts";
import { cast, operatorsInYaml } from "./cast.ts";
import { keepHistory, type History } from "./history.ts";
import { startReplica, type Replica } from "./replica.ts";
import type { Line } from "./schedule.ts";
import { startStores, type Stores } from "./stores.ts";

/** Two replicas of a bot in a world, with a proxy in front of everything that they need. */
export type Stage = AsyncDisposable & {
  readonly world: World;
  readonly mark: MarkServer;
  readonly stores: Stores;
  readonly lines: Readonly<Record<Line, FaultProxy>>;
  readonly replicas: readonly [Replica, Replica];
  readonly history: History;
  /** What a bot, or a command line, is told here. */
  readonly configFile: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Where the evidence log's file is. */
  readonly comms: string;
  /** Fills the disk that the file lies on, and empties it; undefined where nobody may make a small disk. */
  readonly disk: { fill(): Promise<void>; empty(): Promise<void> } | undefined;
  /** Who listens in on it for secrets goes on listening afterwards. */
  restartRedis(downMs: number): Promise<void>;
  /** Everywhere where a secret could have come out, as far as it does not go through this process by itself. */
  searchForSecrets(): Promise<void>;
  /** Ends the world, which is when it is searched itself. */
  close(): Promise<void>;
};

const DISK = "6m";
const UNMOUNT = "umount";

export async function openStage(seed: number): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const { path } = opened.use(await temporaryDirectory("nemesis"));
  const [world, stores, mark] = await Promise.all([
    startWorld({ deploymentStepMs: 100, timing: { workerPausesMs: [20, 20, 20, 20] } }),
    startStores(path, sleep),
    startMarkServer(),
  ]);
  for (const each of [stores, mark, world]) opened.use(each);
  for (const persona of Object.values(cast)) world.telegram.as(persona);
  const history = opened.use(keepHistory(world.telegram));
  let listening = await watchRedis(stores.redisUrl);
  opened.defer(() => listening[Symbol.dispose]());

  const proxy = async (to: Parameters<typeof startFaultProxy>[0]["to"]): Promise<FaultProxy> =>
    opened.use(await startFaultProxy({ to, seed }));
  const lines = {
    database: await proxy({ path: stores.databaseSocket }),
    redis: await proxy({ path: stores.redisSocket }),
    telegram: await proxy({ port: portOf(world.telegram.url) }),
    coolify: await proxy({ port: portOf(world.coolify.url) }),
  };
  const data = join(path, "data");
  const comms = join(data, "comms");
  await mkdir(comms, { recursive: true });
  const disk = await mountSmallDisk(comms);
  if (disk) opened.defer(async () => disk.unmount());

  const configFile = join(path, "config.yaml");
  await writeFile(configFile, configOf());
  const environment = {
    ...world.environment,
    SANDBOX_TELEGRAM_URL: `http://127.0.0.1:${lines.telegram.port}`,
    SANDBOX_COOLIFY_URL: `http://127.0.0.1:${lines.coolify.port}`,
    SANDBOX_WATCH_LASTS: "1500ms",
    SANDBOX_WATCH_EVERY: "300ms",
    PATH: process.env["PATH"] ?? "",
    MARK_URL: mark.url,
    OWN_DATA: data,
    OWN_DATABASE: `postgresql://postgres@127.0.0.1:${lines.database.port}/${stores.databaseName}`,
    OWN_REDIS: `redis://127.0.0.1:${lines.redis.port}/0`,
    SEAL_KEY: Buffer.alloc(32, 7).toString("base64"),
  };
  const replica = (): Replica => opened.use(startReplica({ configFile, environment }));
  const replicas = [replica(), replica()] as const;

  const kept = opened.move();
  return {
    world,
    mark,
    stores,
    lines,
    replicas,
    history,
    configFile,
    environment,
    comms,
    disk,
    async restartRedis(downMs) {
      listening[Symbol.dispose]();
      await stores.restartRedis(downMs);
      listening = await watchRedis(stores.redisUrl);
    },
    async searchForSecrets() {
      await searchDatabase(stores.databaseUrl);
      await searchFolder(data);
      await checkKeys(data);
    },
    close: async () => kept.disposeAsync(),
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

/** The sandbox's own file, with more people in it and stores that outlive every process. */
function configOf(): string {
  const text = configText({
    data: "${env:OWN_DATA}",
    more: [
      "database: ${env:OWN_DATABASE}",
      "redis: ${env:OWN_REDIS}",
      "sealKey: ${env:SEAL_KEY}",
      FAST_ENGINE,
    ].join("\n"),
  });
  return text
    .replace(/^watch: \{ enabled: false \}$/m, "")
    .replace(/^operators:\n(?: .*\n|\n)*/m, operatorsInYaml());
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

async function mountSmallDisk(
  directory: string,
): Promise<
  { fill(): Promise<void>; empty(): Promise<void>; unmount(): Promise<void> } | undefined
> {
  const run = promisify(execFile);
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${DISK},mode=0700`, "tmpfs", directory]);
  } catch {
    return undefined;
  }
  const unmount = (): void => {
    execFileSync(UNMOUNT, ["--lazy", directory]);
  };
  // What is mounted outlives whoever has mounted it.
  process.once("exit", unmount);
  const ballast = join(directory, "ballast");
  return {
    async fill() {
      // Until there is no room for another byte.
      await run("sh", ["-c", `cat /dev/zero > ${JSON.stringify(ballast)} || true`]);
    },
    async empty() {
      await rm(ballast, { force: true });
    },
    async unmount() {
      process.off("exit", unmount);
      unmount();
    },
  };
}
