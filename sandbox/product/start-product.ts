import type { Effects } from "../effects.ts";
import { createGate } from "../gate.ts";
import { startHttpServer } from "../http-server.ts";
import { createApi } from "./api.ts";
import { createDatabase } from "./database.ts";
import { createLanguageModel } from "./language-model.ts";
import { createPreflight } from "./preflight.ts";
import type { Product, Switches } from "./product.ts";
import { createRedisLink } from "./redis-link.ts";
import type { ProductSettings } from "./settings.ts";
import { createTodoistLink } from "./todoist-link.ts";
import { type Worker, startWorker } from "./worker.ts";

export type RunningProduct = AsyncDisposable & {
  readonly url: string;
  readonly switches: Switches;
  readonly worker: Omit<Worker, typeof Symbol.asyncDispose>;
};

/** The API and its worker, on a database and a Redis that are there already. */
export async function startProduct(
  settings: ProductSettings,
  effects: Effects,
): Promise<RunningProduct> {
  await using opened = new AsyncDisposableStack();
  const closing = new AbortController();
  // Neither opens anything before it is asked.
  const database = createDatabase(settings.databaseUrl, settings.timing.databasePoolWaitMs);
  const redis = createRedisLink(settings.redisUrl, settings.timing.redisTimeoutMs);
  const switches: Switches = {
    gate: createGate(),
    failsAlways: false,
    acceptsStrangers: false,
    forgetsTokens: false,
    metricsWithoutCounters: false,
    webhookSecret: settings.webhookSecret,
  };
  const model = createLanguageModel(settings, closing.signal);
  const todoist = createTodoistLink(settings, closing.signal);
  const preflight = createPreflight(settings, { now: () => new Date(), closing: closing.signal });
  const product: Product = {
    settings,
    database,
    redis,
    model,
    todoist,
    preflight,
    effects,
    switches,
  };
  const worker = opened.use(startWorker(product, closing.signal));
  // Closed before the worker is waited for, which may be in the middle of a job on a frozen database.
  opened.use(database);
  opened.use(redis);
  opened.defer(() => {
    closing.abort();
    switches.gate.open();
  });
  const server = opened.use(await startHttpServer(createApi(product).fetch));
  const kept = opened.move();
  return {
    url: server.url,
    switches,
    worker,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
