import type { Effects } from "../effects.ts";
import { createGate, type Gate } from "../gate.ts";
import type { Release } from "../releases.ts";
import { createDatabase, type Database } from "./database.ts";
import { createLanguageModel, type LanguageModel } from "./language-model.ts";
import { createPreflight, type Preflight } from "./preflight.ts";
import { createRedisLink, type RedisLink } from "./redis-link.ts";
import type { ProductSettings } from "./settings.ts";
import { createTodoistLink, type TodoistLink } from "./todoist-link.ts";

/** What every endpoint and every job works with. */
export type Product = {
  readonly release: Release;
  readonly settings: ProductSettings;
  readonly database: Database;
  readonly redis: RedisLink;
  readonly model: LanguageModel;
  readonly todoist: TodoistLink;
  readonly preflight: Preflight;
  readonly effects: Effects;
  readonly switches: Switches;
};

/** What a fault can turn in the API itself; it outlives the process, as what it stands for would. */
export type Switches = {
  readonly gate: Gate;
  failsAlways: boolean;
  acceptsStrangers: boolean;
  forgetsTokens: boolean;
  metricsWithoutCounters: boolean;
  /** What Telegram must send along, in place of what the environment says; empty switches the check off. */
  webhookSecret: string | undefined;
};

export function newSwitches(): Switches {
  return {
    gate: createGate(),
    failsAlways: false,
    acceptsStrangers: false,
    forgetsTokens: false,
    metricsWithoutCounters: false,
    webhookSecret: undefined,
  };
}

/** What one process of it holds. Nothing is opened before it is asked for; closing it breaks off what is under way. */
export function openProduct(
  started: Pick<Product, "release" | "settings" | "effects" | "switches">,
  closing: AbortSignal,
  redisTimeoutMs = started.settings.timing.redisTimeoutMs,
): Product {
  const { settings } = started;
  const { timing } = settings;
  return {
    ...started,
    database: createDatabase(settings.databaseUrl, timing.databasePoolWaitMs),
    redis: createRedisLink(settings.redisUrl, redisTimeoutMs),
    model: createLanguageModel(settings, closing),
    todoist: createTodoistLink(settings, closing),
    preflight: createPreflight(settings, { now: () => new Date(), closing }),
  };
}
