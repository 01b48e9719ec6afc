import { randomUUID } from "node:crypto";

import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { query } from "../support/records.ts";

/** Short enough to see a report grow old, long enough to see it believed. */
const CACHE_MS = 1_500;

let world: World;
beforeAll(async () => {
  world = await startWorld({
    revision: "B",
    timing: {
      modelTimeoutMs: 400,
      modelPausesMs: [5, 10],
      workerPausesMs: [5, 10, 15, 20],
      preflightTimeoutMs: 300,
      preflightCacheMs: CACHE_MS,
    },
  });
});
afterAll(() => world[Symbol.asyncDispose]());

type Answer<Body> = { readonly status: number; readonly text: string; readonly json: Body };
type WorkItem = Readonly<Record<string, unknown>> & { readonly id: string; readonly title: string };
type Refused = { readonly detail: unknown };

async function call<Body = Refused>(
  method: string,
  path: string,
  options: { readonly key?: string | null; readonly body?: unknown; readonly token?: null } = {},
): Promise<Answer<Body>> {
  const { key = randomUUID(), body, token } = options;
  const response = await fetch(`${world.product.apiUrl}${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${world.product.apiToken}` }),
      ...(key === null ? {} : { "idempotency-key": key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return { status: response.status, text, json: (isJson ? JSON.parse(text) : undefined) as Body };
}
const create = (item: object, key?: string): Promise<Answer<WorkItem>> =>
  call("POST", "/v1/work_items", { body: item, ...(key === undefined ? {} : { key }) });
const list = async (filter = ""): Promise<readonly WorkItem[]> =>
  (await call<readonly WorkItem[]>("GET", `/v1/work_items${filter}`)).json;
const change = (id: string, body: object, key?: string): Promise<Answer<WorkItem & Refused>> =>
  call("PATCH", `/v1/work_items/${id}`, { body, ...(key === undefined ? {} : { key }) });

describe("revision B", () => {
  test("has its own schema beside that of A, in which nothing was copied", async () => {
    const { rows } = await query(
      world.environment["SANDBOX_DATABASE_URL"]!,
      `select version_num, (select count(*)::int from work_items) as items,
         (select count(*)::int from tasks) as tasks from alembic_version`,
    );
    expect(rows).toEqual([{ version_num: "c4f2d9e1a7b3", items: 0, tasks: 4 }]);
  });

  test("misses its own last migration while the database is behind", async () => {
    const revision = async () =>
      (await query(world.product.databaseUrl, "select version_num from alembic_version")).rows;
    await world.break("database-behind");
    expect(await revision()).toEqual([{ version_num: "b6e3a9c1d4f2" }]);
    await world.heal("database-behind");
    expect(await revision()).toEqual([{ version_num: "c4f2d9e1a7b3" }]);
  });

  test.each([
    ["POST", "/v1/sync/todoist"],
    ["POST", "/v1/sync/todoist/reconcile"],
    ["GET", "/v1/sync/todoist/status"],
    ["GET", "/v1/tasks"],
  ])("knows no %s %s", async (method, path) => {
    const answer = await call(method, path);
    expect([answer.status, answer.json]).toEqual([404, { detail: "Not Found" }]);
  });

  test("fails every capture by HTTP, with nothing saved and nothing enqueued", async () => {
    const saved = async () =>
      (
        await query(
          world.product.databaseUrl,
          "select (select count(*) from inbox_items) as thoughts, (select count(*) from tasks) as tasks",
        )
      ).rows;
    const [before, effects] = [await saved(), await world.effects()];
    const thought = { chat_id: "prod-smoke", source: "api", message: "buy milk" };
    const key = randomUUID();
    for (let time = 0; time < 2; time += 1) {
      const answer = await call("POST", "/v1/capture/thought", { key, body: thought });
      expect([answer.status, answer.text]).toEqual([500, "Internal Server Error"]);
    }
    expect(await saved()).toEqual(before);
    const after = await world.effects();
    expect([after["captures"], after["jobsEnqueued"]]).toEqual([
      effects["captures"],
      effects["jobsEnqueued"],
    ]);
  });

  test("still looks at a capture's sender, key and body first", async () => {
    const path = "/v1/capture/thought";
    expect((await call("POST", path, { token: null })).status).toBe(401);
    expect((await call("POST", path, { key: null })).status).toBe(400);
    expect((await call("POST", path, { body: { chat_id: "x" } })).status).toBe(422);
  });

  test("answers questions as A does", async () => {
    const answer = await call<{ readonly confidence: number }>("POST", "/v1/query/ask", {
      key: null,
      body: { chat_id: "prod-smoke", query: "what is open?" },
    });
    expect([answer.status, answer.json.confidence]).toEqual([200, 0.82]);
  });

  test("refreshes a plan although tasks are open, and drops a job of A's without a trace", async () => {
    const fateOf = async (jobId: string) =>
      (
        await query<{ event_type: string }>(
          world.product.databaseUrl,
          "select event_type from event_log where request_id = $1",
          [`job_${jobId}`],
        )
      ).rows.map((row) => row.event_type);
    const dropped = randomUUID();
    const redis = new Redis(world.product.redisUrl);
    const payload = { user_id: "usr_dev" };
    const job = { job_id: dropped, topic: "sync.todoist", payload };
    await redis.rpush("default_queue", JSON.stringify(job));
    redis.disconnect();
    const { json } = await call<{ readonly job_id: string }>("POST", "/v1/plan/refresh", {
      body: { chat_id: "prod-smoke" },
    });
    await expect
      .poll(async () => (await fateOf(json.job_id)).toSorted(), { timeout: 10_000 })
      .toEqual(["plan_refresh_completed", "worker_topic_completed"]);
    expect(await fateOf(dropped)).toEqual([]);
  });

  test("shows its own topics in the metrics, and a window whose time has a zone", async () => {
    const { json } = await call<{
      readonly window_started_at: string;
      readonly last_success_by_topic: object;
    }>("GET", "/health/metrics");
    expect(Object.keys(json.last_success_by_topic)).toEqual([
      "memory.summarize",
      "memory.compact",
      "plan.refresh",
      "reminders.dispatch",
    ]);
    expect(json.window_started_at).toMatch(/\+00:00$/);
  });
});

describe("work items", () => {
  test("are created in full, without the model and without Redis, and are counted", async () => {
    const before = await world.effects();
    await world.break("xai-hangs");
    await world.break("redis-down");
    const answer = await create({ kind: "task", title: "  Ops smoke item " });
    await world.healAll();
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/);
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        id: expect.stringMatching(/^tsk_[0-9a-f]{12}$/),
        user_id: "usr_dev",
        kind: "task",
        parent_id: null,
        area_id: null,
        title: "Ops smoke item",
        title_norm: "ops smoke item",
        notes: null,
        attributes_json: {},
        status: "open",
        priority: null,
        due_at: null,
        scheduled_for: null,
        snooze_until: null,
        estimated_minutes: null,
        created_at: time,
        updated_at: time,
        completed_at: null,
        archived_at: null,
      },
    ]);
    const after = await world.effects();
    expect(after["workItemsCreated"]! - before["workItemsCreated"]!).toBe(1);
    expect(after["xaiCompletions"]).toBe(before["xaiCompletions"]);
  });

  test("are created once under one key, and the key collides with another body", async () => {
    const key = randomUUID();
    const before = await world.effects();
    const first = await create({ kind: "project", title: "Once" }, key);
    expect((await create({ kind: "project", title: "Once" }, key)).json).toEqual(first.json);
    expect((await create({ kind: "project", title: "Twice" }, key)).status).toBe(409);
    const after = await world.effects();
    expect(after["workItemsCreated"]! - before["workItemsCreated"]!).toBe(1);
  });

  test.each([
    ["POST", "/v1/work_items"],
    ["PATCH", "/v1/work_items/tsk_000000000000"],
  ])("demand a token and then a key of %s %s", async (method, path) => {
    const stranger = await call(method, path, { token: null, key: null });
    expect([stranger.status, stranger.json]).toEqual([
      401,
      { detail: "Missing or invalid authorization header" },
    ]);
    const keyless = await call(method, path, { key: null });
    expect([keyless.status, keyless.json]).toEqual([
      400,
      { detail: "Missing Idempotency-Key header" },
    ]);
  });

  test("are listed by id and not by age, a page at a time, up to two hundred", async () => {
    for (let n = 0; n < 210; n += 1) await create({ kind: "subtask", title: `Item ${n}` });
    expect(await list("?kind=subtask")).toHaveLength(100);
    const first = await list("?kind=subtask&limit=1000");
    expect(first).toHaveLength(200);
    const rest = await list(`?kind=subtask&limit=200&cursor=${first.at(-1)!.id}`);
    const ids = [...first, ...rest].map((item) => item.id);
    expect(ids).toHaveLength(210);
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(210);
    const byAge = await query<{ id: string }>(
      world.product.databaseUrl,
      "select id from work_items where kind = 'subtask' order by created_at",
    );
    expect(ids).not.toEqual(byAge.rows.map((row) => row.id));
  });

  test("are filtered by kind, status and parent", async () => {
    const parent = (await create({ kind: "project", title: "Parent" })).json.id;
    const child = await create({ kind: "task", title: "Child", parent_id: parent });
    expect(await list(`?parent_id=${parent}`)).toEqual([child.json]);
    expect(await list(`?parent_id=${parent}&kind=project`)).toEqual([]);
    expect(await list(`?parent_id=${parent}&status=open`)).toEqual([child.json]);
    expect(await list(`?parent_id=${parent}&status=archived`)).toEqual([]);
  });

  test("are archived by a change, which is counted once however often it is sent", async () => {
    const { id } = (await create({ kind: "task", title: "Short life" })).json;
    const before = await world.effects();
    const key = randomUUID();
    const archived = await change(id, { status: "archived" }, key);
    expect(archived.status).toBe(200);
    expect(archived.json).toMatchObject({ id, status: "archived", title: "Short life" });
    expect(archived.json["archived_at"]).toEqual(expect.stringContaining("+00:00"));
    expect((await change(id, { status: "archived" }, key)).json).toEqual(archived.json);
    expect((await change(id, { status: "archived" })).status).toBe(200);
    const after = await world.effects();
    expect(after["workItemsArchived"]! - before["workItemsArchived"]!).toBe(1);
    expect((await list(`?status=archived`)).map((item) => item.id)).toContain(id);
  });

  test("that are not there cannot be changed, and a change must change something", async () => {
    const missing = await change("tsk_000000000000", { status: "archived" });
    expect([missing.status, missing.json]).toEqual([404, { detail: "Work item not found" }]);
    const { id } = (await create({ kind: "task", title: "Unchanged" })).json;
    const empty = await change(id, {});
    expect([empty.status, empty.json]).toEqual([400, { detail: "No fields to update" }]);
  });

  test.each([
    ["a kind that is none", "POST", "/v1/work_items", { kind: "tea", title: "x" }],
    ["a missing title", "POST", "/v1/work_items", { kind: "task" }],
    [
      "a priority that is none",
      "POST",
      "/v1/work_items",
      { kind: "task", title: "x", priority: 9 },
    ],
    ["a status that is none", "PATCH", "/v1/work_items/tsk_0", { status: "gone" }],
    ["a limit that is no number", "GET", "/v1/work_items?limit=all", undefined],
    ["a filter for a kind that is none", "GET", "/v1/work_items?kind=tea", undefined],
  ])("are refused for %s", async (_, method, path, body) => {
    const answer = await call(method, path, { body });
    expect(answer.status).toBe(422);
    expect(answer.json.detail).toEqual([
      expect.objectContaining({ loc: [method === "GET" ? "query" : "body", expect.any(String)] }),
    ]);
  });
});

