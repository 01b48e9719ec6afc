import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { CHECKS, configText } from "../support/config.ts";
import { someOf } from "../support/long-run.ts";
import { readEntries } from "../support/records.ts";

const root = join(import.meta.dirname, "../..");

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let directory: string;
let file: string;

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  ({ path: directory } = opened.use(await temporaryDirectory("command-line")));
  file = join(directory, "config.yaml");
  const more = "database: ${env:OWN_DATABASE}\nredis: ${env:OWN_REDIS}";
  await writeFile(file, configText({ data: join(directory, "data"), more }));
});
afterAll(async () => {
  await opened.disposeAsync();
});

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function flightdeck(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["src/main.ts", ...args],
      {
        cwd: root,
        env: {
          PATH: process.env["PATH"] ?? "",
          // The sandbox's configuration maps the user of this machine to Otto, the operator.
          USER: process.env["USER"] ?? "root",
          ...world.environment,
          OWN_DATABASE: database.url,
          OWN_REDIS: inject("redisUrl"),
          ...environment,
        },
      },
      (error, stdout, stderr) => {
        const code = typeof error?.code === "number" ? error.code : error ? -1 : 0;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

describe("flightdeck preflight on the command line", () => {
  test("says GO as a card and exits 0", async () => {
    const { code, stdout } = await flightdeck(["preflight", "--config", file]);
    expect(stdout.startsWith(`🟢 sandbox · GO\n${CHECKS.length} passed`)).toBe(true);
    expect(code).toBe(0);
  });

  test("exits 1 on NO-GO, with every report as JSON", async () => {
    await world.break("xai-key-revoked");
    const { code, stdout } = await flightdeck(["preflight", "--json", "--config", file]);
    await world.heal("xai-key-revoked");
    expect(code).toBe(1);
    const told = JSON.parse(stdout) as {
      readonly verdict: string;
      readonly steps: readonly {
        readonly result: readonly { readonly check: string; readonly status: string }[];
      }[];
    };
    expect(told.verdict).toBe("NO-GO");
    const failed = told.steps[0]?.result.filter(
      ({ status }) => status !== "pass" && status !== "not-configured",
    );
    expect(failed).toMatchObject([{ check: "xai-key-works", status: "fail" }]);
    for (const secret of world.secrets) expect(stdout).not.toContain(secret);
  });

  test("exits 2 on UNKNOWN", async () => {
    await world.break("api-hangs");
    const { code, stdout } = await flightdeck(["preflight", "api-is-live", "--config", file]);
    await world.heal("api-hangs");
    expect(stdout).toContain("sandbox · UNKNOWN");
    expect(code).toBe(2);
  });

  test("records who asked", async () => {
    const last = (await readEntries(database.url)).at(-1);
    expect(last).toMatchObject({ actor: { via: "cli", name: "Otto" }, result: "UNKNOWN" });
    const { stdout } = await flightdeck(["evidence", "show", "3", "--config", file]);
    expect(stdout).toContain("preflight · UNKNOWN");
    expect(stdout).toContain("preflight · NO-GO");
    expect(stdout).toContain("preflight · GO");
  });

  test.each(
    someOf(
      [
        [["preflight", "api-is-liv"], 'There is no check "api-is-liv". Did you mean api-is-live?'],
        [["preflight", "--josn"], "There is no flag --josn"],
        [["preflihgt"], "There is no command preflihgt. Did you mean preflight?"],
        [["config", "chekc"], "Usage: flightdeck config check"],
      ] as const,
      1,
    ),
  )("%j exits 3 and says what would be right", async (args, message) => {
    const { code, stderr } = await flightdeck([...args, "--config", file]);
    expect(stderr).toContain(message);
    expect(code).toBe(3);
  });

  test("refuses a user of this machine whom nobody has named", async () => {
    const { code, stderr } = await flightdeck(["whoami", "--config", file], { USER: "somebody" });
    expect(stderr).toContain("names no operator for the user");
    expect(code).toBe(3);
  });
});

describe("without outside databases", () => {
  test("a command starts a PostgreSQL of its own, and the next one finds what it recorded", async () => {
    const alone = join(directory, "alone.yaml");
    await writeFile(alone, configText({ data: join(directory, "alone") }));
    expect((await flightdeck(["preflight", "api-is-live", "--config", alone])).code).toBe(0);
    const { stdout } = await flightdeck(["runs", "--config", alone]);
    expect(stdout).toContain("R-1 preflight · GO");
  });
});

describe("flightdeck config", () => {
  test("check finds the sandbox's own file valid", async () => {
    const { code, stdout } = await flightdeck(["config", "check", "ops/sandbox.yaml"]);
    expect(stdout).toMatch(/ops\/sandbox\.yaml is valid: sandbox, \d+ checks/);
    expect(code).toBe(0);
  });

  test("check tells every mistake with its line and exits 1", async () => {
    const wrong = join(directory, "wrong.yaml");
    const text = configText({ data: "x" })
      .replace("role: viewer", "role: boss")
      .replace("timeZone: Europe/Berlin", "timeZone: Mars/Olympus")
      .replace("token: ${env:FLIGHTDECK_BOT_TOKEN}", "token: 12345:abc")
      .replace("retryAfterFailure: 1", "retryAfterFailur: 1");
    await writeFile(wrong, text);
    const { code, stderr } = await flightdeck(["config", "check", wrong]);
    expect(code).toBe(1);
    const lines = stderr.split("\n").filter((line) => /wrong\.yaml:\d+:\d+/.test(line));
    expect(lines).toHaveLength(4);
    expect(stderr).toContain("retryAfterFailure");
    expect(stderr).not.toContain("12345:abc");
  });

  test("schema is JSON Schema that knows the checks", async () => {
    const { code, stdout } = await flightdeck(["config", "schema"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty("properties.checks");
  });
});
