import { monitorEventLoopDelay } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";

import { createHealthApp, type Readiness } from "./bot/health-app.ts";
import type { HttpSettings } from "./bot/health-settings.ts";
import type { Door } from "./bot/http.ts";
import { POLL_IS_FRESH_MS, type TelegramCalls } from "./bot/telegram-calls.ts";
import { formatDuration } from "./core/duration.ts";
import { untilAborted } from "./core/waiting.ts";
import type { RunQueue } from "./jobs/engine/queue.ts";
import type { Metrics } from "./metrics.ts";
import type { Database } from "./storage/database.ts";
import { readWork, wordsHeard, type Readings } from "./storage/readings.ts";

export type HealthParts = {
  readonly http: HttpSettings;
  readonly metrics: Metrics;
  readonly database: Database;
  readonly queue: Pick<RunQueue, "depth">;
  readonly telegram: Pick<TelegramCalls, "fetchedAgoMs" | "broughtAgoMs">;
  readonly isLeader: () => boolean;
  /** Whether the leader fetches updates, or Telegram brings them. */
  readonly fetches: boolean;
  readonly onError: (error: unknown, during: string) => void;
};

const ANSWER_WITHIN_MS = 3_000;
const NS_PER_MS = 1e6;
const NS_PER_SECOND = 1e9;

/** How this process is, asked anew for every question. */
export function openHealth(parts: HealthParts): Disposable & { readonly door: Door } {
  const { http, metrics, onError } = parts;
  const loop = monitorEventLoopDelay();
  loop.enable();
  let heardUntil: Date | undefined;

  const app = createHealthApp({
    metricsToken: http.metricsToken,
    onError,
    vitals: () => ({
      upForSeconds: Math.round(performance.now() / 1_000),
      loopLagMs: Math.round(finite(loop.mean) / NS_PER_MS),
    }),
    readiness: async () => readinessOf(parts),
    async metrics() {
      const { readings, queue } = await askStores(parts);
      // The leader alone tells how long words took, or every process of it would count each of them.
      if (readings && parts.isLeader()) {
        const after = heardUntil ?? readings.now;
        heardUntil = readings.now;
        const dwells = await inTime(
          parts.database.transaction(async (tx) => wordsHeard(tx, after, readings.now)),
        );
        for (const dwellMs of dwells ?? []) metrics.wordHeard(dwellMs);
      }
      const loopLagSeconds = {
        mean: finite(loop.mean) / NS_PER_SECOND,
        p99: loop.percentile(99) / NS_PER_SECOND,
        max: loop.max / NS_PER_SECOND,
      };
      loop.reset();
      return metrics.expose({
        upForSeconds: performance.now() / 1_000,
        heapBytes: getHeapStatistics().used_heap_size,
        loopLagSeconds,
        isLeader: parts.isLeader(),
        readings,
        queue,
      });
    },
  });
  return {
    door: { listen: http.listen, app },
    [Symbol.dispose]: () => void loop.disable(),
  };
}

type Stores = {
  readonly readings: Readings | undefined;
  readonly queue: Readonly<Record<string, number>> | undefined;
};

async function askStores({ database, queue }: HealthParts): Promise<Stores> {
  const [readings, depth] = await Promise.all([
    inTime(database.transaction(readWork)),
    inTime(queue.depth()),
  ]);
  return { readings, queue: depth };
}

/** What does not come in time, or not at all, is not known. */
async function inTime<Result>(work: Promise<Result>): Promise<Result | undefined> {
  return untilAborted(work, AbortSignal.timeout(ANSWER_WITHIN_MS)).catch(() => undefined);
}

async function readinessOf(parts: HealthParts): Promise<Readiness> {
  const { database, queue, isLeader } = parts;
  const answers = async (work: Promise<unknown>): Promise<boolean> =>
    (await inTime(work.then(() => true))) ?? false;
  const [postgres, redis] = await Promise.all([
    // To begin and to commit is all that is asked: this may be asked every second.
    answers(database.transaction(async () => undefined)),
    answers(queue.depth()),
  ]);
  const telegram = telegramPart(parts);
  return {
    isReady: postgres && redis && telegram.isReady,
    parts: {
      role: isLeader() ? "leader" : "follower",
      postgres: postgres ? "ok" : "no answer",
      redis: redis ? "ok" : "no answer",
      telegram: telegram.text,
    },
  };
}

/** Whoever fetches knows at any time whether it can; whoever is brought updates hears nothing while nobody says anything. */
function telegramPart({ telegram, fetches, isLeader }: HealthParts) {
  const agoMs = fetches ? telegram.fetchedAgoMs() : telegram.broughtAgoMs();
  const ago = agoMs === undefined ? "never" : `${formatDuration(agoMs)} ago`;
  if (!fetches) return { isReady: true, text: `last brought an update ${ago}` };
  if (!isLeader()) return { isReady: true, text: "asked by the leader" };
  if (agoMs !== undefined && agoMs <= POLL_IS_FRESH_MS) return { isReady: true, text: "ok" };
  return { isReady: false, text: `last asked with success ${ago}` };
}

/** Before the first measurement the mean of nothing is no number. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
