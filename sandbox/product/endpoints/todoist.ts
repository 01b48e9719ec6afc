import { isoTime } from "../iso-time.ts";
import { enqueue, newJob } from "../queue.ts";
import { emptyPostRoute, readRoute } from "../route.ts";

/** Both answers mean that a job was enqueued and say nothing about Todoist. */
export const syncTodoist = emptyPostRoute("/v1/sync/todoist", async (product, { user }) => {
  const job = newJob("sync.todoist", { user_id: user });
  await enqueue(product, job);
  return { status: "ok", job_id: job.job_id };
});

export const reconcileTodoist = emptyPostRoute(
  "/v1/sync/todoist/reconcile",
  async (product, { user }) => {
    const job = newJob("sync.todoist.reconcile", { user_id: user });
    await enqueue(product, job);
    return { status: "ok", enqueued: true, job_id: job.job_id };
  },
);

export const todoistStatus = readRoute(
  "/v1/sync/todoist/status",
  async ({ database }, { user }) => {
    const [status] = await database.query(
      `select
         count(*)::int as total_mapped,
         count(*) filter (where sync_state = 'pending')::int as pending_sync,
         count(*) filter (where sync_state = 'error')::int as error_count,
         ${isoTime("max(last_synced_at)")} as last_synced_at,
         ${isoTime("max(last_attempt_at)")} as last_attempt_at,
         (select ${isoTime("max(created_at)")} from event_log
           where user_id = $1 and event_type = 'todoist_reconcile_completed') as last_reconcile_at,
         (select count(*)::int from event_log
           where user_id = $1 and event_type = 'todoist_reconcile_task_failed'
             and created_at > now() - interval '60 minutes') as reconcile_error_count
       from todoist_task_map where user_id = $1`,
      [user],
    );
    return status!;
  },
);
