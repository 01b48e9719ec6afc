import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { inspect, promisify } from "node:util";

import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld } from "../../sandbox/world.ts";
import type { World } from "../../sandbox/world.ts";
import type { EarlierLook } from "../../src/checks/check-kind.ts";
import { createChecks } from "../../src/checks/create-checks.ts";
import type { Check } from "../../src/checks/create-checks.ts";
import { checksSetting } from "../../src/checks/settings.ts";
import { createScrubber } from "../../src/core/redaction.ts";
import { Secret } from "../../src/core/secret.ts";
import type { CheckResult } from "../../src/core/status.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { openDatabase } from "../../src/storage/database.ts";
import { migrate } from "../../src/storage/migrate.ts";
import { earlierSamples, keepSamples } from "../../src/storage/sample.ts";
import { createSystems } from "../../src/systems/index.ts";
import { createTestDatabase } from "../database.ts";
import { testConfig } from "../support/config.ts";
import { query } from "../support/records.ts";

const signal = new AbortController().signal;
const opened = new AsyncDisposableStack();
const systems = opened.use(createSystems());
let directory: string;
beforeAll(async () => {
  directory = opened.use(await temporaryDirectory("gates")).path;
});
afterAll(async () => opened.disposeAsync());

const settled = async (
  settings: object,
  earlier: readonly EarlierLook[] = [],
): Promise<CheckResult> => {
  const parsed = checksSetting.parse({ it: { timeout: "2s", ...settings } });
  const previous = async () => earlier;
  const [check] = createChecks(parsed, { systems, previous, scrub: createScrubber([]) });
  return check!.ask(signal);
};
const failures = ({ observations }: CheckResult): readonly string[] =>
  observations.filter(({ ok }) => !ok).map(({ what, actual }) => `${what}: ${actual}`);
const listening = async (server: Server): Promise<number> => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.defer(() => void server.close());
  return (server.address() as AddressInfo).port;
};

describe("what a check read earlier", () => {
  const minutes = 60_000;

  test("comes back from our own storage: the window, or the newest look before it, never another check's", async () => {
    await using own = await createTestDatabase();
    const url = new Secret(own.url);
    await migrate(url, () => {});
    const start = new Date("2026-06-01T12:00:00Z");
    let now = start;
    await using database = openDatabase({ url, clock: () => now, onIdleError: () => {} });
    const keep = async (minutesLater: number, check: string, ...values: readonly number[]) => {
      now = new Date(start.getTime() + minutesLater * minutes);
      const measurements = values.map((value) => ({ name: "dead.jobs", value }));
      const status = values.length > 0 ? ("pass" as const) : ("unknown" as const);
      await database.transaction(async (tx, at) =>
        keepSamples(tx, at, "production", [{ check, status, durationMs: 5, measurements }]),
      );
    };
    const values = async (minutesLater: number, check = "mine", target = "production") => {
      now = new Date(start.getTime() + minutesLater * minutes);
      const looks = await database.transaction(async (tx, at) =>
        earlierSamples(tx, at, { target, check, lastMs: 15 * minutes }),
      );
      return looks.map(({ measurements }) => measurements[0]?.value);
    };

    expect(await values(0)).toEqual([]);
    await keep(0, "mine", 1);
    await keep(10, "mine", 2);
    await keep(20, "mine", 3);
    await keep(21, "others", 9);
    // A look that could not be had says nothing about the numbers.
    await keep(22, "mine");
    expect(await values(22)).toEqual([2, 3]);
    expect(await values(24)).toEqual([2, 3]);
    expect(await values(26)).toEqual([3]);
    expect(await values(500)).toEqual([3]);
    expect(await values(22, "mine", "staging")).toEqual([]);
  });
});

