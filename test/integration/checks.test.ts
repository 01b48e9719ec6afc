import { once } from "node:events";
import { createServer } from "node:http";
import type { Server as HttpServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";

import { Redis as RedisClient } from "ioredis";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { createChecks } from "../../src/checks/create-checks.ts";
import { checksSetting } from "../../src/checks/settings.ts";
import { createScrubber } from "../../src/core/redaction.ts";
import { Secret } from "../../src/core/secret.ts";
import type { CheckResult } from "../../src/core/status.ts";
import { startPostgres } from "../../src/servers/postgres.ts";
import type { PostgresServer } from "../../src/servers/postgres.ts";
import { startRedis } from "../../src/servers/redis.ts";
import type { RedisServer } from "../../src/servers/redis.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createSystems } from "../../src/systems/index.ts";
import { SystemError } from "../../src/systems/system-error.ts";

const CANARY = "canary-Tr0ub4dor-3";
const TIMEOUT_MS = 400;
/** Proves that a deadline exists; generous, because machines are slow at times. */
const IN_TIME_MS = 5_000;
const signal = new AbortController().signal;

const opened = new AsyncDisposableStack();
const systems = opened.use(createSystems());
let postgres: PostgresServer;
let redis: RedisServer;

beforeAll(async () => {
  const directory = opened.use(await temporaryDirectory("checks"));
  [postgres, redis] = await Promise.all([
    startPostgres({
      directory: join(directory.path, "postgres"),
      durable: false,
      port: await freePort(),
    }),
    startRedis({
      directory: join(directory.path, "redis"),
      durable: false,
      port: await freePort(),
      users: [`default on >${CANARY} ~* &* +@all`, `reader on >${CANARY} ~* -@all +@read +ping`],
    }),
  ]);
  opened.use(postgres);
  opened.use(redis);
  await asOwner(
    `create role reader login password '${CANARY}'`,
    `create role crowded login password '${CANARY}' connection limit 0`,
    "create table alembic_version (version_num text)",
    "insert into alembic_version values ('c3a2b7d9f1e0')",
    "grant select on alembic_version to reader",
    "create table private (version_num text)",
  );
});

afterAll(async () => opened.disposeAsync());

const portOf = (server: Server | HttpServer): number => (server.address() as AddressInfo).port;
const listening = async (server: Server | HttpServer): Promise<number> => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return portOf(server);
};
const freePort = async (): Promise<number> => {
  const server = createTcpServer();
  const port = await listening(server);
  server.close();
  await once(server, "close");
  return port;
};

/** Asks one check, exactly as the file would configure it. */
async function ask(settings: object): Promise<CheckResult> {
  const parsed = checksSetting.parse({ it: { timeout: `${TIMEOUT_MS}ms`, ...settings } });
  const scrub = createScrubber([new Secret(CANARY)]);
  const [check] = createChecks(parsed, { systems, previous: async () => [], scrub });
  const result = await check!.ask(signal);
  expect(result.durationMs).toBeLessThan(IN_TIME_MS);
  return result;
}
const firstFailure = ({ observations }: CheckResult): string | undefined =>
  observations.find(({ ok }) => !ok)?.actual;

async function asOwner(...statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: postgres.url() });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** Stops a process as it stands: it holds its port and answers nothing. */
function freeze(server: { readonly pid: number }): Disposable {
  process.kill(server.pid, "SIGSTOP");
  return { [Symbol.dispose]: () => process.kill(server.pid, "SIGCONT") };
}

