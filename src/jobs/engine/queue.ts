import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { z } from "zod";

import { Interruption } from "../../core/interruption.ts";
import type { Secret } from "../../core/secret.ts";
import { untilAborted } from "../../core/waiting.ts";

const QUEUE = "runs";
const DRAIN_MS = 20_000;
const FAREWELL_MS = 1_000;
/** A Redis that is frozen must not keep the reconciler from going on without it. */
const ANSWER_WITHIN_MS = 2_000;

const jobSchema = z.strictObject({ runId: z.string().regex(/^\d+$/) });

export type RunQueue = AsyncDisposable & {
  /**
   * Wakes some process to execute a run. Redis holds no truth: a job that is lost, doubled or forged changes nothing,
   * because the database decides who executes what.
   *
   * @throws {Error} at once when Redis is away
   */
  add(run: { readonly id: string; readonly epoch: number }, now: Date): Promise<void>;
  /**
   * How many jobs there are in each state; Redis was asked for it, so it answers.
   *
   * @throws {Error} at once when Redis is away
   */
  depth(): Promise<Readonly<Record<string, number>>>;
};

export type QueueOptions = {
  readonly url: Secret;
  /** Keeps several Flightdecks on one Redis apart. */
  readonly prefix: string;
  readonly concurrency: number;
  readonly execute: (runId: string, signal: AbortSignal) => Promise<void>;
  readonly onError: (error: unknown, during: string) => void;
};

export function startQueue(options: QueueOptions): RunQueue {
  const report = (during: string) => (error: unknown) => options.onError(error, during);
  // The producer must fail at once rather than hang; the worker must be patient until Redis is back.
  const producer = connect(options.url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: ANSWER_WITHIN_MS,
  });
  const consumer = connect(options.url, { maxRetriesPerRequest: null });
  producer.on("error", report("talking to Redis"));
  consumer.on("error", () => {});

  const queue = new Queue(QUEUE, { connection: producer, prefix: options.prefix });
  queue.on("error", () => {});

  const stopping = new AbortController();
  const worker = new Worker(
    QUEUE,
    async (job, _token, signal) => {
      const { runId } = jobSchema.parse(job.data);
      const signals = signal ? [stopping.signal, signal] : [stopping.signal];
      await options.execute(runId, AbortSignal.any(signals));
    },
    {
      connection: consumer,
      prefix: options.prefix,
      concurrency: options.concurrency,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    },
  );
  worker.on("error", report("working the queue"));
  worker.on("failed", (_job, error) => options.onError(error, "executing a job"));
  worker.on("lockRenewalFailed", (jobIds) => {
    for (const id of jobIds) worker.cancelJob(id, "the lock on the job was lost");
  });

  return {
    async add(run, now) {
      const jobId = `run-${run.id}-${run.epoch}-${now.getTime()}`;
      await inTime(queue.add("run", { runId: run.id }, { jobId, attempts: 1 }));
    },
    depth: async () => inTime(queue.getJobCounts("waiting", "active", "delayed", "failed")),
    async [Symbol.asyncDispose]() {
      stopping.abort(new Interruption("stopping", "the process is stopping"));
      // Without Redis the worker has nothing to hand back, and would wait for it.
      const isConnected = consumer.status === "ready";
      await settledWithin(isConnected ? DRAIN_MS : FAREWELL_MS, worker.close());
      await settledWithin(FAREWELL_MS, queue.close());
      producer.disconnect();
      consumer.disconnect();
    },
  };
}

function connect(
  url: Secret,
  options: {
    readonly enableOfflineQueue?: boolean;
    readonly maxRetriesPerRequest: number | null;
    readonly commandTimeout?: number;
  },
): Redis {
  return new Redis(url.reveal(), {
    ...options,
    retryStrategy: (attempt) => Math.min(attempt * 200, 2_000),
    disconnectTimeout: 50,
  });
}

/** The queue waits without end for a first connection, which a Redis that was never there does not give. */
async function inTime<Answer>(work: Promise<Answer>): Promise<Answer> {
  return untilAborted(work, AbortSignal.timeout(ANSWER_WITHIN_MS));
}

/** Closing must not hang on a Redis that is gone. */
async function settledWithin(limitMs: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limitMs);
  work.then(
    () => resolve(),
    () => resolve(),
  );
  await promise;
  clearTimeout(timer);
}
