import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect } from "node:tls";
import { promisify } from "node:util";

import { Redis } from "ioredis";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import {
  type DeploymentFaultName,
  deploymentFaults,
} from "../../sandbox/coolify/deployment-faults.ts";
import { coolifyFaults } from "../../sandbox/coolify/faults.ts";
import type { CoolifyFaultName } from "../../sandbox/coolify/faults.ts";
import { emptyRuntime } from "../../sandbox/coolify/runtime.ts";
import type { FaultName } from "../../sandbox/faults.ts";
import { bucketFaults, type BucketFaultName } from "../../sandbox/s3/faults.ts";
import { type World, startWorld } from "../../sandbox/world.ts";

const root = join(import.meta.dirname, "../..");

/** How long a look waits before it calls something silent. */
const patienceMs = 1_500;

/** Only Linux shows, without a program that may be missing, which processes work in a directory. */
const isLinux = process.platform === "linux";

/** Processes that work on the directories of a world, by the pid of its owner, which is part of their names. */
function processesOf(owner: number): string[] {
  const mark = `flightdeck-world-${owner}-`;
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return words.includes(mark) || readlinkSync(`/proc/${pid}/cwd`).includes(mark);
    } catch {
      return false;
    }
  });
}
const directoriesOf = (owner: number): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`flightdeck-world-${owner}-`));

/** A request as a check would make it: the status, or why there is none. */
async function statusOf(url: string, token?: string): Promise<number | "silent" | "refused"> {
  try {
    const response = await fetch(url, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(patienceMs),
    });
    return response.status;
  } catch (error) {
    return (error as Error).name === "TimeoutError" ? "silent" : "refused";
  }
}

async function askPostgres(url: string, text: string): Promise<string> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: patienceMs,
    query_timeout: patienceMs,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(text);
    return String(Object.values(rows[0] ?? {})[0]);
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return code ?? message;
  } finally {
    client.connection.stream.destroy();
  }
}

async function askRedis(url: string, ...command: [string, ...string[]]): Promise<string> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    connectTimeout: patienceMs,
    commandTimeout: patienceMs,
    disconnectTimeout: 50,
    disableClientInfo: true,
  });
  let last: Error | undefined;
  redis.on("error", (error: Error) => {
    last = error;
  });
  try {
    await redis.connect();
    return String(await redis.call(...command));
  } catch (error) {
    return (last ?? (error as Error)).message;
  } finally {
    redis.disconnect();
  }
}

