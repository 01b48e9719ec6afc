import { setTimeout as sleep } from "node:timers/promises";

import { createGate } from "../gate.ts";
import { logEvent } from "./event-log.ts";
import { type JobRun, topicsOf } from "./jobs.ts";
import type { Product } from "./product.ts";
import { type Job, jobSchema, queues } from "./queue.ts";
import { createRedisLink } from "./redis-link.ts";

export type Worker = AsyncDisposable & {
  pause(): void;
  resume(): void;
  /** Is killed with the next job of that kind in its hands, before it has begun with it. */
  dieHolding(death: Death): void;
  /** Starts again if it is dead, and will not be killed any more. What died with it stays lost. */
  revive(): void;
};

type Death = {
  readonly holds: (job: Job) => boolean;
  /** Whether it is started again at once, as a container with a restart policy is. */
  readonly comesBack: boolean;
};

const blockSeconds = 5;

/**
 * The only consumer of the queue, one job at a time. A job is off the list while it runs and while it waits for its next
 * attempt, so stopping the worker then loses it for good, as it does in the real one.
 */
export function startWorker(product: Product, closing: AbortSignal): Worker {
  const { settings } = product;
  const gate = createGate();
  const life = createGate();
  let death: Death | undefined;
  // Its own connection, because blocking would hold up everybody who shares it.
  const redis = createRedisLink(
    settings.redisUrl,
    blockSeconds * 1_000 + settings.timing.redisTimeoutMs,
  );

  const loop = async (): Promise<void> => {
    while (!closing.aborted) {
      try {
        await life.passing();
        const popped = await redis.run((redis) => redis.blpop(queues.default, blockSeconds));
        await gate.passing();
        if (popped !== null && !diesHolding(popped[1])) await runJob(product, popped[1], closing);
      } catch {
        await pause(settings.timing.workerErrorPauseMs, closing);
      }
    }
  };
  /** A job is in no list while it is held, so nothing tells of it when the worker dies: no event, no retry, no letter. */
  const diesHolding = (text: string): boolean => {
    const job = death && parseJob(text);
    if (job === undefined || death?.holds(job) !== true) return false;
    product.effects.add("jobsLost");
    if (!death.comesBack) life.shut();
    death = undefined;
    return true;
  };
  const ended = loop();

  return {
    pause: () => gate.shut(),
    resume: () => gate.open(),
    dieHolding: (next) => {
      death = next;
    },
    revive: () => {
      death = undefined;
      life.open();
    },
    async [Symbol.asyncDispose]() {
      gate.open();
      life.open();
      redis[Symbol.dispose]();
      await ended;
    },
  };
}

function parseJob(text: string): Job {
  return jobSchema.parse(JSON.parse(text));
}

/** Throws on a text that is no job, which drops it. */
async function runJob(product: Product, text: string, signal: AbortSignal): Promise<void> {
  const job = parseJob(text);
  const work = topicsOf(product.settings.revision)[job.topic];
  if (work === undefined) return;
  const run: JobRun = {
    requestId: `job_${job.job_id}`,
    user: String(job.payload["user_id"]),
    payload: job.payload,
  };
  try {
    await work(product, run);
    await logOutcome(product, job, "worker_topic_completed", { queue: queues.default });
    product.effects.add("jobsCompleted");
  } catch (error) {
    await tryAgainOrBury(product, job, String(error), signal);
  }
}

async function tryAgainOrBury(
  product: Product,
  job: Job,
  error: string,
  signal: AbortSignal,
): Promise<void> {
  const { redis, effects, settings } = product;
  const attempt = job.attempt ?? 1;
  const pauseMs = settings.timing.workerPausesMs[attempt - 1];
  // While the database is down no event is written, yet the attempt is used up.
  const log = (type: string, more: object): Promise<void> =>
    logOutcome(product, job, type, more).catch(() => undefined);
  if (pauseMs === undefined) {
    await log("worker_moved_to_dlq", { queue: queues.dead, error });
    await redis.run((redis) => redis.rpush(queues.dead, JSON.stringify({ ...job, attempt })));
    effects.add("jobsDead");
    return;
  }
  await log("worker_retry_scheduled", {
    queue: queues.default,
    delay_seconds: pauseMs / 1_000,
    error,
  });
  await pause(pauseMs, signal);
  if (signal.aborted) return;
  const next = { ...job, attempt: attempt + 1 };
  await redis.run((redis) => redis.rpush(queues.default, JSON.stringify(next)));
  effects.add("jobsRetried");
}

/** A job has no endpoint; its rows under `job_<id>` are the only way to follow it. */
async function logOutcome(product: Product, job: Job, type: string, more: object): Promise<void> {
  await logEvent(product.database.query, {
    requestId: `job_${job.job_id}`,
    user: String(job.payload["user_id"]),
    type,
    entity: { type: "job", id: job.job_id },
    payload: {
      topic: job.topic,
      job_id: job.job_id,
      attempt: job.attempt ?? 1,
      max_attempts: product.settings.timing.workerPausesMs.length + 1,
      ...more,
    },
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
