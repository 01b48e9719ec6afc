import type { ProductRedis } from "./product-redis.ts";
import { newJob, queues } from "./product/queue.ts";
import type { RunningProduct } from "./product/start-product.ts";

export type QueueBacklog = { pileUp(): Promise<void>; clear(): Promise<void> };

/** A worker that has stopped taking jobs, and what has come in since. */
export function createQueueBacklog(options: {
  readonly worker: RunningProduct["worker"];
  readonly redis: Pick<ProductRedis, "run">;
  readonly length: number;
}): QueueBacklog {
  const { worker, redis, length } = options;
  let jobs: readonly string[] = [];
  return {
    async pileUp() {
      worker.pause();
      // They are about a thought of the seed, because the worker may have one in its hands already and will do it.
      const payload = {
        user_id: "usr_dev",
        chat_id: "881204417",
        inbox_item_id: "inb_5f0c1a72be04",
      };
      jobs = Array.from({ length }, () => JSON.stringify(newJob("memory.summarize", payload)));
      await redis.run((redis) => redis.rpush(queues.default, ...jobs));
    },
    async clear() {
      await redis.run((redis) =>
        Promise.all(jobs.map((job) => redis.lrem(queues.default, 0, job))),
      );
      jobs = [];
      worker.resume();
    },
  };
}
