import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

import { Redis } from "ioredis";
import { Client } from "pg";
import { expect, test } from "vitest";

import { startPostgres } from "../../src/servers/postgres.ts";
import { startRedis } from "../../src/servers/redis.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";

const root = join(import.meta.dirname, "../..");
const text = readFileSync(join(root, "docs/deploy-on-coolify.md"), "utf8");
const compose = readFileSync(join(root, "compose.yaml"), "utf8");
const blocks = (language: string): readonly string[] =>
  [...text.matchAll(new RegExp(`^ *\`\`\`${language}\n([^]*?)^ *\`\`\`$`, "gm"))].map(
    ([, block = ""]) => block,
  );

test("every command block of the document on deployment is understood by a shell", async () => {
  expect(blocks("sh").length).toBeGreaterThan(10);
  for (const block of blocks("sh")) await promisify(execFile)("bash", ["-n", "-c", block]);
});

test("it names scripts that are there, and the image by its name", () => {
  const commands = blocks("sh").join("\n");
  const scripts = [...commands.matchAll(/scripts\/[\w.-]+/g)].map(([script]) => script);
  expect(scripts.length).toBeGreaterThan(2);
  for (const script of scripts) expect(readFileSync(join(root, script), "utf8")).toMatch(/^#!/);
  const [, image = "none"] = /^ *image: (flightdeck:\S+)$/m.exec(compose) ?? [];
  expect(commands).toContain(` ${image} `);
});

test("it makes every folder of the host that compose.yaml mounts", () => {
  const made = blocks("sh").flatMap((block) =>
    [...block.matchAll(/install -d [^\n]*/g)].flatMap(([line]) => line.split(" ")),
  );
  const mounted = [...compose.matchAll(/source: \$\{FLIGHTDECK_FILES:-([^}]+)\}(\S+)/g)].map(
    ([, folder, rest]) => `${folder}${rest}`,
  );
  expect(mounted.length).toBe(4);
  expect(mounted.filter((folder) => !made.includes(folder))).toEqual([]);
});

test("its logins for PostgreSQL look at what they must and change nothing", async () => {
  await using directory = await temporaryDirectory("document");
  await using server = await startPostgres({
    directory: join(directory.path, "postgres"),
    durable: false,
    port: await freePort(),
  });
  const owner = new Client(server.url("postgres"));
  await owner.connect();
  await using closing = new AsyncDisposableStack();
  closing.defer(async () => owner.end());
  const tables = ["alembic_version", "event_log", "tasks", "todoist_task_map", "work_items"];
  for (const name of [...tables, "inbox_items"]) await owner.query(`create table ${name} (id int)`);
  const [sql = ""] = blocks("sql");
  await owner.query(sql);
  const as = async (role: string): Promise<(query: string) => Promise<unknown>> => {
    await owner.query(`alter role ${role} password 'sample'`);
    const client = new Client(
      server.urlFor({ user: role, password: "sample", database: "postgres" }),
    );
    await client.connect();
    closing.defer(async () => client.end());
    return async (query) => (await client.query(query)).rows;
  };

  const reader = await as("flightdeck_reader");
  for (const name of tables) expect(await reader(`select * from ${name}`)).toEqual([]);
  expect(await reader("select count(*) > 0 as sees from pg_stat_activity")).toEqual([
    { sees: true },
  ]);
  await expect(reader("select * from inbox_items")).rejects.toThrow("permission denied");
  await expect(reader("delete from tasks")).rejects.toThrow("permission denied");

  const backup = await as("flightdeck_backup");
  expect(await backup("select * from inbox_items")).toEqual([]);
  await expect(backup("delete from inbox_items")).rejects.toThrow("permission denied");
}, 60_000);

test("its users of Redis may do what they are for and nothing else", async () => {
  const password = "sample";
  const { stdout } = await promisify(execFile)("bash", ["-c", `printf %s ${password} | sha256sum`]);
  const sum = stdout.split(" ")[0] ?? "";
  const [lines = ""] = blocks("redis");
  const users = lines
    .trim()
    .split("\n")
    .map((line) => line.replace(/^user /, "").replace(/#[0-9a-f]{64}/, `#${sum}`));
  expect(users.length).toBe(2);
  await using directory = await temporaryDirectory("document");
  await using server = await startRedis({
    directory: join(directory.path, "redis"),
    durable: false,
    users: ["default on nopass ~* +@all", ...users],
  });
  using closing = new DisposableStack();
  const as = (username?: string): Redis => {
    const login = username === undefined ? {} : { username, password };
    const client = new Redis({ path: server.socket, ...login, enableReadyCheck: false });
    closing.defer(() => client.disconnect());
    return client;
  };
  await as().rpush("dead_letter_queue", "letter");

  const reader = as("flightdeck_reader");
  expect(await reader.llen("dead_letter_queue")).toBe(1);
  expect(await reader.lrange("dead_letter_queue", 0, 0)).toEqual(["letter"]);
  expect(await reader.info("memory")).toContain("maxmemory_policy:noeviction");
  await expect(reader.del("dead_letter_queue")).rejects.toThrow("NOPERM");
  await expect(reader.keys("*")).rejects.toThrow("NOPERM");

  const requeue = as("flightdeck_requeue");
  const script =
    "redis.call('lrem', KEYS[1], 1, 'letter') return redis.call('rpush', KEYS[2], 'letter')";
  expect(await requeue.eval(script, 2, "dead_letter_queue", "default_queue")).toBe(1);
  await expect(requeue.lrange("default_queue", 0, -1)).rejects.toThrow("NOPERM");
  await expect(requeue.del("sessions")).rejects.toThrow("NOPERM");
}, 60_000);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
