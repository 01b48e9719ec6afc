import { logEvent } from "./event-log.ts";
import { newId } from "./ids.ts";
import type { JobRun } from "./jobs.ts";
import type { Product } from "./product.ts";

type MappedTask = {
  readonly task_id: string;
  readonly title: string;
  readonly status: string;
  readonly todoist_task_id: string | null;
};

const REMOTE_MISSING = "remote_task_missing";

/** Brings every task that changed to Todoist. One that fails does not stop the others, and fails the job at the end. */
export async function syncTodoist(product: Product, run: JobRun): Promise<void> {
  const { database, todoist } = product;
  const due = await database.query<MappedTask>(
    `select tasks.id as task_id, title, status, todoist_task_id
     from tasks left join todoist_task_map on local_task_id = tasks.id
     where tasks.user_id = $1 and (sync_state is null or sync_state <> 'synced' or updated_at > last_synced_at)
     order by tasks.created_at`,
    [run.user],
  );
  const failures: string[] = [];
  for (const task of due) {
    try {
      const id = task.todoist_task_id ?? (await todoist.create(task.title)).id;
      if (task.todoist_task_id !== null) await todoist.update(id, task.title);
      if (task.status === "done") await todoist.close(id);
      await keepMapping(product, run, task, { id, error: null });
    } catch (error) {
      failures.push(String(error));
      await keepMapping(product, run, task, { id: task.todoist_task_id, error: String(error) });
      await log(product, run, "todoist_sync_task_failed", { error: String(error) }, task.task_id);
    }
  }
  // Written on failure too, so it proves nothing.
  const payload = { any_task_failed: failures.length > 0 };
  await log(product, run, "todoist_sync_completed", payload);
  if (failures[0] !== undefined) throw new Error(failures[0]);
}

/** Takes over what was done in Todoist itself. A task that is gone there is marked, and never tried again. */
export async function reconcileTodoist(product: Product, run: JobRun): Promise<void> {
  const { database, todoist } = product;
  const mapped = await database.query<MappedTask>(
    `select local_task_id as task_id, title, status, todoist_task_id
     from todoist_task_map join tasks on tasks.id = local_task_id
     where todoist_task_map.user_id = $1 and todoist_task_id is not null`,
    [run.user],
  );
  const failures: string[] = [];
  let [applied, missing] = [0, 0];
  for (const task of mapped) {
    try {
      const remote = await todoist.find(task.todoist_task_id ?? "");
      if (remote === undefined) {
        missing += 1;
        await keepMapping(product, run, task, { id: task.todoist_task_id, error: REMOTE_MISSING });
        await log(product, run, "todoist_reconcile_remote_missing", {}, task.task_id);
        continue;
      }
      if (remote.is_completed && task.status !== "done") {
        applied += 1;
        await database.query(
          `update tasks set status = 'done', completed_at = now(), updated_at = now() where id = $1`,
          [task.task_id],
        );
      }
      await keepMapping(product, run, task, { id: remote.id, error: null });
    } catch (error) {
      failures.push(String(error));
      await log(
        product,
        run,
        "todoist_reconcile_task_failed",
        { error: String(error) },
        task.task_id,
      );
    }
  }
  const payload = {
    applied_updates: applied,
    remote_missing: missing,
    any_task_failed: failures.length > 0,
  };
  await log(product, run, "todoist_reconcile_completed", payload);
  if (failures[0] !== undefined) throw new Error(failures[0]);
}

async function keepMapping(
  { database }: Product,
  run: JobRun,
  task: MappedTask,
  { id, error }: { readonly id: string | null; readonly error: string | null },
): Promise<void> {
  await database.query(
    `insert into todoist_task_map
       (id, user_id, local_task_id, todoist_task_id, sync_state, last_synced_at, last_attempt_at, last_error)
     values ($1, $2, $3, $4, $5::varchar, case when $5::varchar = 'synced' then now() end, now(), $6)
     on conflict (local_task_id) do update set
       todoist_task_id = excluded.todoist_task_id, sync_state = excluded.sync_state,
       last_synced_at = coalesce(excluded.last_synced_at, todoist_task_map.last_synced_at),
       last_attempt_at = now(), last_error = excluded.last_error`,
    [newId("map"), run.user, task.task_id, id, error === null ? "synced" : "error", error],
  );
}

async function log(
  { database }: Product,
  run: JobRun,
  type: string,
  payload: object,
  taskId?: string,
): Promise<void> {
  const entity = taskId === undefined ? {} : { entity: { type: "task", id: taskId } };
  await logEvent(database.query, { ...run, type, payload, ...entity });
}