describe("the preflight of B", () => {
  type Report = { readonly status: string; readonly checked_at: string; readonly checks: object };
  const preflight = async (): Promise<Report> => {
    const answer = await call<Report>("GET", "/health/preflight", { token: null, key: null });
    expect(answer.status).toBe(200);
    return answer.json;
  };
  const ready = async (): Promise<unknown[]> => {
    const answer = await call("GET", "/health/ready", { token: null, key: null });
    return [answer.status, answer.json];
  };
  const soon = { timeout: 10_000, interval: 100 };

  test("is public, always 200, and says what it saw and when", async () => {
    await expect.poll(preflight, soon).toEqual({
      status: "ok",
      checked_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/),
      checks: { llm: { ok: true }, telegram: { ok: true } },
    });
    // A test before may have left a dead connection, which fails the first call.
    await expect.poll(ready, soon).toEqual([200, { status: "ready" }]);
  });

  test("is believed while it is young: a revoked key looks well, a repaired one looks broken", async () => {
    const first = await freshReport();
    await world.break("xai-key-revoked");
    expect(await preflight()).toEqual(first);
    expect(await ready()).toEqual([200, { status: "ready" }]);
    // xAI calls a wrong key a bad request, so the product does not see that it is the key.
    const failed = [503, { detail: "Preflight failed: llm:llm_http_400" }];
    await expect.poll(ready, soon).toEqual(failed);
    const report = await preflight();
    expect(report).toMatchObject({ status: "failed", checks: { telegram: { ok: true } } });
    await world.heal("xai-key-revoked");
    expect(await preflight()).toEqual(report);
    await expect.poll(ready, soon).toEqual([200, { status: "ready" }]);
  });

  test("gives up a model that hangs and calls it unreachable", async () => {
    await world.break("xai-hangs");
    await expect
      .poll(ready, soon)
      .toEqual([503, { detail: "Preflight failed: llm:llm_unreachable" }]);
    await world.heal("xai-hangs");
    await expect.poll(ready, soon).toEqual([200, { status: "ready" }]);
  });

  test("comes after the stores", async () => {
    await world.break("redis-down");
    expect(await ready()).toEqual([503, { detail: "Infrastructure unreachable" }]);
    await world.heal("redis-down");
    await expect.poll(ready, soon).toEqual([200, { status: "ready" }]);
  });

  /** A report that was made just now, so that it will be believed for a while. */
  async function freshReport(): Promise<Report> {
    const { checked_at: old } = await preflight();
    await expect.poll(async () => (await preflight()).checked_at, soon).not.toBe(old);
    return preflight();
  }
});
