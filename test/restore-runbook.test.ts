import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { schemaOf } from "../sandbox/product/migrations.ts";
import { artifactNames } from "../src/core/manifest.ts";
import { startPostgres, type PostgresServer } from "../src/servers/postgres.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { makeBackup, newKeys } from "./support/made-backup.ts";
import { query } from "./support/records.ts";

const root = join(import.meta.dirname, "..");
const runbook = await readFile(join(root, "ops/RESTORE_RUNBOOK.md"), "utf8");
const blocks = [...runbook.matchAll(/^```sh\n([^]*?)^```$/gm)].map((match) => match[1] ?? "");

const opened = new AsyncDisposableStack();
let folder: string;
let server: PostgresServer;
let tasks = 0;
let environment: Record<string, string>;

const COUNT = "select count(*)::int as tasks from tasks";

/** A product whose owner has just deleted all tasks, and a backup from before. */
beforeAll(async () => {
  folder = opened.use(await temporaryDirectory("runbook")).path;
  await chmod(folder, 0o711);
  server = opened.use(await startPostgres({ directory: join(folder, "postgres"), durable: false }));
  await query(server.url(), "create role product login");
  await query(server.url(), "create role checks login");
  await query(server.url(), "create database product owner product");
  const asOwner = server.url("product").replace("user=postgres", "user=product");
  const seed = await readFile(join(root, "sandbox/product/seed.sql"), "utf8");
  for (const text of [...(await schemaOf("A")), seed]) await query(asOwner, text);
  await query(
    asOwner,
    `insert into inbox_items (id, user_id, chat_id, source, message_raw) values ('i', 'u', 'c', 'api', 'milk');
     insert into tasks (id, user_id, title, title_norm) select 't' || n, 'u', 'milk', 'milk' from generate_series(1, 7) n;
     insert into event_log (id, request_id, user_id, event_type) values ('e', 'r', 'u', 'task_created');`,
  );
  tasks = (await query<{ tasks: number }>(asOwner, COUNT)).rows[0]?.tasks ?? 0;
  const keys = await newKeys();
  const backups = join(folder, "backups");
  await mkdir(backups);
  const made = await makeBackup({ url: asOwner, programs: server.programs, folder: backups, keys });
  await query(asOwner, "truncate tasks cascade");
  await writeFile(join(folder, "key"), `# created long ago\n${keys.recovery}\n`, { mode: 0o600 });
  const programs = join(folder, "programs");
  await mkdir(programs);
  const script = `#!/bin/sh\nexec "${process.execPath}" "${join(root, "src/main.ts")}" "$@"\n`;
  await writeFile(join(programs, "flightdeck"), script, { mode: 0o755 });
  const address = new URL(server.url());
  environment = {
    PATH: `${programs}:${server.programs}:${process.env["PATH"] ?? ""}`,
    PGHOST: address.searchParams.get("host") ?? "",
    PGPORT: address.searchParams.get("port") ?? "",
    PGUSER: "postgres",
    DAMAGED: "product",
    RESTORED: "product_restored",
    OWNER: "product",
    READER: "checks",
    RESTORE_URL: server.url("product_restored").replace("user=postgres", "user=product"),
    BACKUP_FILE: join(backups, artifactNames(made.id).artifact),
    KEY: join(folder, "key"),
  };
}, 120_000);
afterAll(async () => {
  await opened.disposeAsync();
});

async function shell(commands: string): Promise<string> {
  const { stdout } = await promisify(execFile)("/bin/sh", ["-euc", commands], {
    cwd: folder,
    env: environment,
    timeout: 60_000,
  });
  return stdout;
}

describe("the restore runbook", () => {
  test("says what to do first, before any command", () => {
    const [before = ""] = runbook.split("```sh");
    expect(before).toMatch(/first fifteen minutes/);
    for (const word of ["Freeze", "How far", "Write down", "Decide"]) {
      expect(before).toContain(word);
    }
  });

  test("brings back what was deleted, by its own commands in their order", async () => {
    expect(blocks.length).toBeGreaterThanOrEqual(7);
    const said: string[] = [];
    for (const block of blocks) said.push(await shell(block));
    const all = said.join("\n");
    expect(all).toContain("in one transaction");
    expect(all).toContain("✓ row-contents-are-the-same");
    expect(all).toContain("It is what was counted when the backup was taken.");
    expect(all).toContain("c3a2b7d9f1e0");
    const back = await query(server.url("product").replace("user=postgres", "user=checks"), COUNT);
    expect(back.rows).toEqual([{ tasks }]);
    const before = await query(server.url("product_before"), COUNT);
    expect(before.rows).toEqual([{ tasks: 0 }]);
  }, 120_000);

  test("would refuse to be followed twice: the database is not empty any more", async () => {
    const [restore = ""] = blocks.filter((block) => block.startsWith("flightdeck restore"));
    environment["RESTORE_URL"] = server.url("product").replace("user=postgres", "user=product");
    const again = shell(restore);
    await expect(again).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not empty: it holds public\./),
    });
    const { rows } = await query(server.url("product"), COUNT);
    expect(rows).toEqual([{ tasks }]);
  }, 60_000);
});
