import type { ProductPostgres } from "./product-postgres.ts";
import { newId } from "./product/ids.ts";
import { newJob, queues } from "./product/queue.ts";
import type { RunningProduct } from "./product/start-product.ts";

export type LostRetry = { lose(): Promise<void>; forget(): Promise<void> };

/** A worker that died while a job waited in its hands for the next attempt: the job is in no list any more. */
export function createLostRetry(options: {
  readonly worker: RunningProduct["worker"];
  readonly postgres: Pick<ProductPostgres, "query">;
}): LostRetry {
  const { worker, postgres } = options;
  let requestId = "";
  return {
    lose: async () => {
      const job = newJob("memory.summarize", { user_id: "usr_dev" });
      requestId = `job_${job.job_id}`;
      worker.pause();
      const payload = {
        topic: job.topic,
        job_id: job.job_id,
        attempt: 1,
        max_attempts: 5,
        queue: queues.default,
        delay_seconds: 2,
        error: "TimeoutError",
      };
      await postgres.query(
        `insert into event_log (id, request_id, user_id, event_type, entity_type, entity_id, payload_json, created_at)
         values ($1, $2, 'usr_dev', 'worker_retry_scheduled', 'job', $3, $4, greatest(
           now() - interval '20 minutes',
           (select max(created_at) + interval '1 millisecond' from event_log
             where event_type = 'worker_topic_completed')))`,
        [newId("evt"), requestId, job.job_id, JSON.stringify(payload)],
      );
    },
    forget: async () => {
      await postgres.query("delete from event_log where request_id = $1", [requestId]);
      worker.resume();
    },
  };
}
