import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText, FAST_ENGINE } from "../support/config.ts";
import { someOf } from "../support/long-run.ts";
import { query, readEntries } from "../support/records.ts";

const root = join(import.meta.dirname, "../..");
const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let directory: string;
let file: string;
/** Where the token lies that is made; the checks read it there. */
let kept: string;
let typed: { readonly DATABASE_URL: string; readonly REDIS_URL: string };

const environment = () => ({
  ...world.environment,
  OWN_DATABASE: database.url,
  OWN_REDIS: inject("redisUrl"),
  USER: userInfo().username,
});

/** The sandbox's file, in which the API's token is not known yet but made and kept. */
function fileText(): string {
  const text = configText({
    data: join(directory, "data"),
    more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
  });
  return text
    .replace(
      /APP_AUTH_BEARER_TOKENS:\s+\{ applications: .* \}/,
      `APP_AUTH_BEARER_TOKENS: { applications: [api, worker], generate: token, keep: ${kept} }`,
    )
    .replaceAll("bearer: ${file:${env:SANDBOX_SECRETS}/api-token}", `bearer: \${file:${kept}}`);
}

beforeAll(async () => {
  world = opened.use(await startWorld({ empty: true }));
  database = opened.use(await createTestDatabase());
  ({ path: directory } = opened.use(await temporaryDirectory("secrets-init")));
  kept = join(directory, "made", "api-token");
  file = join(directory, "config.yaml");
  await writeFile(file, fileText());
  typed = {
    DATABASE_URL: world.product.databaseUrl.replace(/^postgres(?:ql)?:/, "postgresql+asyncpg:"),
    REDIS_URL: world.product.redisUrl,
  };
});
afterAll(async () => {
  await opened.disposeAsync();
});

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function flightdeck(args: readonly string[], input = "", killAt?: string): Promise<Ended> {
  const imports = killAt === undefined ? [] : ["--import", "./test/support/kill-at.ts"];
  const child = spawn(process.execPath, [...imports, "src/main.ts", ...args, "--config", file], {
    cwd: root,
    env: {
      PATH: process.env["PATH"] ?? "",
      ...environment(),
      ...(killAt === undefined ? {} : { KILL_AT: killAt }),
    },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return new Promise((resolve) =>
    child.once("close", (code) => {
      expect(stdout + stderr).not.toContain(typed.DATABASE_URL);
      expect(stdout + stderr).not.toContain(typed.REDIS_URL);
      resolve({ code: code ?? -1, stdout, stderr });
    }),
  );
}

const UUIDS = { api: "h8gk4o8w0cs4ggk0wo8o4so8", worker: "m4wcs0gkw8ko4sc0gok8wc4s" } as const;

/** What an application has in Coolify, by the sandbox's own tables. */
function held(application: keyof typeof UUIDS, isPreview = false): Record<string, string | null> {
  const rows = world.coolify.state.variables.filter(
    (row) => row.application === UUIDS[application] && row.is_preview === isPreview,
  );
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
}

/** What is typed at the terminal, a line each, in the order of the file. */
const input = (): string => `${typed.DATABASE_URL}\n${typed.REDIS_URL}\n`;

const writes = async () => (await world.effects())["variablesWritten"] ?? 0;

describe("flightdeck secrets init on an empty production", () => {
  test("tells first what is missing and how it would come about, and changes nothing", async () => {
    const { code, stdout } = await flightdeck(["secrets", "init", "--dry-run"]);
    expect(stdout).toContain("🔴 sandbox · variables NO-GO: 13 missing");
    expect(stdout).toMatch(/– will be asked for: DATABASE_URL, REDIS_URL/);
    expect(stdout).toMatch(/– will be made: APP_AUTH_BEARER_TOKENS/);
    expect(code).toBe(1);
    expect(await writes()).toBe(0);
    await expect(stat(kept)).rejects.toThrow("ENOENT");
  });

  test.each([
    ["nothing is typed", "", "No DATABASE_URL came from standard input. Nothing was changed."],
    [
      "what is typed has another form",
      "postgresql://product@db/app\n",
      "That is no DATABASE_URL: expected",
    ],
  ])("does nothing when %s", async (_what, input, message) => {
    const { code, stderr } = await flightdeck(["secrets", "init"], input);
    expect(stderr).toContain(message);
    expect(code).toBe(1);
    expect(await writes()).toBe(0);
    await expect(stat(kept)).rejects.toThrow("ENOENT");
  });

  test.each(
    someOf(
      [
        [["secrets", "init", "@sandbox"], "Usage: flightdeck secrets"],
        [["secrets", "init", "--force"], "Usage: flightdeck secrets"],
        [["secrets", "@staging", "init"], "There is no target @staging."],
      ] as const,
      1,
    ),
  )("%j exits 3 and says what would be right", async (args, message) => {
    const { code, stderr } = await flightdeck(args, input());
    expect(stderr).toContain(message);
    expect(code).toBe(3);
    expect(await writes()).toBe(0);
  });

  test("asks nobody for anything without a token that may write", async () => {
    await writeFile(file, fileText().replace(/^ *writeToken:.*\n/m, ""));
    const { code, stderr } = await flightdeck(["secrets", "init"], input());
    await writeFile(file, fileText());
    expect(stderr).toContain("needs systems.coolify.writeToken");
    expect(stderr).not.toContain("stays unseen");
    expect(code).toBe(3);
  });

  test("that dies before it wrote what was typed is ended by the running instance, which knows none of it", async () => {
    const first = await flightdeck(["secrets", "init"], input(), "run.claimed#2");
    expect(first.code).toBe(-1);
    // What was made is never known to Coolify alone, so it was kept first.
    expect(await readFile(kept, "utf8")).toMatch(/^[\w-]{43}\n$/);
    const ended = await endedByTheBot();
    expect(ended).toMatchObject({ result: "failed" });
    expect(ended?.facts["reason"]).toMatch(/DATABASE_URL was known to a terminal alone/);
    expect(Object.keys(held("api"))).not.toContain("DATABASE_URL");
    expect(held("worker")).toEqual({});
  });

  test("asked once more goes on; that dies between two applications is finished by copying", async () => {
    const made = await readFile(kept, "utf8");
    const at = "step.closed@create what api lacks#1";
    expect((await flightdeck(["secrets", "init"], input(), at)).code).toBe(-1);
    expect(Object.keys(held("api"))).toHaveLength(12);
    expect(held("worker")).toEqual({});
    expect(await endedByTheBot()).toMatchObject({ result: "GO" });
    const [api, worker] = [held("api"), held("worker")];
    expect(api).toMatchObject({
      ...typed,
      APP_ENV: "production",
      APP_AUTH_BEARER_TOKENS: made.trim(),
      LLM_API_KEY: world.namedSecrets["xaiKey"],
      TELEGRAM_WEBHOOK_SECRET: world.namedSecrets["webhookSecret"],
    });
    expect(worker).toMatchObject({
      ...typed,
      TODOIST_TOKEN: world.namedSecrets["todoistToken"],
      APP_AUTH_BEARER_TOKENS: made.trim(),
    });
    expect(Object.keys(worker)).not.toContain("TELEGRAM_BOT_TOKEN");
    expect(await readFile(kept, "utf8")).toBe(made);
    expect((await stat(kept)).mode & 0o777).toBe(0o600);
    // Coolify gives every variable a twin for previews.
    expect(held("api", true)).toEqual(api);
  });

  test("changes nothing the second time", async () => {
    const before = [held("api"), held("worker"), await writes(), await readFile(kept, "utf8")];
    const { code, stdout } = await flightdeck(["secrets", "init"]);
    expect(stdout).toContain("variables GO: all 13 are set");
    expect(code).toBe(0);
    expect([held("api"), held("worker"), await writes(), await readFile(kept, "utf8")]).toEqual(
      before,
    );
    expect((await flightdeck(["secrets"])).code).toBe(0);
  });

  test("overwrites nothing: where the same name has another value it says so and stops", async () => {
    const row = world.coolify.state.variables.find(
      (one) => one.application === UUIDS.worker && one.key === "LLM_API_KEY" && !one.is_preview,
    );
    const before = row!.value;
    row!.value = "somebody-typed-another";
    world.coolify.state.variables = world.coolify.state.variables.filter(
      (one) => one.key !== "TODOIST_TOKEN",
    );
    const { code, stdout, stderr } = await flightdeck(["secrets", "init"]);
    expect(stdout).toContain("✗ LLM_API_KEY is not the same in api and worker");
    expect(stderr).toContain("LLM_API_KEY is not the same in api and worker. Nothing was changed.");
    expect(code).toBe(1);
    expect(held("worker")["TODOIST_TOKEN"]).toBeUndefined();
    expect(held("worker")["LLM_API_KEY"]).toBe("somebody-typed-another");
    row!.value = before;
    expect((await flightdeck(["secrets", "init"])).code).toBe(0);
    expect(held("worker")["TODOIST_TOKEN"]).toBe(world.namedSecrets["todoistToken"]);
  });

  test("is recorded step by step, by names alone", async () => {
    const entries = (await readEntries(database.url)).filter(
      ({ operation }) => operation === "secrets-init",
    );
    const done = entries.findLast(({ kind }) => kind === "run.result");
    expect(done).toMatchObject({
      actor: { via: "cli", name: "Otto" },
      result: "GO",
      facts: { created: "worker: TODOIST_TOKEN" },
    });
    const made = (await readFile(kept, "utf8")).trim();
    const everything = JSON.stringify([
      await readEntries(database.url),
      (await query(database.url, "select * from run")).rows,
      (await query(database.url, "select * from run_step")).rows,
      (await query(database.url, "select * from outbox")).rows,
    ]);
    expect(everything).toContain("DATABASE_URL");
    for (const value of [made, ...Object.values(typed), ...world.secrets]) {
      expect(everything).not.toContain(value);
    }
  });

  test("leaves the secret to whoever has it when its file is gone", async () => {
    const other = join(directory, "made", "another-token");
    await writeFile(file, fileText().replaceAll(kept, other));
    const { code, stdout } = await flightdeck(["secrets", "init"]);
    expect(stdout).toContain(
      "✗ APP_AUTH_BEARER_TOKENS is something else in api and worker than here",
    );
    expect(code).toBe(1);
    await expect(stat(other)).rejects.toThrow("ENOENT");
    await writeFile(file, fileText());
  });
});

/** The running instance, which ends what another process has left behind. */
async function startBot() {
  const config = parseConfig(await readFile(file, "utf8"), {
    environment: environment(),
    readFile: (path) => (path === kept ? "in-the-file" : readFileSync(path, "utf8")),
  });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  return startApp({
    config,
    logger: createLogger(
      () => undefined,
      (text) => text,
    ),
    instance: "running",
    signal: new AbortController().signal,
  });
}

/** Lets the running instance end what a dead terminal has left, and gives back how that ended. */
async function endedByTheBot() {
  await using _bot = await startBot();
  const sql = "select operation from run where state in ('waiting', 'running', 'unknown')";
  await expect
    .poll(async () => (await query(database.url, sql)).rows, { timeout: 40_000 })
    .toEqual([]);
  return (await readEntries(database.url)).findLast(
    ({ kind, operation }) => kind === "run.result" && operation === "secrets-init",
  );
}
