import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";

const root = join(import.meta.dirname, "../..");

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let file: string;

/** The product's later revision: work items of its own, no Todoist, and a capture that always fails. */
beforeAll(async () => {
  world = opened.use(await startWorld({ revision: "B" }));
  database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("smoke-work-items"));
  file = join(directory.path, "config.yaml");
  const more = "database: ${env:OWN_DATABASE}\nredis: ${env:OWN_REDIS}";
  await writeFile(file, configText({ data: join(directory.path, "data"), more }));
});
afterAll(async () => {
  await opened.disposeAsync();
});

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function flightdeck(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = {
      PATH: process.env["PATH"] ?? "",
      USER: process.env["USER"] ?? "root",
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    };
    const command = ["src/main.ts", "smoke", ...args, "--config", file];
    execFile(process.execPath, command, { cwd: root, env }, (error, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : error ? -1 : 0;
      resolve({ code, stdout, stderr });
    });
  });
}

type Told = {
  readonly verdict: string;
  readonly steps: readonly {
    readonly name: string;
    readonly result: { readonly status: string };
  }[];
};

describe("the second flow, on the command line", () => {
  test("is GO: a work item is created once, found in the database, and archived", async () => {
    const { code, stdout } = await flightdeck("work-items");
    expect(stdout.split("\n").slice(0, 2)).toEqual([
      "🟢 sandbox · smoke GO",
      "work-items: 6 of 6 steps passed",
    ]);
    expect(stdout).not.toContain("left behind");
    expect(code).toBe(0);
    const { rows } = await query(
      world.product.databaseUrl,
      "select title, status::text from work_items where title like 'ops smoke%'",
    );
    expect(rows).toEqual([{ title: "ops smoke R-1", status: "archived" }]);
    expect(await world.effects()).toMatchObject({ workItemsCreated: 1, workItemsArchived: 1 });
  });

  test("exits 1 on NO-GO, with every report as JSON and no secret; cleaning up is done all the same", async () => {
    await world.break("xai-key-revoked");
    const { code, stdout } = await flightdeck("work-items", "--json");
    await world.heal("xai-key-revoked");
    expect(code).toBe(1);
    const told = JSON.parse(stdout) as Told;
    expect(told.verdict).toBe("NO-GO");
    const statuses = told.steps.map(({ name, result }) => [name, result.status]);
    expect(statuses.slice(-2)).toEqual([
      ["a question is answered", "fail"],
      ["the work item is archived", "pass"],
    ]);
    for (const secret of world.secrets) expect(stdout).not.toContain(secret);
    expect(await world.effects()).toMatchObject({ workItemsCreated: 2, workItemsArchived: 2 });
  });

  test("exits 2 on UNKNOWN", async () => {
    await world.break("redis-down");
    const { code, stdout } = await flightdeck("work-items");
    await world.heal("redis-down");
    expect(stdout).toContain("🟡 sandbox · smoke UNKNOWN\n? dead letters are counted");
    expect(code).toBe(2);
  });

  test("--dry-run exits 0, calls nobody and makes no run", async () => {
    const before = await world.effects();
    const entries = (await readEntries(database.url)).length;
    const { code, stdout } = await flightdeck("--dry-run", "work-items");
    expect(code).toBe(0);
    expect(stdout).toContain("7 steps. Nothing was called.");
    expect(stdout).toMatch(
      /2\. a work item is created: POST 127\.0\.0\.1:\d+\/v1\/work_items, with/,
    );
    expect((await world.effects())["apiRequests"]).toBe(before["apiRequests"]);
    expect(await readEntries(database.url)).toHaveLength(entries);
    for (const secret of world.secrets) expect(stdout).not.toContain(secret);
  });

  test("exits 3 for a flow that there is not", async () => {
    const { code, stderr } = await flightdeck("work-itmes");
    expect(stderr).toContain('There is no flow "work-itmes". Did you mean work-items?');
    expect(code).toBe(3);
  });
});

describe("the flow of the first revision", () => {
  test("is NO-GO at its capture, which this revision answers with 500 every time", async () => {
    const { code, stdout } = await flightdeck("todoist");
    expect(stdout).toContain("🔴 sandbox · smoke NO-GO\n✗ a thought becomes a task");
    expect(stdout).toContain("seen: 500 with Internal Server Error");
    expect(code).toBe(1);
  });
});

test("a target without flows says so, and how to have one", async () => {
  const text = await readFile(file, "utf8");
  const bare = text.replace(/\n# What \/smoke does[^]*?\n(?=database:)/, "\n");
  await writeFile(file, bare);
  const { code, stderr } = await flightdeck();
  await writeFile(file, text);
  expect(stderr).toContain("No smoke flow is configured. Put one below `smoke:`");
  expect(code).toBe(3);
});