describe("certificates of real servers", () => {
  const openssl = async (words: string) =>
    promisify(execFile)("openssl", words.split(" "), { cwd: directory });
  const newKey = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  const file = (name: string): string => readFileSync(join(directory, name), "utf8");

  /** Makes `name`.crt and its key, signed by `by`, with one line of extensions. */
  async function sign(name: string, by: string, days: number, extension: string): Promise<void> {
    await openssl(`req ${newKey} -subj /CN=${name} -out ${name}.csr -keyout ${name}.key`);
    await writeFile(join(directory, `${name}.ext`), `${extension}\n`);
    const authority = `-CA ${by}.crt -CAkey ${by}.key -CAcreateserial`;
    const content = `-in ${name}.csr -days ${days} -extfile ${name}.ext -out ${name}.crt`;
    await openssl(`x509 -req ${authority} ${content}`);
  }
  async function serve(name: string, days: number, names: string): Promise<number> {
    await sign(name, "ca", days, `subjectAltName=${names}`);
    return listening(createTlsServer({ cert: file(`${name}.crt`), key: file(`${name}.key`) }));
  }
  const ask = async (port: number, more: object = {}): Promise<CheckResult> =>
    settled({
      kind: "tls-certificate",
      addresses: [`127.0.0.1:${port}`],
      authority: file("ca.crt"),
      ...more,
    });

  beforeAll(async () => {
    await openssl(`req -x509 ${newKey} -subj /CN=authority -days 400 -out ca.crt -keyout ca.key`);
  });

  test("a good one passes, and its days are measured", async () => {
    const result = await ask(await serve("good", 90, "IP:127.0.0.1"));
    expect(failures(result)).toEqual([]);
    expect(result.measurements).toEqual([{ name: "daysLeft", value: 89 }]);
  });

  test("one that ends soon fails by its time alone", async () => {
    const result = await ask(await serve("soon", 5, "IP:127.0.0.1"));
    expect(failures(result)).toEqual([
      expect.stringMatching(/^time left of 127\.0\.0\.1:\d+: (?:4d 23h|5d), until /),
    ]);
  });

  test("one that has expired fails by its time alone", async () => {
    const port = await serve("expired", 0, "IP:127.0.0.1");
    await expect
      .poll(async () => failures(await ask(port)), { timeout: 5_000 })
      .toEqual([expect.stringMatching(/^time left of .*: expired .* ago, on /)]);
  });

  test("one that nobody trusts fails, and says by whom it was made", async () => {
    const port = await serve("untrusted", 90, "IP:127.0.0.1");
    expect(failures(await ask(port, { authority: undefined }))).toEqual([
      expect.stringMatching(/ from an authority that nobody trusts.*issued by authority$/),
    ]);
  });

  test("one for another name fails", async () => {
    expect(failures(await ask(await serve("other", 90, "DNS:elsewhere.example")))).toEqual([
      expect.stringContaining("made for another name (ERR_TLS_CERT_ALTNAME_INVALID)"),
    ]);
  });

  test("a link of the chain that ends before the certificate decides", async () => {
    await sign("between", "ca", 3, "basicConstraints=critical,CA:TRUE");
    await sign("leaf", "between", 90, "subjectAltName=IP:127.0.0.1");
    const cert = `${file("leaf.crt")}${file("between.crt")}`;
    const port = await listening(createTlsServer({ cert, key: file("leaf.key") }));
    expect(failures(await ask(port))).toEqual([
      expect.stringMatching(/^time left of .*: (?:2d 23h|3d), until /),
    ]);
  });

  test("what speaks no TLS, what is silent and what is not there are unknown, each with its reason", async () => {
    const plain = await listening(createHttpServer((_request, response) => response.end("hello")));
    expect(await ask(plain)).toMatchObject({
      status: "unknown",
      reason: expect.stringContaining("no TLS is spoken there"),
    });
    const silent = await listening(createTcpServer(() => {}));
    expect(await ask(silent, { timeout: "300ms" })).toMatchObject({
      status: "unknown",
      reason: expect.stringContaining("no handshake in time"),
    });
    const gone = createTcpServer();
    const port = await listening(gone);
    gone.close();
    expect(await ask(port)).toMatchObject({
      status: "unknown",
      reason: expect.stringContaining("connection refused"),
    });
  });
});

