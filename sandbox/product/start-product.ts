import { setTimeout as sleep } from "node:timers/promises";

import type { Effects } from "../effects.ts";
import { type HttpServer, startHttpServer } from "../http-server.ts";
import { quietPort } from "../quiet-port.ts";
import type { Release } from "../releases.ts";
import { type ApiProcess, startApiProcess } from "./api-process.ts";
import type { Surroundings } from "./environment.ts";
import { beginApi, beginWorker, type Image } from "./first-words.ts";
import { newSwitches, openProduct, type Switches } from "./product.ts";
import type { ProductSettings } from "./settings.ts";
import { createWorkerControls, type WorkerControls } from "./worker-controls.ts";
import { blockSeconds, startWorker } from "./worker.ts";

export type ServiceName = "api" | "worker";

/** What became of the attempt to put a new process in the place of the old one. */
type Replacement = {
  /** `rejected`: the old one still runs. `exited`: none runs. */
  readonly ended: "running" | "exited" | "rejected";
  readonly log: readonly string[];
};

export type RunningProduct = AsyncDisposable & {
  /** The same for every process of the API, and refused while there is none. */
  readonly url: string;
  readonly switches: Switches;
  readonly worker: WorkerControls;
  /**
   * With a path to look at, the new API stands beside the old one until it is healthy. Without one the old API ends first.
   */
  replaceApi(image: Image, healthPath: string | undefined): Promise<Replacement>;
  /** The old worker is told to end, and what it holds is lost. */
  replaceWorker(image: Image): Promise<Replacement>;
  stop(service: ServiceName): Promise<void>;
  /** What really runs. */
  running(service: ServiceName): Running | undefined;
  /** What the newest process wrote. */
  log(service: ServiceName): readonly string[];
};

type Running = { readonly release: Release; readonly settings: ProductSettings };
type Process<Kind extends AsyncDisposable> = Running & { readonly process: Kind };

const HEALTH_TRIES = 5;
const HEALTH_TIMEOUT_MS = 2_000;
const HEALTH_PAUSE_MS = 100;

/** The API and its worker, each a process of its own, on a database and a Redis that are there already. None runs yet. */
export async function startProduct(
  surroundings: Surroundings,
  effects: Effects,
): Promise<RunningProduct> {
  const port = await quietPort();
  const switches = newSwitches();
  const controls = createWorkerControls();
  const log: Record<ServiceName, readonly string[]> = { api: [], worker: [] };
  let server: HttpServer | undefined;
  let api: Process<ApiProcess> | undefined;
  let worker: Process<AsyncDisposable> | undefined;

  let closed = false;
  let last: Promise<unknown> = Promise.resolve();
  /** One change at a time; none begins any more once the product is closed. */
  const inTurn = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const turn = last.then(async () => {
      if (closed) throw new Error("the sandbox has ended");
      return work();
    });
    last = turn.catch(() => undefined);
    return turn;
  };
  const stopApi = async (): Promise<void> => {
    const stopped = [server, api?.process];
    server = undefined;
    api = undefined;
    for (const each of stopped) await each?.[Symbol.asyncDispose]();
  };
  const stopWorker = async (): Promise<void> => {
    const stopped = worker?.process;
    worker = undefined;
    await stopped?.[Symbol.asyncDispose]();
  };
  const listen = async (): Promise<void> => {
    const answer = async (request: Request): Promise<Response> =>
      api?.process.answer(request) ?? new Response("Bad Gateway", { status: 502 });
    server ??= await startHttpServer(answer, port);
  };

  const replaceApi = async (image: Image, healthPath: string | undefined): Promise<Replacement> => {
    if (healthPath === undefined) {
      await stopApi();
      await sleep(surroundings.timing.restartMs, undefined, { ref: false });
    }
    const begun = beginApi(image, surroundings);
    if (begun.settings === undefined) {
      if (healthPath !== undefined) return { ended: "rejected", log: begun.log };
      log.api = begun.log;
      return { ended: "exited", log: begun.log };
    }
    const { release } = image;
    const { settings } = begun;
    const process = startApiProcess({ release, settings, effects, switches });
    if (healthPath !== undefined && !(await isHealthy(process, healthPath))) {
      await process[Symbol.asyncDispose]();
      return { ended: "rejected", log: begun.log };
    }
    const old = api;
    api = { release, settings, process };
    log.api = begun.log;
    await listen();
    await old?.process[Symbol.asyncDispose]();
    return { ended: "running", log: begun.log };
  };
  const replaceWorker = async (image: Image): Promise<Replacement> => {
    await stopWorker();
    const { settings, log: written } = beginWorker(image, surroundings);
    log.worker = written;
    if (settings === undefined) return { ended: "exited", log: written };
    // Whatever held the old process up is no concern of a new one.
    controls.reins.hand.open();
    controls.reins.life.open();
    const { release } = image;
    const process = startWorkerProcess({ release, settings, effects, switches }, controls);
    worker = { release, settings, process };
    return { ended: "running", log: written };
  };

  return {
    url: `http://127.0.0.1:${port}`,
    switches,
    worker: controls,
    replaceApi: (image, healthPath) => inTurn(async () => replaceApi(image, healthPath)),
    replaceWorker: (image) => inTurn(async () => replaceWorker(image)),
    stop: (service) => inTurn(service === "api" ? stopApi : stopWorker),
    running: (service) => (service === "api" ? api : worker),
    log: (service) => log[service],
    async [Symbol.asyncDispose]() {
      closed = true;
      switches.gate.open();
      await last;
      await stopApi();
      await stopWorker();
    },
  };
}

function startWorkerProcess(
  started: Parameters<typeof openProduct>[0],
  { reins }: ReturnType<typeof createWorkerControls>,
): AsyncDisposable {
  const closing = new AbortController();
  const { redisTimeoutMs } = started.settings.timing;
  const product = openProduct(started, closing.signal, blockSeconds * 1_000 + redisTimeoutMs);
  const worker = startWorker(product, reins, closing.signal);
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      // Closed before the worker is waited for, which may be in the middle of a job on a frozen database.
      product.redis[Symbol.dispose]();
      product.database[Symbol.dispose]();
      await worker[Symbol.asyncDispose]();
    },
  };
}

async function isHealthy(process: ApiProcess, path: string): Promise<boolean> {
  for (let tries = 0; tries < HEALTH_TRIES; tries += 1) {
    const answer = process.answer(new Request(`http://127.0.0.1${path}`)).then(({ ok }) => ok);
    const patience = sleep(HEALTH_TIMEOUT_MS, false, { ref: false });
    if (await Promise.race([answer, patience])) return true;
    await sleep(HEALTH_PAUSE_MS);
  }
  return false;
}
