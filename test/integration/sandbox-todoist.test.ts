import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "vitest";

import { startWorld } from "../../sandbox/world.ts";
import type { World } from "../../sandbox/world.ts";
import { query } from "../support/records.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ timing: { workerPausesMs: [5, 10, 15, 20] } });
});
afterAll(async () => world[Symbol.asyncDispose]());

/** Enqueues a job and waits until it has ended: completed, or given up. */
async function run(path: string): Promise<string> {
  const response = await fetch(`${world.product.apiUrl}${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${world.product.apiToken}`,
      "idempotency-key": randomUUID(),
    },
  });
  const { job_id: jobId } = (await response.json()) as { readonly job_id: string };
  const ended = async () => {
    const { rows } = await query<{ event_type: string }>(
      world.product.databaseUrl,
      `select event_type from event_log where request_id = $1
         and event_type in ('worker_topic_completed', 'worker_moved_to_dlq')`,
      [`job_${jobId}`],
    );
    return rows[0]?.event_type;
  };
  await expect.poll(ended, { timeout: 20_000 }).toBeDefined();
  return (await ended())!;
}
const sync = () => run("/v1/sync/todoist");
const reconcile = () => run("/v1/sync/todoist/reconcile");
const mapping = async (task: string) => {
  const { rows } = await query<{ todoist_task_id: string; sync_state: string; last_error: string }>(
    world.product.databaseUrl,
    "select todoist_task_id, sync_state, last_error from todoist_task_map where local_task_id = $1",
    [task],
  );
  return rows[0];
};
const contents = () => world.todoist.tasks().map(({ content }) => content);

test("a sync creates in Todoist what is not there yet, once", async () => {
  expect(contents()).not.toContain("Buy a present for Mira");
  expect(await sync()).toBe("worker_topic_completed");
  expect(await sync()).toBe("worker_topic_completed");
  expect(contents().filter((content) => content === "Buy a present for Mira")).toHaveLength(1);
  expect(await mapping("tsk_a1d3770c9e04")).toMatchObject({ sync_state: "synced" });
  expect((await world.effects())["todoistTasksCreated"]).toBe(1);
});

test("a reconcile takes over what was done in Todoist, and marks what is gone there", async () => {
  const [train] = world.todoist.tasks().filter(({ content }) => content.includes("Hamburg"));
  await fetch(`${world.todoist.url}/tasks/${train!.id}/close`, {
    method: "POST",
    headers: { authorization: `Bearer ${world.todoist.token}` },
  });
  world.todoist.remove((await mapping("tsk_a1d3770c9e03"))!.todoist_task_id);
  expect(await reconcile()).toBe("worker_topic_completed");
  const { rows } = await query<{ status: string }>(
    world.product.databaseUrl,
    "select status from tasks where id = 'tsk_a1d3770c9e02'",
  );
  expect(rows).toEqual([{ status: "done" }]);
  expect(await mapping("tsk_a1d3770c9e03")).toMatchObject({
    sync_state: "error",
    last_error: "remote_task_missing",
  });
});

test("every later sync fails on a task that is gone in Todoist, and becomes a dead letter", async () => {
  expect(await sync()).toBe("worker_moved_to_dlq");
});

test("a revoked token is refused with the status of the real one, and is counted", async () => {
  await world.break("todoist-token-revoked");
  const response = await fetch(`${world.todoist.url}/projects`, {
    headers: { authorization: `Bearer ${world.todoist.token}` },
  });
  expect(response.status).toBe(401);
  expect(await reconcile()).toBe("worker_moved_to_dlq");
  expect((await world.effects())["todoistRefusals"]).toBeGreaterThan(1);
  await world.heal("todoist-token-revoked");
});