describe("an API that misbehaves", () => {
  const asked = new Map<string, number>();
  const api = createServer((request, response) => {
    const path = request.url ?? "";
    const times = (asked.get(path) ?? 0) + 1;
    asked.set(path, times);
    const json = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    switch (path) {
      case "/ready":
        return json(200, { status: "ready" });
      case "/stale-pool":
        return times === 1
          ? json(503, { detail: "Infrastructure unreachable" })
          : json(200, { status: "ready" });
      case "/hang":
        return undefined;
      case "/drip": {
        const drip = setInterval(() => response.write(" "), 20);
        response.on("close", () => clearInterval(drip));
        return undefined;
      }
      case "/huge":
        return void response.end(Buffer.alloc(10_000_000, "a"));
      case "/bomb":
        response.setHeader("content-encoding", "gzip");
        return void response.end(gzipSync(Buffer.alloc(50_000_000)));
      case "/broken-gzip":
        response.setHeader("content-encoding", "gzip");
        return void response.end("no gzip");
      case "/html":
        response.setHeader("content-type", "text/html");
        return void response.end("<!doctype html><h1>It works!</h1>");
      case "/redirect":
        response.writeHead(302, { location: "/ready?token=abc" });
        return void response.end();
      case "/cut":
        response.write("{");
        return void setTimeout(() => response.destroy(), 20);
      case "/echo":
        return json(401, { detail: `wrong: ${request.headers.authorization}` });
      default:
        return void response.writeHead(500).end("Internal Server Error");
    }
  });
  let base: string;

  beforeAll(async () => {
    base = `http://127.0.0.1:${await listening(api)}`;
  });
  afterAll(() => {
    api.closeAllConnections();
    api.close();
  });

  const look = async (path: string, more: object = {}): Promise<CheckResult> =>
    ask({ kind: "http", url: `${base}${path}`, expect: { json: { status: "ready" } }, ...more });

  test("passes while it behaves", async () => {
    const result = await look("/ready");
    expect(result.status).toBe("pass");
    expect(result.measurements).toEqual([{ name: "latencyMs", value: expect.any(Number) }]);
  });

  test.each([
    ["/error", "500 with Internal Server Error"],
    ["/huge", "more than 1024 KiB of no declared type"],
    ["/bomb", "more than 1024 KiB of no declared type"],
    ["/html", "text/html: <!doctype html><h1>It works!</h1>"],
    ["/redirect", "302 to /ready"],
  ])("fails at %s with what was seen", async (path, actual) => {
    // The bomb has to be packed by this same process first.
    const result = await look(path, { timeout: "4s" });
    expect([result.status, firstFailure(result)]).toEqual(["fail", actual]);
  });

  test.each([
    ["/hang", /hang: no answer within/],
    ["/drip", /drip: no answer within/],
    ["/cut", /cut: the connection was cut/],
    ["/broken-gzip", /broken-gzip: the answer cannot be unpacked/],
  ])("is unknown at %s, in time, with the reason", async (path, reason) => {
    const result = await look(path);
    expect(result.status).toBe("unknown");
    expect(result.reason).toMatch(reason);
  });

  test("does not follow a redirect", async () => {
    asked.clear();
    await look("/redirect");
    expect([...asked.keys()]).toEqual(["/redirect"]);
  });

  test("passes at the second try when the first met a stale connection, if the check says so", async () => {
    asked.delete("/stale-pool");
    expect(await look("/stale-pool")).toMatchObject({ status: "fail" });
    asked.delete("/stale-pool");
    const result = await look("/stale-pool", { retryAfterFailure: 1, timeout: "2s" });
    expect(result.status).toBe("pass");
    expect(result.measurements).toContainEqual({ name: "retries", value: 1 });
  });

  test("does not get our token shown when it repeats it", async () => {
    const result = await look("/echo", { bearer: new Secret(CANARY) });
    expect(firstFailure(result)).toContain("401 with");
    expect(JSON.stringify(result)).not.toContain(CANARY);
  });

  test("is asked directly, whatever proxy the environment names", async () => {
    vi.stubEnv("http_proxy", "http://127.0.0.1:1");
    vi.stubEnv("HTTP_PROXY", "http://127.0.0.1:1");
    expect((await look("/ready")).status).toBe("pass");
    vi.unstubAllEnvs();
  });

  test("is unknown when it does not speak HTTP", async () => {
    const server = createTcpServer((socket) => socket.end("220 mail.example.com ESMTP\r\n"));
    const port = await listening(server);
    const result = await ask({ kind: "http", url: `http://127.0.0.1:${port}/` });
    expect([result.status, result.reason]).toEqual([
      "unknown",
      `GET http://127.0.0.1:${port}/: the answer is not HTTP`,
    ]);
    server.close();
  });

  test("is unknown when it has no TLS", async () => {
    const result = await ask({ kind: "http", url: `${base.replace("http:", "https:")}/ready` });
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringContaining("no trusted TLS connection"),
    ]);
  });

  test("is unknown when its name leads nowhere", async () => {
    const result = await ask({ kind: "http", url: "http://api.invalid/", timeout: "4s" });
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringContaining("the name of the host cannot be resolved"),
    ]);
  });

  test("that is gone is a failure where the connection is the question, else unknown", async () => {
    const url = `http://127.0.0.1:${await freePort()}/`;
    const result = await ask({ kind: "http", url, expect: { reachable: true } });
    expect([result.status, firstFailure(result)]).toEqual([
      "fail",
      "refused: nothing listens there",
    ]);
    expect(await ask({ kind: "http", url })).toMatchObject({
      status: "unknown",
      reason: `GET ${url}: connection refused`,
    });
  });

  test.each([
    "http://169.254.169.254/latest/meta-data",
    "http://2852039166/",
    "http://[::ffff:169.254.169.254]/",
    "http://[fe80::1]/",
  ])("is never asked at the link-local address %s", async (url) => {
    const result = await ask({ kind: "http", url });
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringContaining("a link-local address is never asked"),
    ]);
  });
});