describe("a world", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ timing: { redisTimeoutMs: 300 }, deadLetterEveryMs: 100 });
  });
  afterAll(() => world[Symbol.asyncDispose]());
  afterEach(async () => {
    await world.healAll();
    // Two calls replace the dead connections that a fault has left in the product's pools.
    for (let call = 0; call < 2; call += 1) await fetch(`${world.product.apiUrl}/health/ready`);
  });
  const environment = (name: string): string => world.environment[name]!;
  const api = (path: string, token?: string) => statusOf(`${world.product.apiUrl}${path}`, token);
  const ready = () => api("/health/ready");
  const models = () =>
    statusOf(`${environment("SANDBOX_XAI_URL")}/models`, world.namedSecrets["xaiKey"]);
  const database = (text = "select version_num from alembic_version") =>
    askPostgres(environment("SANDBOX_DATABASE_URL"), text);
  const queue = (name: string) => askRedis(environment("SANDBOX_REDIS_URL"), "llen", name);
  const say = async (text: string): Promise<number | "lost"> => {
    const url = `${environment("SANDBOX_TELEGRAM_URL")}/bot${environment("FLIGHTDECK_BOT_TOKEN")}/sendMessage`;
    const body = JSON.stringify({ chat_id: world.telegram.chatId, text });
    const headers = { "content-type": "application/json" };
    return fetch(url, { method: "POST", body, headers }).then(
      (response) => response.status,
      () => "lost",
    );
  };

  test("gives a bot every name that the sandbox's configuration refers to", () => {
    const configuration = readFileSync(join(root, "ops/sandbox.yaml"), "utf8")
      .split("\n")
      .filter((line) => !line.trimStart().startsWith("#"))
      .join("\n");
    const names = (pattern: RegExp): string[] =>
      [...configuration.matchAll(pattern)].map((match) => match[1]!);
    const given = Object.keys(world.environment);
    expect(given).toEqual(expect.arrayContaining(names(/\$\{env:([A-Z_]+)\}/g)));
    // And nothing that no configuration asks for.
    expect(names(/\$\{env:([A-Z_]+)(?::-[^}]*)?\}/g)).toEqual(expect.arrayContaining(given));
  });

  test("lets checks read the database, and write nothing, whatever they try", async () => {
    expect(await database()).toBe("c3a2b7d9f1e0");
    expect(await database("select count(*) from pg_stat_activity where query is not null")).toMatch(
      /^\d+$/,
    );
    const write = "update alembic_version set version_num = 'x'";
    expect(await database(write)).toBe("25006");
    // The setting is only a belt, which one statement takes off; then the rights still say no.
    const unbelted = environment("SANDBOX_DATABASE_URL").concat(
      "?options=-c%20default_transaction_read_only%3Doff",
    );
    expect(await askPostgres(unbelted, write)).toBe("42501");
    expect(await database()).toBe("c3a2b7d9f1e0");
  });

  test("lets checks read Redis, and neither write nor walk through everything", async () => {
    const redis = environment("SANDBOX_REDIS_URL");
    expect(await askRedis(redis, "llen", "default_queue")).toBe("0");
    expect(await askRedis(redis, "ping")).toBe("PONG");
    expect(await askRedis(redis, "info", "server")).toContain("redis_version");
    const refused: readonly [string, ...string[]][] = [
      ["rpush", "default_queue", "x"],
      ["keys", "*"],
      ["flushall"],
      ["config", "get", "*"],
    ];
    for (const command of refused) expect(await askRedis(redis, ...command)).toContain("NOPERM");
  });

  test("demands the passwords that it made", async () => {
    const wrong = (url: string): string => url.replace(/:[^:@/]+@/, ":wrong@");
    expect(await askPostgres(wrong(environment("SANDBOX_DATABASE_URL")), "select 1")).toBe("28P01");
    expect(await askRedis(wrong(environment("SANDBOX_REDIS_URL")), "ping")).toContain("WRONGPASS");
    expect(
      await askRedis(environment("SANDBOX_REDIS_URL").replace(/\/\/.*@/, "//"), "ping"),
    ).toContain("NOAUTH");
  });

  const stranger = () => api("/health/metrics", "nobody-knows-me");
  const metric = async (): Promise<string> => {
    const response = await fetch(`${world.product.apiUrl}/health/metrics`, {
      headers: { authorization: `Bearer ${world.product.apiToken}` },
    });
    return Object.keys((await response.json()) as object).includes("failure_counters")
      ? "counters"
      : "no counters";
  };
  const telegram = async (token: string, method: string): Promise<Record<string, unknown>> => {
    const url = `${environment("SANDBOX_TELEGRAM_URL")}/bot${environment(token)}/${method}`;
    const { result } = (await (await fetch(url)).json()) as { result: Record<string, unknown> };
    return result;
  };
  const productWebhook = () => telegram("SANDBOX_PRODUCT_BOT_TOKEN", "getWebhookInfo");
  /** The answers to an update with the right secret and with none. */
  const knock = async (): Promise<number[]> => {
    const url = `${world.product.apiUrl}/v1/integrations/telegram/webhook`;
    const secret = { "x-telegram-bot-api-secret-token": world.product.webhookSecret };
    const body = JSON.stringify({ update_id: 1 });
    const answers = [secret, {}].map((headers) => fetch(url, { method: "POST", headers, body }));
    return (await Promise.all(answers)).map((answer) => answer.status);
  };
  const daysLeft = async (): Promise<number> => {
    const [host = "", port = ""] = environment("SANDBOX_FRONT_DOOR").split(":");
    const socket = connect({ host, port: Number(port), ca: environment("SANDBOX_AUTHORITY") });
    await once(socket, "secureConnect");
    const until = Date.parse(socket.getPeerCertificate().valid_to);
    socket.destroy();
    return Math.round((until - Date.now()) / 86_400_000);
  };
  const redisSays = async (fact: string): Promise<string | undefined> =>
    new RegExp(`^${fact}:(.*?)\r?$`, "m").exec(
      await askRedis(environment("SANDBOX_REDIS_URL"), "info", "memory"),
    )?.[1];
  const fateOfAJob = async (topic: string): Promise<"completed" | "lost"> => {
    const payload = { user_id: "usr_dev", chat_id: "1", inbox_item_id: "inb_5f0c1a72be04" };
    const job = { job_id: randomUUID(), topic, payload };
    const { jobsLost } = await world.effects();
    await askRedis(world.product.redisUrl, "rpush", "default_queue", JSON.stringify(job));
    const events = `select count(*) from event_log where request_id = 'job_${job.job_id}'`;
    const isLost = async () => (await world.effects())["jobsLost"] !== jobsLost;
    await expect
      .poll(async () => (await isLost()) || (await database(events)) !== "0", { timeout: 10_000 })
      .toBe(true);
    if (!(await isLost())) return "completed";
    // It is in no list and in no event: gone for good.
    const left = [await queue("default_queue"), await queue("dead_letter_queue")];
    expect([...left, await database(events)]).toEqual(["0", "0", "0"]);
    return "lost";
  };
  /** What somebody outside sees of each fault, and of the world when it is well; those of Coolify, of deployments and of the bucket are shown with these. */
  const sights: Record<
    Exclude<FaultName, BucketFaultName | CoolifyFaultName | DeploymentFaultName>,
    { look: () => Promise<unknown>; well: unknown; broken: unknown }
  > = {
    "xai-key-revoked": { look: models, well: 200, broken: 400 },
    "xai-hangs": { look: models, well: 200, broken: "silent" },
    "xai-answers-500": { look: models, well: 200, broken: 500 },
    "api-hangs": { look: () => api("/health/live"), well: 200, broken: "silent" },
    "api-answers-500": { look: () => api("/health/live"), well: 200, broken: 500 },
    "api-accepts-strangers": { look: stranger, well: 401, broken: 200 },
    "database-down": { look: () => database(), well: "c3a2b7d9f1e0", broken: "ECONNREFUSED" },
    "database-frozen": {
      look: async () => [await ready(), await database()],
      well: [200, "c3a2b7d9f1e0"],
      broken: ["silent", "timeout expired"],
    },
    "database-behind": { look: () => database(), well: "c3a2b7d9f1e0", broken: "9c5f8f7f2a1b" },
    "redis-down": {
      look: () => queue("default_queue"),
      well: "0",
      broken: expect.stringContaining("ECONNREFUSED"),
    },
    "redis-frozen": {
      look: async () => [await ready(), await queue("default_queue")],
      well: [200, "0"],
      broken: [503, expect.stringContaining("timed out")],
    },
    "queue-backlog": {
      look: async () => Number(await queue("default_queue")) > 200,
      well: false,
      broken: true,
    },
    "dead-letters-grow": {
      look: async () => Number(await queue("dead_letter_queue")) >= 3,
      well: false,
      broken: true,
    },
    "api-forgets-our-token": {
      look: () => api("/health/metrics", world.product.apiToken),
      well: 200,
      broken: 401,
    },
    "metrics-lose-their-counters": { look: metric, well: "counters", broken: "no counters" },
    "webhook-is-stolen": {
      look: async () => (await productWebhook())["url"] === world.productBot.webhookUrl,
      well: true,
      broken: false,
    },
    "webhook-backlog": {
      look: async () => {
        const sees = async () => Number((await productWebhook())["pending_update_count"]);
        const isOn = world.faults().some(({ name, on }) => on && name === "webhook-backlog");
        // What piled up is delivered in a moment once the secret is right again.
        if (!isOn) await expect.poll(sees, { timeout: 5_000 }).toBe(0);
        return sees();
      },
      well: 0,
      broken: 30,
    },
    "webhook-secret-is-off": { look: knock, well: [200, 403], broken: [200, 200] },
    "webhook-secret-differs": { look: knock, well: [200, 403], broken: [403, 403] },
    "ops-bot-is-the-products": {
      look: async () => (await telegram("SANDBOX_PRODUCT_BOT_TOKEN", "getMe"))["id"],
      well: 7000000002,
      broken: 7000000001,
    },
    "ops-bot-may-join-groups": {
      look: async () => (await telegram("FLIGHTDECK_BOT_TOKEN", "getMe"))["can_join_groups"],
      well: false,
      broken: true,
    },
    "ops-bot-reads-everything": {
      look: async () =>
        (await telegram("FLIGHTDECK_BOT_TOKEN", "getMe"))["can_read_all_group_messages"],
      well: false,
      broken: true,
    },
    "todoist-token-revoked": {
      look: () => statusOf(`${environment("SANDBOX_TODOIST_URL")}/projects`, world.todoist.token),
      well: 200,
      broken: 401,
    },
    "todoist-answers-500": {
      look: () => statusOf(`${environment("SANDBOX_TODOIST_URL")}/projects`, world.todoist.token),
      well: 200,
      broken: 500,
    },
    "certificate-expires-soon": { look: daysLeft, well: 90, broken: 5 },
    "redis-evicts-keys": {
      look: () => redisSays("maxmemory_policy"),
      well: "noeviction",
      broken: "allkeys-lru",
    },
    "redis-memory-full": {
      look: () => askRedis(world.product.redisUrl, "set", "room", "for this"),
      well: "OK",
      broken: expect.stringContaining("OOM"),
    },
    "connections-used-up": {
      look: async () =>
        Number(await database("select sum(numbackends) from pg_stat_database")) > 45,
      well: false,
      broken: true,
    },
    "worker-stopped": {
      look: async () => Number(await queue("default_queue")) > 0,
      well: false,
      broken: true,
    },
    "worker-died-silently": {
      look: async () => [
        await queue("default_queue"),
        await database(`select count(*) from event_log as retry where event_type = 'worker_retry_scheduled'
          and not exists (select from event_log as later
            where later.request_id = retry.request_id and later.created_at > retry.created_at)`),
      ],
      well: ["0", "0"],
      broken: ["0", "1"],
    },
    "worker-dies-in-a-job": {
      look: () => fateOfAJob("sync.todoist.reconcile"),
      well: "completed",
      broken: "lost",
    },
    "worker-dies-in-a-sync": {
      // Whatever is no sync passes it by, and it is alive again after the sync that it took along.
      look: async () => {
        const topics = ["memory.summarize", "sync.todoist.reconcile", "sync.todoist.reconcile"];
        const fates = [];
        for (const topic of topics) fates.push(await fateOfAJob(topic));
        return fates;
      },
      well: ["completed", "completed", "completed"],
      broken: ["completed", "lost", "completed"],
    },
    "pg-dump-too-old": {
      look: async () => {
        const answer = await promisify(execFile)(environment("SANDBOX_PG_DUMP"), ["--version"]);
        return answer.stdout.includes("9.6.24");
      },
      well: false,
      broken: true,
    },
    "telegram-rate-limits": { look: () => say("hello"), well: 200, broken: 429 },
    "telegram-loses-answers": { look: () => say("hello"), well: 200, broken: "lost" },
  };

  test("shows a sight for every fault that it has", () => {
    expect(
      world
        .faults()
        .map((fault) => fault.name)
        .toSorted(),
    ).toEqual(
      [
        ...Object.keys(sights),
        ...coolifyFaults(world.coolify).map((fault) => fault.name),
        ...deploymentFaults({
          coolify: world.coolify,
          containers: emptyRuntime,
          migrations: { isLockedOut: false },
        }).map((fault) => fault.name),
        ...bucketFaults(world.s3.mood).map((fault) => fault.name),
      ].toSorted(),
    );
  });

  test.each(
    Object.entries(sights) as [keyof typeof sights, (typeof sights)[keyof typeof sights]][],
  )(
    "can be broken by %s, once or twice, and is well again when it is healed, once or twice",
    async (name, { look, well, broken }) => {
      expect(await look()).toEqual(well);
      await world.break(name);
      await world.break(name);
      expect(await look()).toEqual(broken);
      expect(world.faults().filter((fault) => fault.on)).toMatchObject([{ name }]);
      await world.heal(name);
      await world.heal(name);
      if (name.startsWith("database") || name.startsWith("redis")) await ready();
      expect(await look()).toEqual(well);
      expect(world.faults().filter((fault) => fault.on)).toEqual([]);
    },
  );

  test("adds dead letters while they grow, shows them in the metrics, and removes only its own", async () => {
    const metrics = async (): Promise<{ moved_to_dlq: number; retry_scheduled: number }> => {
      const response = await fetch(`${world.product.apiUrl}/health/metrics`, {
        headers: { authorization: `Bearer ${world.product.apiToken}` },
      });
      return (
        (await response.json()) as {
          failure_counters: { moved_to_dlq: number; retry_scheduled: number };
        }
      ).failure_counters;
    };
    await askRedis(world.product.redisUrl, "rpush", "dead_letter_queue", "somebody else's");
    await world.break("dead-letters-grow");
    await expect
      .poll(() => queue("dead_letter_queue").then(Number), { timeout: 10_000 })
      .toBeGreaterThan(5);
    const counters = await metrics();
    expect(counters.moved_to_dlq).toBeGreaterThanOrEqual(3);
    expect(counters.retry_scheduled).toBeGreaterThanOrEqual(4 * counters.moved_to_dlq);
    await world.heal("dead-letters-grow");
    expect(await queue("dead_letter_queue")).toBe("1");
    expect(await metrics()).toMatchObject({ moved_to_dlq: 0, retry_scheduled: 0 });
    await askRedis(world.product.redisUrl, "del", "dead_letter_queue");
  });

  test("keeps what was committed and queued through a stop of its stores", async () => {
    await world.break("queue-backlog");
    await fetch(`${world.product.apiUrl}/v1/capture/thought`, {
      method: "POST",
      headers: { authorization: `Bearer ${world.product.apiToken}`, "idempotency-key": "kept" },
      body: JSON.stringify({ chat_id: "kept", source: "api", message: "keep me" }),
    });
    for (const fault of ["database-down", "redis-down"] as const) {
      await world.break(fault);
      await world.heal(fault);
    }
    expect(await database("select count(*) from inbox_items where chat_id = 'kept'")).toBe("1");
    expect(Number(await queue("default_queue"))).toBeGreaterThan(200);
  });

  test("counts what happened in it, also what Telegram did and never answered", async () => {
    const before = await world.effects();
    await models();
    await say("one");
    await world.break("telegram-loses-answers");
    await say("two");
    await world.heal("telegram-loses-answers");
    await world.break("telegram-rate-limits");
    await say("refused");
    await world.heal("telegram-rate-limits");
    await world.break("api-accepts-strangers");
    await stranger();
    const after = await world.effects();
    expect(after["xaiModelCalls"]! - before["xaiModelCalls"]!).toBe(1);
    expect(after["messagesSent"]! - before["messagesSent"]!).toBe(2);
    expect(after["strangersLetIn"]! - before["strangersLetIn"]!).toBe(1);
  });

  test("tells who listens that an effect was counted or a fault changed", async () => {
    let told = 0;
    const stop = world.onChange(() => {
      told += 1;
    });
    await models();
    expect(told).toBe(1);
    await world.break("xai-key-revoked");
    expect(told).toBe(2);
    stop();
    await world.heal("xai-key-revoked");
    expect(told).toBe(2);
  });

  test.runIf(isLinux)(
    "shares nothing with another world beside it, and is not disturbed when that one ends broken",
    async () => {
      const before = processesOf(process.pid).length;
      {
        await using other = await startWorld();
        // All but the day on which it began.
        const { SANDBOX_SECRETS_SINCE: _day, ...own } = other.environment;
        for (const [name, value] of Object.entries(own)) {
          expect([name, value]).not.toEqual([name, world.environment[name]]);
        }
        expect(other.secrets.filter((secret) => world.secrets.includes(secret))).toEqual([]);
        const faults = [
          "xai-hangs",
          "api-hangs",
          "queue-backlog",
          "dead-letters-grow",
          "database-frozen",
          "redis-frozen",
        ] as const;
        for (const fault of faults) await other.break(fault);
        expect(directoriesOf(process.pid)).toHaveLength(2);
      }
      expect(directoriesOf(process.pid)).toHaveLength(1);
      await expect.poll(() => processesOf(process.pid).length, { timeout: 10_000 }).toBe(before);
      expect([await ready(), await database()]).toEqual([200, "c3a2b7d9f1e0"]);
    },
  );
});

