import type { ProductPostgres } from "./product-postgres.ts";
import type { ProductRedis } from "./product-redis.ts";
import { newId } from "./product/ids.ts";
import { newJob, queues } from "./product/queue.ts";

export type DeadLetters = { grow(): Promise<void>; removeAll(): Promise<void> };

const firstLot = 3;

/** Jobs that died as they really do: four retries and a move in the event log, and then the letter itself. */
export function createDeadLetters(options: {
  readonly postgres: Pick<ProductPostgres, "query">;
  readonly redis: Pick<ProductRedis, "run">;
  readonly everyMs: number;
  /** A password that stands in what the jobs died of. */
  readonly indiscretion: string;
  /** They grow no longer than this. */
  readonly signal: AbortSignal;
}): DeadLetters {
  const { postgres, redis, everyMs, signal } = options;
  const error = `Client error '401 Unauthorized' for url 'https://sync:${options.indiscretion}@api.todoist.com/api/v1/tasks'`;
  const buried = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  let burying: Promise<void> = Promise.resolve();

  const bury = async (): Promise<void> => {
    const job = { ...newJob("sync.todoist", { user_id: "usr_dev" }), attempt: 5 };
    const letter = JSON.stringify(job);
    // Remembered first: what is only half done must be removed all the same.
    buried.set(`job_${job.job_id}`, letter);
    await redis.run((redis) => redis.rpush(queues.dead, letter));
    await logDeath(postgres, job, error);
  };

  signal.addEventListener("abort", () => clearInterval(timer));

  return {
    async grow() {
      for (let count = 0; count < firstLot; count += 1) await bury();
      timer = setInterval(() => {
        // With the stores down at the same time nothing can die properly; the next turn tries again.
        burying = bury().catch(() => undefined);
      }, everyMs);
    },
    async removeAll() {
      clearInterval(timer);
      await burying;
      const letters = [...buried.values()];
      await redis.run((redis) =>
        Promise.all(letters.map((letter) => redis.lrem(queues.dead, 0, letter))),
      );
      await postgres.query("delete from event_log where request_id = any($1)", [
        [...buried.keys()],
      ]);
      buried.clear();
    },
  };
}

async function logDeath(
  postgres: Pick<ProductPostgres, "query">,
  job: { readonly job_id: string; readonly topic: string },
  error: string,
): Promise<void> {
  for (const attempt of [1, 2, 3, 4, 5]) {
    const last = attempt === 5;
    const payload = {
      topic: job.topic,
      job_id: job.job_id,
      attempt,
      max_attempts: 5,
      queue: last ? queues.dead : queues.default,
      ...(last ? {} : { delay_seconds: 2 ** attempt }),
      error,
    };
    await postgres.query(
      `insert into event_log (id, request_id, user_id, event_type, entity_type, entity_id, payload_json)
       values ($1, $2, 'usr_dev', $3, 'job', $4, $5)`,
      [
        newId("evt"),
        `job_${job.job_id}`,
        last ? "worker_moved_to_dlq" : "worker_retry_scheduled",
        job.job_id,
        JSON.stringify(payload),
      ],
    );
  }
}