describe("a bot's token", () => {
  const token = "7000009:canary-Tr0ub4dor-3-of-a-bot";
  const bot = (apiRoot: string) => ({ token: new Secret(token), apiRoot });
  const answering = async (status: number, body: string): Promise<string> => {
    const server = createHttpServer((_request, response) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(body);
    });
    return `http://127.0.0.1:${await listening(server)}`;
  };

  test.each([
    ["a refusal without a reason", 403, "{}", "malformed"],
    ["a rate limit", 429, '{"ok":false,"description":"Too Many Requests"}', "rate-limited"],
    ["trouble inside", 500, "<html>", "unreachable"],
    ["an answer of another shape", 200, '{"ok":true,"result":[]}', "malformed"],
  ])("is in no error after %s", async (_name, status, body, kind) => {
    const error: unknown = await systems.telegramBot
      .self(bot(await answering(status, body)), signal)
      .catch((error: unknown) => error);
    expect(error).toMatchObject({ name: "SystemError", system: "telegram", kind });
    expect(inspect(error, { depth: 9 })).not.toContain("canary");
  });

  test("that is refused is an answer, with Telegram's reason", async () => {
    const body = '{"ok":false,"error_code":401,"description":"Unauthorized"}';
    expect(await systems.telegramBot.self(bot(await answering(401, body)), signal)).toEqual({
      accepted: false,
      why: "401 Unauthorized",
    });
  });

  test("is in no error when nobody listens or nobody answers", async () => {
    const silent = await listening(createTcpServer(() => {}));
    for (const port of [1, silent]) {
      const error: unknown = await systems.telegramBot
        .webhook(bot(`http://127.0.0.1:${port}`), AbortSignal.timeout(300))
        .catch((error: unknown) => error);
      expect(error).toMatchObject({ name: "SystemError", system: "telegram" });
      expect(inspect(error, { depth: 9 })).not.toContain("canary");
    }
  });
});

describe("pg_dump on this machine", () => {
  const url = (): Secret => new Secret(inject("postgresUrl"));
  const ask = async (program?: string) => settled({ kind: "pg-dump", url: url(), program });
  const script = async (name: string, text: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  };

  test("is found where servers are found, and can dump the server that they started", async () => {
    expect(await ask()).toMatchObject({ status: "pass" });
  });

  test("fails when it is too old, or is not there", async () => {
    const old = await script("old_dump", "echo 'pg_dump (PostgreSQL) 9.6.24'");
    expect(failures(await ask(old))).toEqual([`version of pg_dump: 9.6 at ${old}`]);
    const missing = join(directory, "no_dump");
    expect(failures(await ask(missing))).toEqual([
      `version of pg_dump: none is installed at ${missing}`,
    ]);
  });

  test.each([
    ["breaks", "exit 3"],
    ["is another program", "echo hello"],
  ])("is unknown when it %s", async (name, text) => {
    const broken = await script(`${name.replaceAll(" ", "_")}_dump`, text);
    expect(await ask(broken)).toMatchObject({
      status: "unknown",
      reason: expect.stringContaining(`cannot ask ${broken} for its version`),
    });
  });
});

describe("the worker, by its rows", () => {
  test.each(["timestamptz", "timestamp"])(
    "is judged alike whether times have a zone or not (%s), in whatever zone the server is",
    async (type) => {
      await using own = await createTestDatabase();
      const name = new URL(own.url).pathname.slice(1);
      await query(
        own.url,
        `create table event_log (request_id text, event_type text, created_at ${type});
         alter database "${name}" set timezone = 'Pacific/Kiritimati'`,
      );
      // Written as a worker in UTC writes them.
      const log = async (job: string, event: string, ago: string) =>
        query(
          own.url,
          `insert into event_log values ($1, $2, (now() - $3::interval) ${type === "timestamp" ? "at time zone 'UTC'" : ""})`,
          [job, event, ago],
        );
      const ask = async () =>
        settled({
          kind: "worker-progress",
          redis: new Secret(inject("redisUrl")),
          queue: `gates-${randomUUID()}`,
          database: new Secret(own.url),
          within: "10m",
        });

      expect((await ask()).observations[0]?.actual).toBe("nothing waits, none was ever completed");
      await log("job_a", "worker_retry_scheduled", "3 hours");
      expect(failures(await ask())).toEqual([
        "work: 1 job not tried again for more than 10m, none was ever completed",
      ]);
      // The next row of the same job, whatever it is, shows that the job was taken up again.
      await log("job_a", "worker_moved_to_dlq", "170 minutes");
      expect(failures(await ask())).toEqual([]);
      await log("job_b", "worker_retry_scheduled", "2 hours");
      expect(failures(await ask())).toHaveLength(1);
      // A worker that has completed something since is alive, whatever was lost before.
      await log("job_c", "worker_topic_completed", "1 hour");
      const alive = await ask();
      expect(failures(alive)).toEqual([]);
      expect(alive.observations[0]?.actual).toBe("nothing waits, the last one completed 1h ago");
      await log("job_d", "worker_retry_scheduled", "5 seconds");
      expect((await ask()).observations[0]?.actual).toContain("1 job between attempts");
    },
  );

  test("a table that is not there is unknown, and so is a name that could be SQL", async () => {
    const settings = {
      kind: "worker-progress",
      redis: new Secret(inject("redisUrl")),
      queue: "gates-none",
      database: new Secret(inject("postgresUrl")),
    };
    expect(await settled({ ...settings, events: { table: "no_log" } })).toMatchObject({
      status: "unknown",
      reason: expect.stringContaining("no_log"),
    });
    const hostile = { it: { ...settings, events: { table: 'a"; drop table b; --' } } };
    expect(checksSetting.safeParse(hostile).success).toBe(false);
  });
});