describe("the end of a world", () => {
  test.runIf(isLinux)("given up while it starts leaves no process and no directory", async () => {
    const before = { processes: processesOf(process.pid), directories: directoriesOf(process.pid) };
    await expect(startWorld({ signal: AbortSignal.timeout(100) })).rejects.toThrow("timeout");
    // Whoever watched over a server sees its end, and ends, a moment later.
    await expect
      .poll(() => processesOf(process.pid), { timeout: 10_000 })
      .toEqual(before.processes);
    expect(directoriesOf(process.pid)).toEqual(before.directories);
  });

  test.runIf(isLinux).each([
    ["when all is well", "undefined"],
    ["when it is frozen", "world.break('database-frozen').then(() => world.break('redis-frozen'))"],
  ])(
    "by kill -9 of its owner leaves no process, %s, and its directory goes with the next world",
    async (_, deed) => {
      const script = `
      const { startWorld } = await import(${JSON.stringify(join(root, "sandbox/world.ts"))});
      const world = await startWorld();
      await ${deed};
      console.log("up");
      setInterval(() => {}, 1000);`;
      const owner = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(createInterface({ input: owner.stdout }), "line");
      expect(processesOf(owner.pid!).length).toBeGreaterThan(2);
      owner.kill("SIGKILL");
      await once(owner, "exit");
      await expect.poll(() => processesOf(owner.pid!), { timeout: 20_000 }).toEqual([]);
      await (await startWorld())[Symbol.asyncDispose]();
      expect(directoriesOf(owner.pid!)).toEqual([]);
    },
  );
});
