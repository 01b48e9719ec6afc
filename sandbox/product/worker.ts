import { setTimeout as sleep } from "node:timers/promises";

import { logEvent } from "./event-log.ts";
import { type JobRun, topicsOf } from "./jobs.ts";
import type { Product } from "./product.ts";
import { type Job, jobSchema, queues } from "./queue.ts";
import type { WorkerReins } from "./worker-controls.ts";

/** How long it waits for a job before it asks again. Its connection must wait longer than that. */
export const blockSeconds = 5;

/** Where a release waits that calls the queue by another name. */
const NOBODYS_QUEUE = "jobs";

/**
 * The only consumer of the queue, one job at a time. A job is off the list while it runs and while it waits for its next
 * attempt, so ending the process then loses it for good, as it does in the real one.
 */
export function startWorker(
  product: Product,
  { hand, life, diesHolding }: WorkerReins,
  closing: AbortSignal,
): AsyncDisposable {
  const { settings, release, effects, redis } = product;
  const queue = release.worker === "idles" ? NOBODYS_QUEUE : queues.default;
  let holds = false;
  const loop = async (): Promise<void> => {
    while (!closing.aborted) {
      try {
        await life.passing();
        const popped = await redis.run((redis) => redis.blpop(queue, blockSeconds));
        holds = popped !== null;
        await hand.passing();
        if (popped !== null) await take(popped[1]);
      } catch {
        await pause(settings.timing.workerErrorPauseMs, closing);
      } finally {
        if (!closing.aborted) holds = false;
      }
    }
  };
  /** A job is in no list while it is held, so nothing tells of it when the worker dies: no event, no retry, no letter. */
  const take = async (text: string): Promise<void> => {
    if (closing.aborted) return;
    if (diesHolding(parseJob(text))) effects.add("jobsLost");
    else await runJob(product, text, closing);
  };
  const ended = loop();

  return {
    async [Symbol.asyncDispose]() {
      if (holds) effects.add("jobsLost");
      hand.open();
      life.open();
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