describe("PostgreSQL", () => {
  const urlOf = (user: string, password = CANARY): Secret =>
    new Secret(postgres.urlFor({ user, password, database: "postgres" }));
  const look = async (url: Secret, expected: object = {}): Promise<CheckResult> =>
    ask({ kind: "postgres", url, expect: expected });

  test("accepts connections and is at the configured head", async () => {
    const expected = { reachable: true, role: "reader", revision: { is: "c3a2b7d9f1e0" } };
    const result = await look(urlOf("reader"), expected);
    expect(result.observations.map(({ ok }) => ok)).toEqual([true, true, true]);
    expect(result.status).toBe("pass");
  });

  test("is not at a head that it should be at", async () => {
    const result = await look(urlOf("reader"), { revision: { is: "c4f2d9e1a7b3" } });
    expect([result.status, firstFailure(result)]).toEqual(["fail", "c3a2b7d9f1e0"]);
  });

  test("has no revision where there is no such table", async () => {
    const result = await look(urlOf("reader"), { revision: { table: "nowhere", is: "x" } });
    expect([result.status, firstFailure(result)]).toEqual(["fail", "no nowhere.version_num"]);
  });

  test("is unknown where the role may not look", async () => {
    const result = await look(urlOf("reader"), { revision: { table: "private", is: "x" } });
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringContaining("permission denied for table private"),
    ]);
  });

  test("that refuses our password is unknown, and its name is not the secret", async () => {
    const result = await look(urlOf("reader", `${CANARY}-old`), { reachable: true });
    expect(result.status).toBe("unknown");
    expect(result.reason).toContain("password authentication failed");
    expect(JSON.stringify(result)).not.toContain(CANARY);
  });

  test("that has no connection left fails", async () => {
    const result = await look(urlOf("crowded"), { reachable: true });
    expect([result.status, firstFailure(result)]).toEqual([
      "fail",
      "refused: too many connections are open",
    ]);
  });

  test("that is frozen is unknown in time, and answers again when it thaws", async () => {
    const frozen = freeze(postgres);
    const result = await look(urlOf("reader"), { reachable: true });
    frozen[Symbol.dispose]();
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringMatching(/^PostgreSQL at 127\.0\.0\.1:\d+ did not answer within/),
    ]);
    expect((await look(urlOf("reader"))).status).toBe("pass");
  });

  test("whose address has the driver of SQLAlchemy in it is understood", async () => {
    const url = urlOf("reader").reveal().replace("postgresql:", "postgresql+asyncpg:");
    expect((await look(new Secret(url))).status).toBe("pass");
  });

  test("whose address names a certificate that is not there is unknown", async () => {
    const url = `${urlOf("reader").reveal()}?sslmode=verify-full&sslrootcert=/nowhere.pem`;
    const result = await look(new Secret(url));
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringMatching(/^the database URL cannot be used: ENOENT.*nowhere\.pem/),
    ]);
  });

  test("that has no TLS is unknown where TLS is demanded", async () => {
    const result = await look(new Secret(`${urlOf("reader").reveal()}?sslmode=verify-full`));
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringContaining("does not support SSL"),
    ]);
  });

  test("is never written to by a query of ours, and takes one statement", async () => {
    const url = new Secret(postgres.url());
    await expect(
      systems.postgres.query({ url, sql: "insert into alembic_version values ('x')" }, signal),
    ).rejects.toMatchObject({ kind: "rejected", code: "25006" });
    await expect(
      systems.postgres.query({ url, sql: "commit; delete from alembic_version" }, signal),
    ).rejects.toMatchObject({ kind: "rejected", code: "42601" });
    expect(
      await systems.postgres.query({ url, sql: "table alembic_version" }, signal),
    ).toHaveLength(1);
  });
});

