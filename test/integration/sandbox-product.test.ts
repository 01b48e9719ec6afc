import { randomUUID } from "node:crypto";

import { Redis } from "ioredis";
import { Client } from "pg";
import type { QueryResultRow } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { type World, startWorld } from "../../sandbox/world.ts";

let world: World;
let redis: Redis;
beforeAll(async () => {
  world = await startWorld({
    timing: {
      modelTimeoutMs: 400,
      modelPausesMs: [5, 10],
      redisTimeoutMs: 500,
      workerPausesMs: [5, 10, 15, 20],
      workerErrorPauseMs: 50,
    },
  });
  redis = new Redis(world.product.redisUrl);
  redis.on("error", () => {
    // Some tests stop Redis; this connection comes back by itself.
  });
});
afterAll(async () => {
  redis.disconnect();
  await world[Symbol.asyncDispose]();
});
beforeEach(async () => {
  // What becomes of a job that fails is shown by one that Todoist refuses.
  await world.break("todoist-token-revoked");
  // A test before may have left a dead connection in a pool; two calls replace one in each.
  for (const path of ["/health/ready", "/health/ready"]) await call("GET", path);
  await redis.del(
    "rate_limit:capture:usr_dev",
    "rate_limit:query:usr_dev",
    "rate_limit:plan:usr_dev",
  );
});

const thought = { chat_id: "prod-smoke", source: "api", message: "buy milk" };
const question = { chat_id: "prod-smoke", query: "What about the milk?" };

type Answer<Body = unknown> = { status: number; text: string; json: Body; headers: Headers };
type Captured = { inbox_item_id: string; applied: Record<string, number> };
type Enqueued = { job_id: string };
type Refused = { detail: string };
type Spent = { input_tokens: number; output_tokens: number; estimated_usd: number };
type Costs = { totals: Spent; breakdown: (Spent & { operation: string })[] };
type Metrics = { failure_counters: { alert_triggered: boolean } };
type SyncStatus = { last_reconcile_at: string; last_synced_at: string };

