import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";

import { inject } from "vitest";

import type { World } from "../../../sandbox/world.ts";
import { startApp } from "../../../src/app.ts";
import { parseConfig } from "../../../src/config/load-config.ts";
import type { Moment } from "../../../src/core/trace.ts";
import { createLogger } from "../../../src/logger.ts";
import { temporaryDirectory } from "../../../src/servers/temporary-directory.ts";
import { createTestDatabase } from "../../database.ts";
import { configText, FAST_ENGINE } from "../../support/config.ts";
import { HASTE } from "../../support/rollout.ts";

/** A world with stores of Flightdeck's own in it, in which bots come and go. */
export type Scene = AsyncDisposable & {
  readonly world: World;
  /** The straight way to what the bots keep, past everything that breaks. */
  readonly databaseUrl: string;
  /** What the bots must find again after a restart. */
  readonly data: string;
  /** Starts a bot in this process, where its moments can be heard. */
  startBot(options?: BotOptions): Promise<SceneBot>;
  /** What all bots have said to their operators' logs so far. */
  log(): string;
};

export type SceneBot = AsyncDisposable & {
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

export type SceneOptions = {
  /** Lines of configuration behind those of the sandbox. */
  readonly more?: string;
  /** Changes words of the sandbox's file. */
  readonly tune?: (text: string) => string;
};

/** All bots of a scene seal by the same key, or a next one could not read what this one has sealed. */
export const SEAL_KEY = Buffer.alloc(32, 7).toString("base64");

export const OWN_STORES = [
  "database: ${env:OWN_DATABASE}",
  "redis: ${env:OWN_REDIS}",
  "sealKey: ${env:SEAL_KEY}",
  FAST_ENGINE,
].join("\n");

export async function openScene(
  world: World,
  { more = "", tune = (text) => text }: SceneOptions = {},
): Promise<Scene> {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(await createTestDatabase());
  const { path } = opened.use(await temporaryDirectory("matrix"));
  const bots = opened.use(new AsyncDisposableStack());
  let log = "";
  let started = 0;

  async function startBot(options: BotOptions = {}): Promise<SceneBot> {
    const { databaseUrl = database.url, redisUrl = inject("redisUrl") } = options;
    const text = configText({ data: "${env:OWN_DATA}", more: `${OWN_STORES}\n${more}` });
    const config = parseConfig(tune(text), {
      environment: {
        ...world.environment,
        ...HASTE,
        OWN_DATABASE: databaseUrl,
        OWN_REDIS: redisUrl,
        OWN_DATA: options.data ?? path,
        SEAL_KEY,
      },
      readFile: (file) => readFileSync(file, "utf8"),
    });
    if (!config.ok) throw new Error(config.problems.map(({ message }) => message).join("\n"));
    const stopping = new AbortController();
    started += 1;
    const app = await startApp({
      config,
      logger: createLogger(
        (line) => (log += line),
        (line) => line,
      ),
      instance: `matrix-${started}`,
      signal: stopping.signal,
      overrides: options.clock === undefined ? {} : { clock: options.clock },
    });
    let ended: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      stopping.abort();
      ended ??= Promise.resolve(app[Symbol.asyncDispose]());
      return ended;
    };
    bots.defer(stop);
    return { stop, [Symbol.asyncDispose]: stop };
  }

  const kept = opened.move();
  return {
    world,
    databaseUrl: database.url,
    data: path,
    startBot,
    log: () => log,
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
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