describe("a queue in Redis", () => {
  const lists = { default_queue: { atMost: 2 }, dead_letter_queue: { atMost: 0 } };
  const urlOf = (user: string, password = CANARY): Secret =>
    new Secret(redis.urlFor({ user, password }));
  const look = async (url = urlOf("reader")): Promise<CheckResult> =>
    ask({ kind: "redis-queue", url, lists });

  const owner = async (act: (client: RedisClient) => Promise<unknown>): Promise<void> => {
    const client = new RedisClient(urlOf("default").reveal());
    await act(client);
    client.disconnect();
  };

  test("that does not exist yet is empty, and a reading user is enough to see it", async () => {
    const result = await look();
    expect(result.status).toBe("pass");
    expect(result.measurements).toEqual([
      { name: "default_queue.jobs", value: 0 },
      { name: "dead_letter_queue.jobs", value: 0 },
    ]);
  });

  test("fails above its limit and not at it", async () => {
    await owner(async (client) => client.rpush("default_queue", "a", "b"));
    expect((await look()).status).toBe("pass");
    await owner(async (client) => client.rpush("dead_letter_queue", "c"));
    const result = await look();
    expect([result.status, firstFailure(result)]).toEqual(["fail", "1 job"]);
  });

  test("that is no list fails", async () => {
    await owner(async (client) => client.set("dead_letter_queue", "text"));
    const result = await look();
    expect([result.status, firstFailure(result)]).toEqual(["fail", "a string"]);
  });

  test("is only read: nothing is left behind in it", async () => {
    const keys = async (): Promise<string[]> => {
      let found: string[] = [];
      await owner(async (client) => (found = await client.keys("*")));
      return found.toSorted();
    };
    const before = await keys();
    await look();
    expect(await keys()).toEqual(before);
  });

  test("that refuses our password is unknown", async () => {
    const result = await look(urlOf("reader", `${CANARY}-old`));
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringContaining("it refuses the user or the password"),
    ]);
    expect(JSON.stringify(result)).not.toContain(CANARY);
  });

  test("that wants a password is unknown without one", async () => {
    const result = await look(new Secret(`redis://127.0.0.1:${redis.port}`));
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringContaining("it demands a password"),
    ]);
  });

  test("whose Redis is frozen is unknown in time", async () => {
    const frozen = freeze(redis);
    const result = await look();
    frozen[Symbol.dispose]();
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringMatching(/^Redis at 127\.0\.0\.1:\d+ did not answer within/),
    ]);
  });

  test("whose Redis is gone is unknown", async () => {
    const result = await look(new Secret(`redis://:${CANARY}@127.0.0.1:${await freePort()}`));
    expect([result.status, result.reason]).toEqual([
      "unknown",
      expect.stringContaining("connection refused"),
    ]);
  });
});

describe("no system's error or log contains its credentials", () => {
  type Attempt = (at: string, deadline: AbortSignal) => Promise<unknown>;
  const attempts: Readonly<Record<string, Attempt>> = {
    http: async (at, deadline) =>
      systems.http.request(
        {
          method: "GET",
          url: `http://${at}/?token=${CANARY}`,
          headers: { authorization: new Secret(`Bearer ${CANARY}`) },
        },
        deadline,
      ),
    postgres: async (at, deadline) =>
      systems.postgres.query(
        { url: new Secret(`postgresql://reader:${CANARY}-old@${at}/postgres`), sql: "select 1" },
        deadline,
      ),
    redis: async (at, deadline) =>
      systems.redis.read(
        { url: new Secret(`redis://reader:${CANARY}-old@${at}/0`), commands: [["ping"]] },
        deadline,
      ),
  };
  const places: Readonly<Record<string, () => Promise<string>>> = {
    "where nothing listens": async () => `127.0.0.1:${await freePort()}`,
    "where the name leads nowhere": async () => "nowhere.invalid:80",
    "where nobody answers": async () => {
      const server = createTcpServer(() => {});
      opened.defer(() => void server.close());
      return `127.0.0.1:${await listening(server)}`;
    },
    "where all that comes is sent back": async () => {
      const server = createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.pipe(socket);
      });
      opened.defer(() => void server.close());
      return `127.0.0.1:${await listening(server)}`;
    },
    // A refused login is when clients like to show what they sent.
    "where PostgreSQL listens": async () => `127.0.0.1:${postgres.port}`,
    "where Redis listens": async () => `127.0.0.1:${redis.port}`,
  };

  test.each(
    Object.keys(attempts).flatMap((system) => Object.keys(places).map((place) => [system, place])),
  )("%s, %s", async (system, place) => {
    const logged = (["log", "warn", "error", "info", "debug"] as const).map((method) =>
      vi.spyOn(console, method).mockImplementation(() => {}),
    );
    const at = await places[place]!();
    const outcome = await attempts[system]!(at, AbortSignal.timeout(TIMEOUT_MS)).catch(
      (error: unknown) => error,
    );
    const said = JSON.stringify(logged.map(({ mock }) => mock.calls));
    for (const spy of logged) spy.mockRestore();
    expect(said).not.toContain(CANARY);
    expect(spelt(outcome)).not.toContain(CANARY);
    // An echo of a Redis command happens to be a reply; everywhere else there is an error to look at.
    const isEcho = system === "redis" && place.includes("sent back");
    expect(outcome instanceof SystemError).toBe(!isEcho);
  });

  /** Everything that a value or an error and its causes would show to whoever prints, logs or serialises it. */
  function spelt(value: unknown): string {
    const texts = [inspect(value, { depth: Infinity, showHidden: true }), JSON.stringify(value)];
    if (!(value instanceof Error)) return texts.join("\n");
    const hidden = inspect(Object.getOwnPropertyDescriptors(value), { depth: Infinity });
    return [...texts, hidden, String(value), value.stack, spelt(value.cause)].join("\n");
  }
});