async function call<Body = unknown>(
  method: string,
  path: string,
  options: {
    token?: string | null;
    key?: string | null;
    body?: unknown;
    headers?: Record<string, string>;
  } = {},
): Promise<Answer<Body>> {
  const { token = world.product.apiToken, key, body } = options;
  const response = await fetch(`${world.product.apiUrl}${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(typeof key === "string" ? { "idempotency-key": key } : {}),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return {
    status: response.status,
    text,
    json: (isJson && text !== "" ? JSON.parse(text) : undefined) as Body,
    headers: response.headers,
  };
}
function post<Body = unknown>(
  path: string,
  body: unknown,
  key: string | null = randomUUID(),
): Promise<Answer<Body>> {
  return call("POST", path, { key, body });
}
const capture = (key?: string): Promise<Answer<Captured>> =>
  post("/v1/capture/thought", thought, key);

async function rows<Row extends QueryResultRow>(
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString: world.product.databaseUrl });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}
async function eventually<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  await expect.poll(look, { timeout: 15_000, interval: 50 }).toBeTruthy();
  return (await look())!;
}
type JobEvent = { event_type: string; payload_json: { attempt: number } };
/** The rows of a job's own fate, without those of what it did. */
const fateOf = (jobId: string): Promise<JobEvent[]> =>
  rows(
    `select event_type, payload_json from event_log
     where request_id = $1 and entity_type = 'job' order by created_at, id`,
    [`job_${jobId}`],
  );

const keyed = [
  "/v1/capture/thought",
  "/v1/sync/todoist",
  "/v1/sync/todoist/reconcile",
  "/v1/plan/refresh",
];
const guarded: readonly [string, string][] = [
  ["GET", "/health/metrics"],
  ["GET", "/health/costs/daily"],
  ["GET", "/v1/sync/todoist/status"],
  ["POST", "/v1/query/ask"],
  ...keyed.map((path): [string, string] => ["POST", path]),
];

describe("who asks", () => {
  test.each(guarded)("%s %s refuses a request without a token", async (method, path) => {
    const answer = await call(method, path, { token: null });
    expect([answer.status, answer.json]).toEqual([
      401,
      { detail: "Missing or invalid authorization header" },
    ]);
  });

  test.each(guarded)("%s %s refuses the token of another place", async (method, path) => {
    const answer = await call(method, path, { token: world.product.stagingApiToken });
    expect([answer.status, answer.json]).toEqual([401, { detail: "Invalid token" }]);
  });

  test("another scheme than Bearer is a missing header", async () => {
    const answer = await call("GET", "/health/metrics", {
      token: null,
      headers: { authorization: `Basic ${world.product.apiToken}` },
    });
    expect(answer.json).toEqual({ detail: "Missing or invalid authorization header" });
  });

  test("is looked at before the key, and the key before the body", async () => {
    const path = "/v1/capture/thought";
    expect((await call("POST", path, { token: null, body: "nonsense" })).status).toBe(401);
    const withoutKey = await call("POST", path, { key: null, body: "nonsense" });
    expect([withoutKey.status, withoutKey.json]).toEqual([
      400,
      { detail: "Missing Idempotency-Key header" },
    ]);
    expect((await post(path, "nonsense")).status).toBe(422);
  });
});

describe("an idempotency key", () => {
  test.each(keyed)("is demanded by %s", async (path) => {
    expect((await call("POST", path, { key: null, body: thought })).status).toBe(400);
  });

  test("replays the stored answer without a second effect and without budget", async () => {
    const key = randomUUID();
    const first = await capture(key);
    const before = await world.effects();
    const budget = await redis.get("rate_limit:capture:usr_dev");
    const second = await capture(key);
    expect([second.status, second.json]).toEqual([200, first.json]);
    expect(await redis.get("rate_limit:capture:usr_dev")).toBe(budget);
    const after = await world.effects();
    expect([after["captures"], after["jobsEnqueued"]]).toEqual([
      before["captures"],
      before["jobsEnqueued"],
    ]);
  });

  test.each([
    ["another body", "/v1/capture/thought", { ...thought, message: "buy bread" }],
    ["another endpoint", "/v1/sync/todoist", undefined],
  ])("collides with %s", async (_, path, body) => {
    const key = randomUUID();
    await capture(key);
    const answer = await post(path, body, key);
    expect([answer.status, answer.json]).toEqual([409, { detail: "Idempotency key collision" }]);
  });

  test("still replays after it has expired, for nobody reads when it does", async () => {
    const key = randomUUID();
    const first = await capture(key);
    await rows("update idempotency_keys set expires_at = now() - interval '1 day'");
    expect((await capture(key)).json).toEqual(first.json);
  });

  test("does not protect against being sent in parallel: one 200, the rest 500, every job enqueued", async () => {
    const key = randomUUID();
    const before = await world.effects();
    // The model keeps all of them busy, so that the last has looked for the key before the first stores its answer.
    await world.break("xai-hangs");
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => capture(key)));
    await world.heal("xai-hangs");
    const statuses = answers.map((answer) => answer.status).toSorted((one, other) => one - other);
    expect(statuses).toEqual([200, 500, 500, 500, 500]);
    expect((await world.effects())["jobsEnqueued"]).toBe(before["jobsEnqueued"]! + 5);
  });
});

describe("an answer", () => {
  test.each([
    ["GET", "/health/live", 200],
    ["GET", "/nowhere", 404],
    ["POST", "/health/live", 405],
    ["GET", "/health/metrics", 200],
  ])("to %s %s carries an id of the server's making", async (method, path, status) => {
    const answer = await call(method, path, { headers: { "x-request-id": "mine" } });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  });

  test.each([
    ["an unknown path", "GET", "/nowhere", 404, { detail: "Not Found" }],
    ["an endpoint of a later revision", "GET", "/health/preflight", 404, { detail: "Not Found" }],
    ["a wrong method", "GET", "/v1/query/ask", 405, { detail: "Method Not Allowed" }],
  ])("to %s says so", async (_, method, path, status, body) => {
    const answer = await call(method, path);
    expect([answer.status, answer.json]).toEqual([status, body]);
  });

  test("to HEAD is 405, because no endpoint knows HEAD", async () => {
    expect((await call("HEAD", "/health/live")).status).toBe(405);
  });

  test("over the limit names the class and the seconds, in the body alone", async () => {
    await redis.set("rate_limit:capture:usr_dev", "20", "EX", 58);
    const answer = await post<Refused>("/v1/capture/thought", thought);
    expect(answer.status).toBe(429);
    expect(answer.json.detail).toMatch(/^Rate limit exceeded for capture\. Retry in 5[0-9]s\.$/);
    expect(answer.headers.has("retry-after")).toBe(false);
  });

  test("comes for twenty captures a minute, and not for one more", async () => {
    const statuses = [];
    for (let count = 0; count < 21; count += 1) statuses.push((await capture()).status);
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 200), 429]);
  });
});

describe("a capture", () => {
  test("saves the thought and its task, and enqueues one job that the worker completes", async () => {
    const before = await world.effects();
    const answer = await capture();
    expect(answer.json).toEqual({
      status: "ok",
      inbox_item_id: expect.stringMatching(/^inb_[0-9a-f]{12}$/),
      applied: {
        tasks_created: 1,
        tasks_updated: 0,
        problems_created: 0,
        goals_created: 0,
        links_created: 0,
      },
      plan_refresh_enqueued: false,
      summary_refresh_enqueued: true,
      reason: null,
    });
    const id = answer.json.inbox_item_id;
    expect(await rows("select title from tasks where source_inbox_item_id = $1", [id])).toEqual([
      { title: "buy milk" },
    ]);
    const [summary] = await eventually(async () => {
      const found = await rows<{ summary_text: string }>(
        "select summary_text from memory_summaries where source_inbox_item_id = $1",
        [id],
      );
      return found.length > 0 ? found : undefined;
    });
    expect(summary!.summary_text).toMatch(/^Summary: buy milk/);
    await eventually(
      async () => (await world.effects())["jobsCompleted"]! > before["jobsCompleted"]!,
    );
    const after = await world.effects();
    expect(after["captures"]! - before["captures"]!).toBe(1);
    expect(after["tasksCreated"]! - before["tasksCreated"]!).toBe(1);
    expect(after["jobsEnqueued"]! - before["jobsEnqueued"]!).toBe(1);
  });

  test.each(["xai-key-revoked", "xai-answers-500", "xai-hangs"] as const)(
    "is answered with 200 and no task while %s, and looks like a success in the books",
    async (fault) => {
      await world.break(fault);
      const answer = await capture();
      await world.heal(fault);
      expect(answer.status).toBe(200);
      expect(answer.json.inbox_item_id).toMatch(/^inb_/);
      expect(Object.values(answer.json.applied)).toEqual([0, 0, 0, 0, 0]);
      const runs = await rows(
        "select status, input_tokens from prompt_runs where request_id = $1 and operation = 'extract'",
        [answer.headers.get("x-request-id")],
      );
      expect(runs).toEqual([{ status: "success", input_tokens: 0 }]);
    },
  );

  test("with Redis down is a 500 and saves nothing, yet a stranger still hears 401", async () => {
    const [before] = await rows("select count(*) from inbox_items");
    await world.break("redis-down");
    const answer = await capture();
    const stranger = await call("POST", "/v1/capture/thought", { token: null });
    await world.heal("redis-down");
    expect([answer.status, answer.text]).toEqual([500, "Internal Server Error"]);
    expect(answer.headers.get("content-type")).toContain("text/plain");
    expect(answer.headers.has("x-request-id")).toBe(false);
    expect(stranger.status).toBe(401);
    expect(await rows("select count(*) from inbox_items")).toEqual([before]);
  });
});

describe("a question", () => {
  test("is answered with a confidence, without a key", async () => {
    const answer = await call("POST", "/v1/query/ask", { body: question });
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        schema_version: "query.v1",
        mode: "query",
        answer: "Here is what I know about: What about the milk?",
        confidence: 0.82,
        highlights: null,
        citations: null,
        suggested_actions: null,
        surfaced_entity_ids: [],
        follow_up_question: null,
      },
    ]);
  });

  test("without a model gets an apology with 200 and confidence 0, and leaves two traces", async () => {
    await world.break("xai-key-revoked");
    const answer = await call("POST", "/v1/query/ask", { body: question });
    await world.heal("xai-key-revoked");
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      answer: "I'm sorry, I couldn't process your request.",
      confidence: 0,
    });
    const requestId = answer.headers.get("x-request-id");
    expect(
      await rows("select event_type from event_log where request_id = $1", [requestId]),
    ).toEqual([{ event_type: "query_fallback_used" }]);
    expect(await rows("select status from prompt_runs where request_id = $1", [requestId])).toEqual(
      [{ status: "error" }],
    );
  });

  test("has a budget of its own", async () => {
    await redis.set("rate_limit:query:usr_dev", "30", "EX", 30);
    const answer = await call<Refused>("POST", "/v1/query/ask", { body: question });
    expect(answer.json.detail).toMatch(/^Rate limit exceeded for query\./);
    expect((await capture()).status).toBe(200);
  });
});

describe("health", () => {
  const live = (): Promise<Answer> => call("GET", "/health/live", { token: null });
  const ready = (): Promise<Answer> => call("GET", "/health/ready", { token: null });
  const unreachable = [503, { detail: "Infrastructure unreachable" }];

  test("is live and ready, for anyone", async () => {
    expect((await live()).json).toEqual({ status: "ok" });
    expect((await ready()).json).toEqual({ status: "ready" });
  });

  test("is live with everything down, and ready says no without saying why", async () => {
    for (const fault of ["database-down", "redis-down", "xai-answers-500"] as const)
      await world.break(fault);
    const answers = { live: await live(), ready: await ready() };
    await world.healAll();
    expect([answers.live.status, answers.live.json]).toEqual([200, { status: "ok" }]);
    expect([answers.ready.status, answers.ready.json]).toEqual(unreachable);
  });

  test.each(["database-down", "redis-down"] as const)(
    "after %s was mended is 503 once more, for the stale connection, and then 200",
    async (fault) => {
      expect((await ready()).status).toBe(200);
      await world.break(fault);
      await world.heal(fault);
      const first = await ready();
      expect([first.status, first.json]).toEqual(unreachable);
      expect((await ready()).status).toBe(200);
    },
  );

  test("never answers while the database is frozen, and goes on when it thaws", async () => {
    await world.break("database-frozen");
    const answer = ready();
    const first = await Promise.race([
      answer.then(() => "answered"),
      new Promise((resolve) => setTimeout(() => resolve("silent"), 1_500)),
    ]);
    await world.heal("database-frozen");
    expect(first).toBe("silent");
    expect((await answer).status).toBe(200);
  });

  test("is 503 after the timeout of the connection while Redis is frozen", async () => {
    await world.break("redis-frozen");
    const answer = await ready();
    await world.heal("redis-frozen");
    expect([answer.status, answer.json]).toEqual(unreachable);
    expect((await ready()).status).toBe(200);
  });

  test("metrics show queues, failures and the last successes, and fail as text without a store", async () => {
    const { json } = await call("GET", "/health/metrics");
    expect(json).toEqual({
      window_hours: 24,
      window_started_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/),
      queue_depth: { default_queue: expect.any(Number), dead_letter_queue: expect.any(Number) },
      failure_counters: {
        retry_scheduled: expect.any(Number),
        moved_to_dlq: expect.any(Number),
        total: expect.any(Number),
        alert_threshold: 5,
        alert_triggered: expect.any(Boolean),
      },
      last_success_by_topic: {
        "memory.summarize": expect.stringMatching(/\.\d{6}\+00:00$/),
        "plan.refresh": null,
        "sync.todoist": expect.stringMatching(/\.\d{6}\+00:00$/),
      },
    });
    await world.break("redis-down");
    const broken = await call("GET", "/health/metrics");
    await world.heal("redis-down");
    expect([broken.status, broken.text]).toEqual([500, "Internal Server Error"]);
  });

  test("costs add up what this user spent today, and do not need Redis", async () => {
    const before = (await call<Costs>("GET", "/health/costs/daily")).json;
    await capture();
    await world.break("redis-down");
    const after = await call<Costs>("GET", "/health/costs/daily");
    await world.heal("redis-down");
    expect(after.status).toBe(200);
    expect(after.json.totals.input_tokens - before.totals.input_tokens).toBe(120);
    expect(after.json.totals.output_tokens - before.totals.output_tokens).toBe(30);
    expect(after.json.totals.estimated_usd).toBeGreaterThan(before.totals.estimated_usd);
    const summarized = after.json.breakdown.find((row) => row.operation === "summarize");
    expect(summarized?.input_tokens).toBe(0);
  });
});

describe("the queue", () => {
  test("takes a sync as enqueued, whatever Todoist says, and buries it after five tries", async () => {
    const answer = await post<Enqueued>("/v1/sync/todoist", undefined);
    expect(answer.json).toEqual({ status: "ok", job_id: expect.any(String) });
    const jobId: string = answer.json.job_id;
    const letter = await eventually(async () => {
      const letters = await redis.lrange("dead_letter_queue", 0, -1);
      return letters.map((text) => JSON.parse(text)).find((job) => job.job_id === jobId);
    });
    expect(letter).toEqual({
      job_id: jobId,
      topic: "sync.todoist",
      payload: { user_id: "usr_dev" },
      attempt: 5,
    });
    const events = await fateOf(jobId);
    expect(events.map((event) => event.event_type)).toEqual([
      "worker_retry_scheduled",
      "worker_retry_scheduled",
      "worker_retry_scheduled",
      "worker_retry_scheduled",
      "worker_moved_to_dlq",
    ]);
    expect(events.map((event) => event.payload_json.attempt)).toEqual([1, 2, 3, 4, 5]);
    expect(events.at(-1)!.payload_json).toMatchObject({
      topic: "sync.todoist",
      job_id: jobId,
      max_attempts: 5,
      queue: "dead_letter_queue",
      error: expect.stringContaining("401"),
    });
    // One death is four retries and a move: enough for the alert.
    const { json } = await call<Metrics>("GET", "/health/metrics");
    expect(json.failure_counters.alert_triggered).toBe(true);
    await redis.del("dead_letter_queue");
  });

  test("gives a dead letter that is pushed back unchanged one try", async () => {
    const job = {
      job_id: randomUUID(),
      topic: "sync.todoist",
      payload: { user_id: "usr_dev" },
      attempt: 5,
    };
    await redis.rpush("default_queue", JSON.stringify(job));
    await eventually(async () => (await redis.llen("dead_letter_queue")) === 1);
    expect(await fateOf(job.job_id)).toHaveLength(1);
    await redis.del("dead_letter_queue");
  });

  test("drops an unknown topic and an unreadable job, and goes on", async () => {
    const stranger = { job_id: randomUUID(), topic: "tea.brew", payload: { user_id: "usr_dev" } };
    await redis.rpush("default_queue", JSON.stringify(stranger), "nonsense");
    const done = await world.effects();
    await capture();
    await eventually(
      async () => (await world.effects())["jobsCompleted"]! > done["jobsCompleted"]!,
    );
    expect(await fateOf(stranger.job_id)).toEqual([]);
    expect(await redis.llen("dead_letter_queue")).toBe(0);
  });

  test("completes a summary without a model, and says so only in the text", async () => {
    await world.break("xai-key-revoked");
    const { json } = await capture();
    const [summary] = await eventually(async () => {
      const found = await rows<{ summary_text: string }>(
        "select summary_text from memory_summaries where source_inbox_item_id = $1",
        [json.inbox_item_id],
      );
      return found.length > 0 ? found : undefined;
    });
    await world.heal("xai-key-revoked");
    expect(summary).toEqual({ summary_text: "No summary available." });
  });

  test("lets a plan refresh die as soon as one task is open", async () => {
    const answer = await post("/v1/plan/refresh", { chat_id: "prod-smoke" });
    expect(answer.json).toEqual({
      status: "ok",
      enqueued: true,
      job_id: expect.any(String),
      reason: null,
    });
    await eventually(async () => (await redis.llen("dead_letter_queue")) === 1);
    await redis.del("dead_letter_queue");
  });
});

describe("Todoist's status", () => {
  test("counts mappings and moves its last reconcile even when the reconcile failed", async () => {
    const before = (await call<SyncStatus>("GET", "/v1/sync/todoist/status")).json;
    expect(before).toMatchObject({ pending_sync: 0 });
    const answer = await post("/v1/sync/todoist/reconcile", undefined);
    expect(answer.json).toEqual({ status: "ok", enqueued: true, job_id: expect.any(String) });
    await eventually(async () => (await redis.llen("dead_letter_queue")) === 1);
    await redis.del("dead_letter_queue");
    const after = (await call<SyncStatus>("GET", "/v1/sync/todoist/status")).json;
    expect(after.last_reconcile_at > before.last_reconcile_at).toBe(true);
    expect(after.last_synced_at).toBe(before.last_synced_at);
  });
});

describe("the webhook", () => {
  const path = "/v1/integrations/telegram/webhook";
  const send = (secret: string | undefined, body: unknown): Promise<Answer> =>
    call("POST", path, {
      token: null,
      body,
      headers: secret === undefined ? {} : { "x-telegram-bot-api-secret-token": secret },
    });
  const message = { update_id: 1, message: { text: "hello", chat: { id: 5 } } };

  test.each([
    ["a wrong secret", "wrong"],
    ["no secret", undefined],
  ])("refuses %s", async (_, secret) => {
    const answer = await send(secret, message);
    expect([answer.status, answer.json]).toEqual([403, { detail: "Unauthorized webhook source" }]);
  });

  test.each([
    ["takes a text message", message, "ok"],
    ["ignores what is no message", { update_id: 1 }, "ignored"],
    ["ignores what is no JSON", "nonsense", "ignored"],
  ])("%s", async (_, body, status) => {
    const answer = await send(world.product.webhookSecret, body);
    expect([answer.status, answer.json]).toEqual([200, { status }]);
  });
});
