import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { platform, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import { Redis } from "ioredis";
import { Client } from "pg";
import { describe, expect, inject, test } from "vitest";

import { quietPort } from "../../sandbox/quiet-port.ts";
import { startGuarded } from "../../src/servers/guarded-child.ts";
import { findRunningPostgres } from "../../src/servers/postgres-running.ts";
import { startPostgres } from "../../src/servers/postgres.ts";
import { findRunningRedis } from "../../src/servers/redis-running.ts";
import { startRedis } from "../../src/servers/redis.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, createTestRedisPrefix } from "../database.ts";

const servers = join(import.meta.dirname, "../../src/servers");

describe("a Postgres of our own", () => {
  test("answers node-postgres and psql under one URL, and is gone after a stop", async () => {
    await using directory = await temporaryDirectory("test");
    const postgres = await startPostgres({
      directory: join(directory.path, "postgres"),
      durable: false,
    });
    await postgres.ensureDatabase("odd name-ä");
    await postgres.ensureDatabase("odd name-ä");
    const url = postgres.url("odd name-ä");
    expect(await query(url, "select current_database() as answer")).toBe("odd name-ä");
    const psql = await promisify(execFile)(join(postgres.programs, "psql"), [
      "-X",
      "-A",
      "-t",
      "-c",
      "select current_user || ' ' || current_database()",
      url,
    ]);
    expect(psql.stdout.trim()).toBe("postgres odd name-ä");
    expect(new URL(url).protocol).toBe("postgresql:");
    expect(await query(url, "show server_version")).toMatch(new RegExp(`^${postgres.major}\\b`));

    await postgres.stop();
    expect(await postgres.exited).toEqual({ code: 0, signal: null });
    expect(isAlive(postgres.pid)).toBe(false);
    await expect(query(url, "select 1 as answer")).rejects.toThrow(/ENOENT|ECONNREFUSED/);
  });

  test("keeps durable data over a stop, on the same port", async () => {
    await using temporary = await temporaryDirectory("test");
    const options = {
      directory: join(temporary.path, "deep", "postgres"),
      durable: true,
      port: await quietPort(),
    };
    {
      await using postgres = await startPostgres(options);
      await query(postgres.url(), "create table kept (value text)");
      await query(postgres.url(), "insert into kept values ('still here')");
      expect(await query(postgres.url(), "show fsync")).toBe("on");
      expect(await query(postgres.url(), "show data_checksums")).toBe("on");
    }
    await using postgres = await startPostgres(options);
    expect(await query(postgres.url(), "select value as answer from kept")).toBe("still here");
    expect(postgres.port).toBe(options.port);
  });

  test("lets in by network only roles with a password, never the superuser", async () => {
    await using temporary = await temporaryDirectory("test");
    const port = await quietPort();
    await using postgres = await startPostgres({ directory: temporary.path, durable: false, port });
    await query(postgres.url(), "create role product login password 'p@ss/word'");
    const login = { user: "product", password: "p@ss/word", database: "postgres" };
    expect(await query(postgres.urlFor(login), "select current_user as answer")).toBe("product");
    const wrong = postgres.urlFor({ ...login, password: "wrong" });
    await expect(query(wrong, "select 1 as answer")).rejects.toThrow(
      /password authentication failed/,
    );
    const superuser = postgres.urlFor({ ...login, user: "postgres", password: "" });
    await expect(query(superuser, "select 1 as answer")).rejects.toThrow(/password/);
  });

  test("without a port listens on its private socket only", async () => {
    await using temporary = await temporaryDirectory("test");
    await using postgres = await startPostgres({ directory: temporary.path, durable: false });
    expect(await query(postgres.url(), "show listen_addresses")).toBe("");
    expect((await stat(join(temporary.path, "socket"))).mode & 0o777).toBe(0o700);
    expect(() => postgres.urlFor({ user: "a", password: "b", database: "c" })).toThrow(
      /listens on its socket only/,
    );
  });

  test("refuses a directory in use and names the pid, also to a second start at the same moment", async () => {
    await using temporary = await temporaryDirectory("test");
    const options = { directory: temporary.path, durable: false };
    const attempts = await Promise.allSettled([startPostgres(options), startPostgres(options)]);
    const started = attempts.flatMap((attempt) =>
      attempt.status === "fulfilled" ? [attempt.value] : [],
    );
    expect(started).toHaveLength(1);
    await using postgres = started[0]!;
    await expect(startPostgres(options)).rejects.toThrow(
      new RegExp(`is in use by the PostgreSQL server with pid ${postgres.pid}\\b`),
    );
    expect(await query(postgres.url(), "select 'well' as answer")).toBe("well");
  });

  test("starts on what a kill -9 of the server left, also when its pid now belongs to another Postgres", async () => {
    await using temporary = await temporaryDirectory("test");
    const options = { directory: join(temporary.path, "ours"), durable: true };
    await using stranger = await startPostgres({
      directory: join(temporary.path, "stranger"),
      durable: false,
    });
    const killed = await startPostgres(options);
    await query(killed.url(), "create table kept as select 'committed' as value");
    process.kill(killed.pid, "SIGKILL");
    expect(await killed.exited).toEqual({ code: null, signal: "SIGKILL" });
    await using opened = await startPostgres(options);
    expect(await query(opened.url(), "select value as answer from kept")).toBe("committed");

    process.kill(opened.pid, "SIGKILL");
    await opened.exited;
    const pidFile = join(options.directory, "cluster", "postmaster.pid");
    const [, ...rest] = (await readFile(pidFile, "utf8")).split("\n");
    await writeFile(pidFile, [String(stranger.pid), ...rest].join("\n"));
    await using again = await startPostgres(options);
    expect(await query(again.url(), "select value as answer from kept")).toBe("committed");
    expect(await query(stranger.url(), "select 'untouched' as answer")).toBe("untouched");
  });

  test("makes a new cluster when the process was killed in the middle of initdb", async () => {
    await using temporary = await temporaryDirectory("test");
    const directory = join(temporary.path, "postgres");
    await using parent = startScript(
      temporary.path,
      `import { startPostgres } from "${servers}/postgres.ts";
       await startPostgres({ directory: ${JSON.stringify(directory)}, durable: true });`,
    );
    const unfinished = await eventually(async () => {
      const names = existsSync(directory) ? await readdir(directory) : [];
      const name = names.find((candidate) => candidate.endsWith(".new"));
      return name !== undefined && existsSync(join(directory, name, "PG_VERSION"))
        ? name
        : undefined;
    });
    await parent.kill();
    expect(existsSync(join(directory, "cluster"))).toBe(false);
    expect(unfinished).toContain(`cluster.${parent.pid}-`);

    await using postgres = await startPostgres({ directory, durable: true });
    expect(await query(postgres.url(), "select 'whole' as answer")).toBe("whole");
    expect((await readdir(directory)).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  test("refuses the data of another major version with both versions and the command that helps", async () => {
    await using temporary = await temporaryDirectory("test");
    await mkdir(join(temporary.path, "cluster"));
    await writeFile(join(temporary.path, "cluster", "PG_VERSION"), "11\n");
    await expect(startPostgres({ directory: temporary.path, durable: true })).rejects.toThrow(
      /made by PostgreSQL 11, and installed is PostgreSQL \d+ .*sudo apt-get install -y postgresql-11/,
    );
  });

  test("says what to install when it is missing", async () => {
    await using temporary = await temporaryDirectory("test");
    const options = { durable: false, programDirectories: [temporary.path] };
    await expect(
      startPostgres({ ...options, directory: join(temporary.path, "a") }),
    ).rejects.toThrow(/PostgreSQL is not installed.*sudo apt-get install -y postgresql/);
    await expect(startRedis({ ...options, directory: join(temporary.path, "b") })).rejects.toThrow(
      /Redis is not installed.*sudo apt-get install -y redis-server/,
    );
  });

  test("works in a directory whose path is too long for a socket", async () => {
    await using temporary = await temporaryDirectory("test");
    const deep = join(temporary.path, "a-rather-long-name-".repeat(8));
    await using postgres = await startPostgres({ directory: join(deep, "pg"), durable: false });
    await using redis = await startRedis({ directory: join(deep, "redis"), durable: false });
    expect(await query(postgres.url(), "select 'reached' as answer")).toBe("reached");
    expect(await ping(redis.url())).toBe("PONG");
    const socketDirectory = new URL(postgres.url()).searchParams.get("host") ?? "";
    expect(socketDirectory.startsWith(tmpdir())).toBe(true);
    expect((await stat(socketDirectory)).mode & 0o777).toBe(0o700);
    expect((await findRunningPostgres(join(deep, "pg")))?.pid).toBe(postgres.pid);
    expect((await findRunningRedis(join(deep, "redis")))?.pid).toBe(redis.pid);
  });

  test("carries the server's last lines when it does not start", async () => {
    await using temporary = await temporaryDirectory("test");
    await expect(
      startPostgres({
        directory: join(temporary.path, "postgres"),
        durable: false,
        settings: { shared_preload_libraries: "no_such_library" },
      }),
    ).rejects.toThrow(/did not start .*\n.*no_such_library/);
    await expect(
      startRedis({
        directory: join(temporary.path, "redis"),
        durable: false,
        settings: { "no-such-setting": "1" },
      }),
    ).rejects.toThrow(/did not start [^]*no-such-setting/);
  });

  test("leaves nothing behind when its start is called off", async () => {
    await using temporary = await temporaryDirectory("test");
    const calledOff = new AbortController();
    const starting = startPostgres({
      directory: temporary.path,
      durable: false,
      signal: calledOff.signal,
    });
    setTimeout(() => calledOff.abort(new Error("called off")), 300);
    await expect(starting).rejects.toThrow("called off");
    expect(await findRunningPostgres(temporary.path)).toBe(undefined);
    expect((await readdir(temporary.path)).filter((name) => name.startsWith("cluster"))).toEqual(
      [],
    );
  });
});

describe("a Redis of our own", () => {
  test("keeps durable data over a stop, and is gone after it", async () => {
    await using temporary = await temporaryDirectory("test");
    const options = { directory: temporary.path, durable: true };
    const first = await startRedis(options);
    await command(first.url(3), "set", "key", "still here");
    await first.stop();
    expect(await first.exited).toEqual({ code: 0, signal: null });
    expect(isAlive(first.pid)).toBe(false);
    await using second = await startRedis(options);
    expect(await command(second.url(3), "get", "key")).toBe("still here");
    expect(await command(second.url(0), "get", "key")).toBe(null);
    expect(await command(second.url(), "config", "get", "maxmemory-policy")).toEqual([
      "maxmemory-policy",
      "noeviction",
    ]);
  });

  test("listens on its port with the users that it was given, again after a stop", async () => {
    await using temporary = await temporaryDirectory("test");
    const options = {
      directory: temporary.path,
      durable: false,
      port: await quietPort(),
      users: ["default on >owner ~* &* +@all", "watcher on >s3cret ~* +@read +ping"],
    };
    for (const round of [1, 2]) {
      await using redis = await startRedis(options);
      const watcher = redis.urlFor({ user: "watcher", password: "s3cret" });
      expect(await command(watcher, "get", `round-${round}`)).toBe(null);
      await expect(command(watcher, "set", "key", "value")).rejects.toThrow(/NOPERM/);
      await expect(command(redis.urlFor(), "get", "key")).rejects.toThrow(/NOAUTH/);
    }
    expect((await stat(join(temporary.path, "redis.conf"))).mode & 0o777).toBe(0o600);
  });

  test("refuses a directory in use and names the pid, and starts after a kill -9", async () => {
    await using temporary = await temporaryDirectory("test");
    const options = { directory: temporary.path, durable: true };
    const redis = await startRedis(options);
    await expect(startRedis(options)).rejects.toThrow(
      new RegExp(`is in use by the Redis server with pid ${redis.pid}\\b`),
    );
    process.kill(redis.pid, "SIGKILL");
    await redis.exited;
    await using again = await startRedis(options);
    expect(await ping(again.url())).toBe("PONG");
  });
});

describe.skipIf(userInfo().uid !== 0)("the servers of root", () => {
  test("run as somebody else, in directories that he can reach whatever the umask", async () => {
    await using temporary = await temporaryDirectory("test");
    const directory = join(temporary.path, "made", "on the way", "redis");
    const umask = process.umask(0o077);
    try {
      await using redis = await startRedis({ directory, durable: true });
      expect((await stat(join(directory, "redis.log"))).isFile()).toBe(true);
      expect((await stat(redis.socket)).uid).not.toBe(0);
      expect(await ping(redis.url())).toBe("PONG");
    } finally {
      process.umask(umask);
    }
  });

  test("are refused a directory that he cannot reach, with the command that opens the way", async () => {
    await using temporary = await temporaryDirectory("test");
    const closed = join(temporary.path, "closed");
    await mkdir(closed, { mode: 0o700 });
    await expect(
      startPostgres({ directory: join(closed, "data", "postgres"), durable: true }),
    ).rejects.toThrow(
      new RegExp(
        `cannot enter ${closed} on the way to .* Allow passage \\(chmod o\\+x ${closed}\\)`,
      ),
    );
  });
});

describe("the servers of a process that is killed", () => {
  test("end in order within seconds, and keep their data", async () => {
    await using temporary = await temporaryDirectory("test");
    const directories = {
      postgres: join(temporary.path, "postgres"),
      redis: join(temporary.path, "redis"),
    };
    await using parent = startScript(
      temporary.path,
      `import { spawn } from "node:child_process";
       import { startPostgres } from "${servers}/postgres.ts";
       import { startRedis } from "${servers}/redis.ts";
       const [postgres, redis] = await Promise.all([
         startPostgres({ directory: ${JSON.stringify(directories.postgres)}, durable: true }),
         startRedis({ directory: ${JSON.stringify(directories.redis)}, durable: true }),
       ]);
       await postgres.ensureDatabase("kept");
       // A child that nobody guards outlives the parent and must not keep the guards' pipes open.
       const bystander = spawn("sleep", ["30"], { stdio: "inherit", detached: true });
       console.log(JSON.stringify([postgres.pid, redis.pid, bystander.pid]));
       setInterval(() => {}, 60_000);`,
    );
    const [postgresPid, redisPid, bystanderPid] = JSON.parse(await parent.firstLine()) as [
      number,
      number,
      number,
    ];
    // The command line attaches from another process: this one.
    const postgres = await findRunningPostgres(directories.postgres);
    const redis = await findRunningRedis(directories.redis);
    expect(postgres?.pid).toBe(postgresPid);
    expect(redis?.pid).toBe(redisPid);
    await query(postgres!.url("kept"), "create table kept as select 'committed' as value");
    await command(redis!.url(), "set", "key", "written");

    await parent.kill();
    try {
      expect(isAlive(bystanderPid)).toBe(true);
      await eventually(() => (isAlive(postgresPid) || isAlive(redisPid) ? undefined : true), 5_000);
      expect(await readFile(join(directories.postgres, "postgres.log"), "utf8")).toMatch(
        /received fast shutdown request[^]*database system is shut down\s*$/,
      );
      expect(await findRunningPostgres(directories.postgres)).toBe(undefined);
      expect(await findRunningRedis(directories.redis)).toBe(undefined);
    } finally {
      process.kill(bystanderPid, "SIGKILL");
    }

    await using again = await startPostgres({ directory: directories.postgres, durable: true });
    await using redisAgain = await startRedis({ directory: directories.redis, durable: true });
    expect(await query(again.url("kept"), "select value as answer from kept")).toBe("committed");
    expect(await command(redisAgain.url(), "get", "key")).toBe("written");
  });

  test("may be started anew at once: the next process waits for them", async () => {
    await using temporary = await temporaryDirectory("test");
    const directory = join(temporary.path, "postgres");
    await using parent = startScript(
      temporary.path,
      `import { startPostgres } from "${servers}/postgres.ts";
       await startPostgres({ directory: ${JSON.stringify(directory)}, durable: true });
       console.log("started");`,
    );
    await parent.firstLine();
    await parent.kill();
    await using postgres = await startPostgres({ directory, durable: true });
    expect(await query(postgres.url(), "select 'again' as answer")).toBe("again");
  });

  test.skipIf(platform() !== "linux")("never saw its environment", async () => {
    await using temporary = await temporaryDirectory("test");
    process.env["FLIGHTDECK_TEST_SECRET"] = "123:bot-token";
    try {
      await using postgres = await startPostgres({
        directory: join(temporary.path, "postgres"),
        durable: false,
      });
      const environment = readFileSync(`/proc/${postgres.pid}/environ`, "utf8");
      expect(environment).toContain("PATH=");
      expect(environment).not.toContain("bot-token");
    } finally {
      delete process.env["FLIGHTDECK_TEST_SECRET"];
    }
  });
});

describe("a guarded child", () => {
  const env = { PATH: process.env["PATH"] ?? "" };

  test("speaks to its parent by pipes, tells how it ended, and holds no pipe of its guard", async () => {
    await using child = await startGuarded(
      "/bin/sh",
      ["-c", 'read -r line; echo "$line $GREETING $(ls /dev/fd/3 2>/dev/null)"; exit 7'],
      { env: { ...env, GREETING: "hello" }, stdin: "pipe", stdout: "pipe" },
    );
    child.stdin?.end("asked\n");
    const chunks = await child.stdout?.toArray();
    expect(Buffer.concat(chunks as Buffer[]).toString()).toBe("asked hello \n");
    expect(await child.exited).toEqual({ code: 7, signal: null });
  });

  test("that cannot be started tells so by its exit", async () => {
    await using child = await startGuarded("/no/such/program", [], { env, stderr: "pipe" });
    const chunks = await child.stderr?.toArray();
    expect(await child.exited).toEqual({ code: 127, signal: null });
    expect(Buffer.concat(chunks as Buffer[]).toString()).toContain("/no/such/program");
  });

  test.skipIf(platform() !== "linux")(
    "leads a process group of its own, so that Ctrl-C reaches only the parent",
    async () => {
      await using child = await startGuarded("sleep", ["30"], { env });
      const [, , group] = readFileSync(`/proc/${child.pid}/stat`, "utf8")
        .split(") ")[1]!
        .split(" ");
      expect(Number(group)).toBe(child.pid);
    },
  );

  test.each(["stubborn", "paused"])("that is %s is stopped all the same", async (state) => {
    const script =
      state === "stubborn" ? "trap '' TERM; echo up; sleep 30; sleep 30" : "echo up; sleep 30";
    await using child = await startGuarded("/bin/sh", ["-c", script], {
      env,
      stdout: "pipe",
      graceMs: 500,
    });
    await once(child.stdout!, "data");
    if (state === "paused") process.kill(child.pid, "SIGSTOP");
    const exit = await child.stop();
    expect(exit.signal).toBe(state === "stubborn" ? "SIGKILL" : "SIGTERM");
    expect(isAlive(child.pid)).toBe(false);
  });

  test.each(["stubborn", "paused"])("that is %s dies with its killed parent", async (state) => {
    await using temporary = await temporaryDirectory("test");
    const script =
      state === "stubborn"
        ? "trap '' TERM; echo up; while :; do sleep 1; done"
        : "echo up; sleep 30";
    await using parent = startScript(
      temporary.path,
      `import { once } from "node:events";
       import { startGuarded } from "${servers}/guarded-child.ts";
       const child = await startGuarded("/bin/sh", ["-c", ${JSON.stringify(script)}], {
         env: { PATH: process.env.PATH },
         stdout: "pipe",
         graceMs: 1_000,
       });
       // Before its first word it may still be the guard, and would be paused before there is a watcher.
       await once(child.stdout, "data");
       if (${JSON.stringify(state)} === "paused") process.kill(child.pid, "SIGSTOP");
       console.log(child.pid);
       setInterval(() => {}, 60_000);`,
    );
    const pid = Number(await parent.firstLine());
    expect(isAlive(pid)).toBe(true);
    await delay(100);
    await parent.kill();
    await eventually(() => (isAlive(pid) ? undefined : true));
  });
});

describe("a temporary directory", () => {
  test("is gone after its use, and after its owner was killed when the next one is made", async () => {
    let path: string;
    {
      await using directory = await temporaryDirectory("test");
      path = directory.path;
      await writeFile(join(path, "file"), "content");
    }
    expect(existsSync(path)).toBe(false);

    await using temporary = await temporaryDirectory("test");
    await using parent = startScript(
      temporary.path,
      `import { temporaryDirectory } from "${servers}/temporary-directory.ts";
       console.log((await temporaryDirectory("test")).path);
       setInterval(() => {}, 60_000);`,
    );
    const orphaned = await parent.firstLine();
    await using ofTheLiving = await temporaryDirectory("test");
    expect(existsSync(orphaned)).toBe(true);
    await parent.kill();
    await using next = await temporaryDirectory("test");
    expect(existsSync(orphaned)).toBe(false);
    expect(existsSync(ofTheLiving.path) && existsSync(next.path)).toBe(true);
  });
});

describe("what tests share", () => {
  test("is one Postgres and one Redis, with a database and a prefix for each test", async () => {
    await using template = await createTestDatabase();
    await query(template.url, "create table made as select 'in the template' as value");
    await using first = await createTestDatabase({ template: template.name });
    await using second = await createTestDatabase();
    expect(await query(first.url, "select value as answer from made")).toBe("in the template");
    await expect(query(second.url, "select value as answer from made")).rejects.toThrow(
      /does not exist/,
    );
    expect(await ping(inject("redisUrl"))).toBe("PONG");
    expect(createTestRedisPrefix()).not.toBe(createTestRedisPrefix());
  });

  test("drops the database at the end, also from under an open connection", async () => {
    const database = await createTestDatabase();
    const left = new Client({ connectionString: database.url });
    left.on("error", () => {});
    await left.connect();
    await database[Symbol.asyncDispose]();
    await expect(query(database.url, "select 1 as answer")).rejects.toThrow(/does not exist/);
  });
});

async function query(url: string, statement: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(statement);
    return rows[0] === undefined ? undefined : Object.values(rows[0])[0];
  } finally {
    await client.end();
  }
}

async function command(url: string, name: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
  });
  // The rejected command tells the same.
  redis.on("error", () => {});
  try {
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}

const ping = (url: string): Promise<unknown> => command(url, "ping");

/** A process that is dead and not yet waited for is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (platform() !== "linux") return true;
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

async function eventually<Value>(
  look: () => Promise<Value | undefined> | Value | undefined,
  withinMs = 20_000,
): Promise<Value> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`It did not happen within ${withinMs} ms`);
    await delay(20);
  }
}

type Script = AsyncDisposable & {
  readonly pid: number;
  firstLine(): Promise<string>;
  /** With SIGKILL, which nobody can catch. */
  kill(): Promise<void>;
};

/** A parent of its own that a test can kill. */
function startScript(directory: string, source: string): Script {
  const child: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd: directory,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  return {
    pid: child.pid ?? 0,
    async firstLine() {
      const [data] = (await once(child.stdout!, "data")) as [Buffer];
      return data.toString("utf8").split("\n")[0] ?? "";
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
