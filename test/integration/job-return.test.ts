import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { quietPort } from "../../sandbox/quiet-port.ts";
import { Secret } from "../../src/core/secret.ts";
import { startRedis, type RedisServer } from "../../src/servers/redis.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createJobReturn } from "../../src/systems/job-return.ts";

const opened = new AsyncDisposableStack();
const jobReturn = createJobReturn();
const signal = (): AbortSignal => AbortSignal.timeout(10_000);
const PASSWORD = "canary-4711";
let server: RedisServer;
let redis: Redis;

/** Rights on the three keys that a return is about, and no others. */
const KEYS = "~dead ~queue ~flightdeck:returned:*";

beforeAll(async () => {
  const directory = opened.use(await temporaryDirectory("job-return"));
  server = opened.use(
    await startRedis({
      directory: directory.path,
      durable: false,
      port: await quietPort(),
      users: [
        `default on >${PASSWORD} ~* &* +@all`,
        `writer on >${PASSWORD} ${KEYS} -@all +eval +exists +llen +set +del +lrem +rpush`,
        `half on >${PASSWORD} ${KEYS} -@all +eval +exists +llen +set +del +lrem`,
        `elsewhere on >${PASSWORD} ~dead ~flightdeck:returned:* -@all +eval +exists +llen +set +del +lrem +rpush`,
      ],
    }),
  );
  redis = new Redis(server.urlFor({ user: "default", password: PASSWORD }));
  opened.defer(() => redis.disconnect());
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  await redis.flushall();
});

const LETTER = '{"job_id": "j-1", "n": 12345678901234567890123, "attempt": 5}';
const JOB = '{"job_id": "j-1", "n": 12345678901234567890123}';
const order = (mark: string, user = "writer") => ({
  url: new Secret(server.urlFor({ user, password: PASSWORD })),
  from: "dead",
  to: "queue",
  letter: LETTER,
  job: JOB,
  mark,
});
const lists = async () => [await redis.lrange("dead", 0, -1), await redis.lrange("queue", 0, -1)];

describe("a job that is given back", () => {
  test("leaves the dead letters and comes to the end of the queue, and no other does", async () => {
    await redis.rpush("dead", "older", LETTER, "newer");
    await redis.rpush("queue", "before");
    expect(await jobReturn.give(order("1"), signal())).toBe("given");
    expect(await lists()).toEqual([
      ["older", "newer"],
      ["before", JOB],
    ]);
  });

  test("is given back once for a mark, however often and by however many it is asked", async () => {
    await redis.rpush("dead", LETTER, LETTER, LETTER);
    const answers = await Promise.all(
      Array.from({ length: 10 }, async () => jobReturn.give(order("1"), signal())),
    );
    expect(new Set(answers)).toEqual(new Set(["given"]));
    expect(await lists()).toEqual([[LETTER, LETTER], [JOB]]);
  });

  test("is known to have been", async () => {
    await redis.rpush("dead", LETTER);
    expect(await jobReturn.wasGiven(order("1"), signal())).toBe(false);
    await jobReturn.give(order("1"), signal());
    expect(await jobReturn.wasGiven(order("1"), signal())).toBe(true);
    expect(await jobReturn.wasGiven(order("2"), signal())).toBe(false);
    expect(await redis.ttl("flightdeck:returned:1")).toBeGreaterThan(6 * 24 * 3_600);
  });
});

describe("nothing is done", () => {
  test("when somebody else took the letter, and nothing says that it was", async () => {
    await redis.rpush("dead", "another");
    expect(await jobReturn.give(order("1"), signal())).toBe("gone");
    expect(await lists()).toEqual([["another"], []]);
    expect(await jobReturn.wasGiven(order("1"), signal())).toBe(false);
  });

  test.each(["half", "elsewhere"])("when the user %s may do only a part of it", async (user) => {
    await redis.rpush("dead", LETTER);
    await expect(jobReturn.give(order("1", user), signal())).rejects.toMatchObject({
      system: "redis",
      kind: "unauthorized",
    });
    expect(await lists()).toEqual([[LETTER], []]);
    expect(await redis.exists("flightdeck:returned:1")).toBe(0);
  });

  test("when what should be the queue is none", async () => {
    await redis.rpush("dead", LETTER);
    await redis.set("queue", "no list");
    await expect(jobReturn.give(order("1"), signal())).rejects.toMatchObject({ kind: "malformed" });
    expect(await redis.lrange("dead", 0, -1)).toEqual([LETTER]);
  });

  test("when Redis has no memory left to write", async () => {
    await redis.rpush("dead", LETTER);
    await redis.config("SET", "maxmemory-policy", "noeviction");
    await redis.config("SET", "maxmemory", "1");
    try {
      await expect(jobReturn.give(order("1"), signal())).rejects.toMatchObject({ code: "OOM" });
    } finally {
      await redis.config("SET", "maxmemory", "0");
    }
    expect(await lists()).toEqual([[LETTER], []]);
  });
});

test("an error holds neither the password nor anything of the job", async () => {
  const wrong = new Secret(server.urlFor({ user: "writer", password: `${PASSWORD}-old` }));
  const failures = await Promise.all(
    [order("1", "half"), { ...order("1"), url: wrong }].map(async (each) =>
      jobReturn.give(each, signal()).catch((error: unknown) => error),
    ),
  );
  for (const error of failures) {
    expect(error).toBeInstanceOf(Error);
    const told = `${String(error)} ${(error as Error).stack} ${String((error as Error).cause)}`;
    expect(told).not.toContain(PASSWORD);
    expect(told).not.toContain("j-1");
  }
});