describe("what the product says although it is not so", () => {
  let world: World;
  let checks: ReadonlyMap<string, Check>;
  const kept = new Map<string, EarlierLook[]>();

  beforeAll(async () => {
    // Jobs that fail wait for a minute, so that one can be seen while it waits.
    world = opened.use(
      await startWorld({
        timing: {
          redisTimeoutMs: 300,
          modelPausesMs: [5, 10],
          workerPausesMs: [60_000],
          workerErrorPauseMs: 50,
        },
      }),
    );
    const config = testConfig({ data: directory, environment: world.environment });
    const all = createChecks(config.settings.checks, {
      systems,
      previous: async (check) => kept.get(check) ?? [],
      scrub: createScrubber(config.secrets),
    });
    checks = new Map(all.map((check) => [check.name, check]));
  });
  afterEach(async () => {
    await world.healAll();
    for (let call = 0; call < 2; call += 1) await get("/health/ready");
  });

  const ask = async (name: string): Promise<CheckResult> => {
    const result = await checks.get(name)!.ask(signal);
    kept.set(name, [
      ...(kept.get(name) ?? []),
      { at: new Date(), measurements: result.measurements },
    ]);
    return result;
  };
  const statusOf = async (name: string) => (await ask(name)).status;
  const get = async (path: string): Promise<Response> =>
    fetch(`${world.product.apiUrl}${path}`, {
      headers: { authorization: `Bearer ${world.product.apiToken}` },
    });
  const post = async (path: string, body: object = {}, headers: object = {}): Promise<Response> =>
    fetch(`${world.product.apiUrl}${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${world.product.apiToken}`,
        "idempotency-key": randomUUID(),
        ...headers,
      },
      body: JSON.stringify(body),
    });
  type Metrics = {
    readonly queue_depth: { readonly default_queue: number };
    readonly failure_counters: { readonly alert_triggered: boolean };
  };
  const metrics = async () => (await (await get("/health/metrics")).json()) as Metrics;

  test("live, with everything below it down: that it lives is all that the check claims", async () => {
    for (const fault of ["database-down", "redis-down", "xai-key-revoked"] as const) {
      await world.break(fault);
    }
    expect(await statusOf("api-is-live")).toBe("pass");
    expect(await statusOf("api-is-ready")).toBe("fail");
    expect(await statusOf("postgres-accepts-connections")).toBe("fail");
    expect(await statusOf("redis-accepts-commands")).toBe("fail");
    expect(await statusOf("xai-key-works")).toBe("fail");
  });

  test("not ready, once, after a restart of the database: the check asks again before it judges", async () => {
    const restart = async () => {
      await get("/health/ready");
      await world.break("database-down");
      await world.heal("database-down");
    };
    await restart();
    expect([(await get("/health/ready")).status, (await get("/health/ready")).status]).toEqual([
      503, 200,
    ]);
    await restart();
    const result = await ask("api-is-ready");
    expect(result.status).toBe("pass");
    expect(result.measurements).toContainEqual({ name: "retries", value: 1 });
  });

  test("an alert for a day after one death: the check compares with a baseline of our own", async () => {
    expect(await statusOf("dead-letters-do-not-grow")).toBe("pass");
    await world.break("dead-letters-grow");
    expect(await statusOf("dead-letters-do-not-grow")).toBe("fail");
    await world.heal("dead-letters-grow");
    // What is left is the memory of failures that were repaired.
    await query(
      world.product.databaseUrl,
      `insert into event_log (id, request_id, user_id, event_type, created_at)
       select 'evt_old' || n, 'job_old', 'usr_dev',
         case n when 5 then 'worker_moved_to_dlq' else 'worker_retry_scheduled' end,
         now() - interval '23 hours' + n * interval '1 second'
       from generate_series(1, 5) as n`,
    );
    expect((await metrics()).failure_counters.alert_triggered).toBe(true);
    expect(await statusOf("dead-letters-do-not-grow")).toBe("pass");
    expect(await statusOf("metrics-are-readable")).toBe("pass");
    expect(await statusOf("worker-completes-jobs")).toBe("pass");
  });

  test("an empty queue, while a job is in nobody's list: it is told from idle", async () => {
    await world.break("todoist-token-revoked");
    const enqueued = await post("/v1/sync/todoist");
    expect(enqueued.status).toBe(200);
    expect(await statusOf("todoist-token-works")).toBe("fail");
    await expect
      .poll(async () => (await ask("worker-completes-jobs")).observations[0]?.actual, {
        timeout: 10_000,
      })
      .toMatch(/^1 job between attempts/);
    expect((await metrics()).queue_depth.default_queue).toBe(0);
    // It is written although every task failed, so no check may take it for a completion.
    const { rows } = await query<{ event_type: string }>(
      world.product.databaseUrl,
      `select event_type from event_log where created_at > now() - interval '1 minute'
         and event_type like '%completed'`,
    );
    expect(rows).toEqual([{ event_type: "todoist_sync_completed" }]);
  });

  test("nothing wrong with a worker that has died: the process proves nothing, its rows do", async () => {
    await world.break("worker-died-silently");
    expect((await metrics()).queue_depth.default_queue).toBe(0);
    expect(await statusOf("queue-depth-is-normal")).toBe("pass");
    expect(failures(await ask("worker-completes-jobs"))).toEqual([
      expect.stringMatching(/not tried again for more than 2m/),
    ]);
  });

  test("200 to a capture without a model: the provider itself is asked", async () => {
    await world.break("xai-key-revoked");
    const thought = { chat_id: "prod-smoke", source: "api", message: "buy milk" };
    const answer = await post("/v1/capture/thought", thought);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ applied: { tasks_created: 0 } });
    expect(await statusOf("xai-key-works")).toBe("fail");
  });

  test("200 to anybody, when its webhook secret is empty: a wrong secret is tried", async () => {
    const forged = { update_id: 1, message: { text: "hello", chat: { id: 5 } } };
    const path = "/v1/integrations/telegram/webhook";
    expect((await post(path, forged)).status).toBe(403);
    await world.break("webhook-secret-is-off");
    expect((await post(path, forged)).status).toBe(200);
    expect(failures(await ask("product-webhook-demands-its-secret"))).toEqual([
      'status with a wrong secret: 200 with {"status":"ignored"}',
      'status without a secret: 200 with {"status":"ignored"}',
    ]);
  });

  test("well, when Telegram's updates pile up in front of it: Telegram is asked", async () => {
    await world.break("webhook-backlog");
    expect(await statusOf("api-is-ready")).toBe("pass");
    expect(await statusOf("product-webhook-demands-its-secret")).toBe("pass");
    await expect
      .poll(async () => failures(await ask("product-webhook-is-registered")))
      .toEqual([
        "waiting updates: 30",
        expect.stringMatching(/^failed deliveries: .*: Wrong response from the webhook: 403 /),
      ]);
  });

  test("the gates leave no effect in the product", async () => {
    const before = await world.effects();
    const rows = async () =>
      query(
        world.product.databaseUrl,
        "select count(*) from event_log union all select count(*) from tasks",
      );
    const stored = await rows();
    await Promise.all([...checks.values()].map(async (check) => check.ask(signal)));
    const after = await world.effects();
    const changed = Object.keys(after).filter((name) => after[name] !== before[name]);
    expect(changed.toSorted()).toEqual(["apiRequests", "xaiModelCalls"]);
    expect((await rows()).rows).toEqual(stored.rows);
  });
});
