import { isoTime, isoTimeWithoutZone } from "../iso-time.ts";
import { queues } from "../queue.ts";
import type { Revision } from "../revision.ts";
import { readRoute } from "../route.ts";

const alertThreshold = 5;

/** Neither shows every topic that its worker knows. */
const shown: Readonly<
  Record<Revision, { readonly topics: readonly string[]; readonly time: (sql: string) => string }>
> = {
  A: { topics: ["memory.summarize", "plan.refresh", "sync.todoist"], time: isoTimeWithoutZone },
  B: {
    topics: ["memory.summarize", "memory.compact", "plan.refresh", "reminders.dispatch"],
    time: isoTime,
  },
};

/** Counted over all users. One job that dies gives four retries and one move, which is enough for the alert. */
export const metrics = readRoute("/health/metrics", async (product) => {
  const { database, redis, switches, settings } = product;
  const { topics, time } = shown[settings.revision];
  const [waiting, dead] = await redis.run((redis) =>
    Promise.all([redis.llen(queues.default), redis.llen(queues.dead)]),
  );
  const [counted] = await database.query<{ since: string; retried: number; moved: number }>(
    `select ${time("now() - interval '24 hours'")} as since,
       count(*) filter (where event_type = 'worker_retry_scheduled')::int as retried,
       count(*) filter (where event_type = 'worker_moved_to_dlq')::int as moved
     from event_log where created_at > now() - interval '24 hours'`,
  );
  const successes = await database.query<{ topic: string; at: string }>(
    `select payload_json->>'topic' as topic, ${isoTime("max(created_at)")} as at
     from event_log where event_type = 'worker_topic_completed' group by 1`,
  );
  const lastSuccess = new Map(successes.map(({ topic, at }) => [topic, at]));
  const { since, retried, moved } = counted!;
  const total = retried + moved;
  return {
    window_hours: 24,
    window_started_at: since,
    queue_depth: { [queues.default]: waiting, [queues.dead]: dead },
    ...(switches.metricsWithoutCounters
      ? {}
      : {
          failure_counters: {
            retry_scheduled: retried,
            moved_to_dlq: moved,
            total,
            alert_threshold: alertThreshold,
            alert_triggered: total >= alertThreshold,
          },
        }),
    last_success_by_topic: Object.fromEntries(
      topics.map((topic) => [topic, lastSuccess.get(topic) ?? null]),
    ),
  };
});
