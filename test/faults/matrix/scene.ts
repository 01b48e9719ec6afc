import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";

import { inject } from "vitest";

import type { World } from "../../../sandbox/world.ts";
import { startApp, type App } from "../../../src/app.ts";
import { parseConfig, type ValidConfig } from "../../../src/config/load-config.ts";
import type { Moment } from "../../../src/core/trace.ts";
import { createLogger } from "../../../src/logger.ts";
import { temporaryDirectory } from "../../../src/servers/temporary-directory.ts";
import { createTestDatabase } from "../../database.ts";
import { SEAL_KEY, startBotIn } from "../../support/bot-in-world.ts";
import { configText } from "../../support/config.ts";
import { HASTE } from "../../support/rollout.ts";
import type { Bot, BotOptions as SpawnBotOptions } from "../../support/spawn-bot.ts";
import { OWN_STORES } from "./own-stores.ts";

/** A world with stores of Flightdeck's own in it, in which bots come and go. */
export type Scene = AsyncDisposable & {
  readonly world: World;
  /** The straight way to what the bots keep, past everything that breaks. */
  readonly databaseUrl: string;
  /** What the bots must find again after a restart. */
  readonly data: string;
  /** Starts a bot in this process, where its moments can be heard. */
  startBot(options?: BotOptions): Promise<SceneBot>;
  /** Starts one as a process of its own, to be killed or paused. */
  spawnBot(options?: SpawnOptions): Promise<Bot>;
  /** What all bots have said to their operators' logs so far. */
  log(): string;
};

type SceneBot = AsyncDisposable & {
  /** As it is now, for it may start afresh. */
  app(): Promise<App>;
  /** As SIGTERM does: takes in no more, hands over what it has, ends. */
  stop(): Promise<void>;
};

type BotOptions = {
  /** The ways to its stores, when they lead through something that breaks. */
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly data?: string;
  readonly clock?: (now: Date) => Date;
};

type SpawnOptions = Pick<SpawnBotOptions, "killAt" | "killWith" | "watches"> & {
  /** Said to it beside what the world says. */
  readonly environment?: Readonly<Record<string, string>>;
};

export type SceneOptions = {
  /** Lines of configuration behind those of the sandbox. */
  readonly more?: string;
  /** Changes words of the sandbox's file. */
  readonly tune?: (text: string) => string;
};

const READY_WITHIN_MS = 40_000;

export async function openScene(
  world: World,
  { more = "", tune = (text) => text }: SceneOptions = {},
): Promise<Scene> {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(await createTestDatabase());
  const { path } = opened.use(await temporaryDirectory("matrix"));
  const bots = opened.use(new AsyncDisposableStack());
  const text = configText({ data: "${env:OWN_DATA}", more: `${OWN_STORES}\n${more}` });
  let log = "";
  let started = 0;

  async function startBot(options: BotOptions = {}): Promise<SceneBot> {
    const { databaseUrl = database.url, redisUrl = inject("redisUrl") } = options;
    const stopping = new AbortController();
    started += 1;
    const instance = `matrix-${started}`;
    const environment = {
      ...world.environment,
      ...HASTE,
      OWN_DATABASE: databaseUrl,
      OWN_REDIS: redisUrl,
      OWN_DATA: options.data ?? path,
      SEAL_KEY,
    };
    // Read anew at each start, for a rotation changes files that it refers to.
    const start = async (): Promise<App> =>
      startApp({
        config: configOf(tune(text), environment),
        logger: createLogger(
          (line) => (log += line),
          (line) => line,
        ),
        instance,
        signal: stopping.signal,
        startAfresh: () => {
          app = app.then(async (running) => {
            await running[Symbol.asyncDispose]();
            return stopping.signal.aborted ? running : start();
          });
        },
        overrides: options.clock === undefined ? {} : { clock: options.clock },
      });
    let app = start();
    await app;
    let ended: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      stopping.abort();
      ended ??= app.then(async (running) => running[Symbol.asyncDispose]());
      return ended;
    };
    bots.defer(stop);
    return { app: async () => app, stop, [Symbol.asyncDispose]: stop };
  }

  async function spawnBot({ environment = {}, ...options }: SpawnOptions = {}): Promise<Bot> {
    return startBotIn(world, {
      databaseUrl: database.url,
      data: path,
      environment: { ...HASTE, ...environment },
      more,
      readyWithinMs: READY_WITHIN_MS,
      ...options,
    });
  }

  const kept = opened.move();
  return {
    world,
    databaseUrl: database.url,
    data: path,
    startBot,
    spawnBot,
    log: () => log,
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

function configOf(text: string, environment: Readonly<Record<string, string>>): ValidConfig {
  const config = parseConfig(text, { environment, readFile: (file) => readFileSync(file, "utf8") });
  if (!config.ok) throw new Error(config.problems.map(({ message }) => message).join("\n"));
  return config;
}

/** Resolves once a bot of this process passes a moment: `act.begins` or, of one step alone, `act.begins@the step`. */
export function passed(moment: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      unsubscribe("flightdeck.moments", hear);
      signal.removeEventListener("abort", giveUp);
    };
    const giveUp = (): void => {
      end();
      reject(new Error(`No bot has passed ${moment}.`));
    };
    const hear = (message: unknown): void => {
      const seen = message as { readonly moment: Moment; readonly about: string };
      if (seen.moment !== moment && `${seen.moment}@${seen.about.split(":").at(-1)}` !== moment) {
        return;
      }
      end();
      resolve();
    };
    subscribe("flightdeck.moments", hear);
    signal.addEventListener("abort", giveUp, { once: true });
  });
}
