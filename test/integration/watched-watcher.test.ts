import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { startPostgres, type PostgresServer } from "../../src/servers/postgres.ts";
import { startRedis, type RedisServer } from "../../src/servers/redis.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { query } from "../support/records.ts";

const WITHIN_MS = 40_000;
const METRICS_TOKEN = "a-token-for-whoever-reads-metrics";

const opened = new AsyncDisposableStack();
let world: World;
let path: string;
let postgres: PostgresServer;
let redis: RedisServer;
let address: string;
let log = "";

const openPostgres = async (): Promise<PostgresServer> =>
  startPostgres({ directory: join(path, "postgres"), durable: true });
const openRedis = async (): Promise<RedisServer> =>
  startRedis({ directory: join(path, "redis"), durable: false });

beforeAll(async () => {
  world = opened.use(await startWorld());
  ({ path } = opened.use(await temporaryDirectory("watcher")));
  postgres = await openPostgres();
  redis = await openRedis();
  opened.defer(async () => postgres.stop());
  opened.defer(async () => redis.stop());
  await postgres.ensureDatabase("own");
  address = `127.0.0.1:${await freePort()}`;
  const config = testConfig({
    data: path,
    environment: {
      ...world.environment,
      OWN_DATABASE: postgres.url("own"),
      OWN_REDIS: redis.url(),
      METRICS_TOKEN,
      SANDBOX_HEARTBEAT_EVERY: "1s",
    },
    more: [
      "database: ${env:OWN_DATABASE}",
      "redis: ${env:OWN_REDIS}",
      `http: { listen: "${address}", metricsToken: "\${env:METRICS_TOKEN}" }`,
      FAST_ENGINE,
    ].join("\n"),
  });
  opened.use(
    await startApp({
      config,
      logger: createLogger(
        (line) => void (log += line),
        (text) => text,
      ),
      instance: "watched",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});

const ask = async (asked: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(`http://${address}${asked}`, { headers });
  return { status: answer.status, text: await answer.text() };
};

const readiness = async (): Promise<string> => {
  const { status, text } = await ask("/readyz");
  const {
    role,
    postgres: database,
    redis: queue,
    telegram,
  } = JSON.parse(text) as object & {
    [part: string]: string;
  };
  return `${status} ${role}, postgres ${database}, redis ${queue}, telegram ${telegram}`;
};
const READY = "200 leader, postgres ok, redis ok, telegram ok";
const ready = async (): Promise<void> => {
  await expect.poll(readiness, { timeout: WITHIN_MS }).toBe(READY);
};

/** Waits for a further sign of life. */
const alive = async (): Promise<void> => {
  const before = world.secondPath.beats();
  await expect.poll(() => world.secondPath.beats(), { timeout: WITHIN_MS }).toBeGreaterThan(before);
};

/** How many signs of life come in a time in which several should. */
async function beatsMeanwhile(): Promise<number> {
  // One may be on its way.
  await sleep(1_500);
  const before = world.secondPath.beats();
  await sleep(3_500);
  return world.secondPath.beats() - before;
}

describe("a bot that runs", () => {
  test("is alive and ready, and tells the outside so", async () => {
    await ready();
    expect(JSON.parse((await ask("/healthz")).text)).toMatchObject({ status: "alive" });
    await alive();
    await alive();
  });

  test("shows machines what it does, to those who know the token", async () => {
    world.as("operator").say("/preflight api-is-live");
    const headers = { authorization: `Bearer ${METRICS_TOKEN}` };
    await expect
      .poll(async () => (await ask("/metrics", headers)).text, { timeout: WITHIN_MS })
      .toMatch(/flightdeck_runs_total\{target="sandbox",operation="preflight",outcome="GO"\} 1/);
    const { text } = await ask("/metrics", headers);
    expect(text).toMatch(/flightdeck_telegram_calls_total\{method="getUpdates",outcome="ok"\} \d/);
    expect(text).toMatch(/^flightdeck_leader 1$/m);
    expect(text).toMatch(/^flightdeck_evidence_entries\{log="sandbox"\} [1-9]/m);
    for (const secret of [METRICS_TOKEN, ...world.secrets]) expect(text).not.toContain(secret);
    expect((await ask("/metrics")).status).toBe(401);
  });

  test("calls somebody when an operator tries it, and says what came of it", async () => {
    world.as("operator").say("/calls test");
    await expect
      .poll(() => world.secondPath.mails().map(({ subject }) => subject), { timeout: WITHIN_MS })
      .toEqual(["[sandbox] test call: this is only a test"]);
    expect(world.secondPath.mails()[0]?.to).toEqual(["otto@example.com"]);
    await expect.poll(() => world.secondPath.calls().length, { timeout: WITHIN_MS }).toBe(1);
    await expect
      .poll(
        async () => {
          const said = world.as("operator").say("/calls");
          const shown = await world.telegram.waitFor(
            (telegram) => telegram.messages().find(({ replyTo }) => replyTo?.id === said.messageId),
            { timeoutMs: 10_000 },
          );
          return shown.text;
        },
        { timeout: WITHIN_MS, interval: 2_000 },
      )
      .toMatch(/On call: Otto, then Ada[^]*otto@example\.com: taken/);
    world.as("viewer").say("/calls test");
    await sleep(1_500);
    expect(world.secondPath.calls()).toHaveLength(1);
  });
});

describe("what is missing is told, and the sign of life stops, while", () => {
  test("Redis is away", async () => {
    await redis.stop();
    await expect.poll(readiness, { timeout: WITHIN_MS }).toMatch(/^503 .*redis no answer/);
    expect((await ask("/healthz")).status).toBe(200);
    expect(await beatsMeanwhile()).toBe(0);
    redis = await openRedis();
    await ready();
    await alive();
  });

  test("nobody knows how far the file of the evidence log is", async () => {
    await query(postgres.url("own"), "alter table evidence_file rename to evidence_file_away");
    expect(await beatsMeanwhile()).toBe(0);
    await query(postgres.url("own"), "alter table evidence_file_away rename to evidence_file");
    await alive();
  });

  test("its database takes no writes", async () => {
    await query(
      postgres.url("own"),
      `create function refuse() returns trigger language plpgsql as $$ begin raise 'full'; end $$;
       create trigger full_disk before insert or update on heartbeat
         for each row execute function refuse()`,
    );
    expect(await beatsMeanwhile()).toBe(0);
    await query(postgres.url("own"), "drop trigger full_disk on heartbeat");
    await alive();
  });

  test("its database is away", async () => {
    await postgres.stop();
    await expect.poll(readiness, { timeout: WITHIN_MS }).toMatch(/^503 .*postgres no answer/);
    const headers = { authorization: `Bearer ${METRICS_TOKEN}` };
    const { text } = await ask("/metrics", headers);
    expect(text).toMatch(/^flightdeck_store_up\{store="postgres"\} 0$/m);
    expect(await beatsMeanwhile()).toBe(0);
    postgres = await openPostgres();
    await ready();
    await alive();
  });

  test("and nothing of it gives away an address or a token", () => {
    for (const secret of [METRICS_TOKEN, ...world.secondPath.secrets]) {
      expect(log).not.toContain(secret);
    }
    expect(log).toContain("proving for the heartbeat: Redis answers");
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
