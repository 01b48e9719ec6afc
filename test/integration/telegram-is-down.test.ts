import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText, FAST_ENGINE } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";
import { HASTE } from "../support/rollout.ts";

const root = join(import.meta.dirname, "../..");
const me = userInfo().username;
const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let file: string;

/** Nobody runs a bot here: what is done, two people do at two terminals. */
beforeAll(async () => {
  world = opened.use(
    await startWorld({ deploymentStepMs: 60, timing: { workerPausesMs: [20, 20, 20, 20] } }),
  );
  database = opened.use(await createTestDatabase());
  const { path } = opened.use(await temporaryDirectory("telegram-is-down"));
  file = join(path, "config.yaml");
  const more = `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`;
  await writeFile(file, configText({ data: join(path, "data"), more }));
});
afterAll(async () => {
  await opened.disposeAsync();
});

const AS = {
  Otto: { USER: me, ADA_USER: "ada" },
  Ada: { USER: "otto", ADA_USER: me },
} as const;

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

function started(who: keyof typeof AS, ...args: readonly string[]) {
  const child = spawn(process.execPath, ["src/main.ts", ...args, "--config", file], {
    cwd: root,
    env: {
      PATH: process.env["PATH"] ?? "",
      ...world.environment,
      ...HASTE,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
      ...AS[who],
    },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const ended = new Promise<Ended>((resolve) =>
    child.once("close", (code) => resolve({ code: code ?? -1, stdout, stderr })),
  );
  return { ended, said: () => stdout + stderr };
}

const typed = async (who: keyof typeof AS, ...args: readonly string[]): Promise<Ended> =>
  started(who, ...args).ended;

/** What Otto asks for, and the words in which he is told who may answer. */
async function asks(...args: readonly string[]) {
  const asking = started("Otto", ...args);
  const how = /flightdeck approve (R-\w+) (\w{4})/;
  await expect.poll(() => asking.said(), { timeout: 60_000 }).toMatch(how);
  const [, run = "", code = ""] = how.exec(asking.said()) ?? [];
  return { ...asking, run, code };
}

describe("while Telegram is down and no bot runs", () => {
  test("a release goes to production and is signed, by two people at two terminals", async () => {
    expect((await typed("Otto", "preflight")).stdout).toContain("sandbox · GO");
    expect((await typed("Otto", "backup")).code).toBe(0);
    world.push("good");
    const { run, code, said, ended } = await asks("deploy");
    expect(said()).toContain("✋ sandbox · deploy?");
    expect(world.deployed("api")).not.toBe(world.releases.good);
    const yes = await typed("Ada", "approve", run, code);
    const asked = await ended;
    expect([yes.code, asked.code, asked.stdout]).toEqual([0, 0, expect.stringMatching(/^🟢/)]);
    // Whoever waited was shown how it went on.
    expect(asked.stderr).toMatch(/⏳ sandbox · deploy/);
    expect(world.deployed("api")).toBe(world.releases.good);
    expect(world.deployed("worker")).toBe(world.releases.good);
    const signed = await typed("Ada", "sign", run, "complete");
    expect(signed.stdout).toContain("signed");
    const list = await typed("Otto", "checklist", "rollout");
    expect(list.stdout).toContain("gate 1 of 5: preflight");
    const [, name = ""] = /\n(R-\w+) · Otto/.exec(list.stdout) ?? [];
    const ticked = await typed("Otto", "checklist", "tick", name, "commit");
    expect(ticked.stdout).toMatch(/☑ The commit is chosen[^\n]* · Otto/);
    const kinds = (await readEntries(database.url)).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(["approval.used", "rollout.signed"]));
  }, 240_000);

  test("it goes back again the same way", async () => {
    const { stdout } = await typed("Otto", "rollback");
    // Where the chat has buttons to pick from, a terminal shows what they type.
    const [, commit = ""] = /flightdeck rollback ([0-9a-f]{7,40})/.exec(stdout) ?? [];
    const { run, code, ended } = await asks("rollback", commit);
    expect((await typed("Ada", "approve", run, code)).code).toBe(0);
    expect(await ended).toMatchObject({ code: 0 });
    expect(world.deployed("api")?.startsWith(commit)).toBe(true);
    expect(world.deployed("worker")).toBe(world.deployed("api"));
  }, 240_000);

  test("a question that nobody answers in time is left with 2, and nothing is done", async () => {
    const before = await world.effects();
    const { run, ended } = await asks("webhook", "set");
    await query(
      database.url,
      "update approval set expires_at = now() - interval '1 minute' where state in ('draft', 'posted')",
    );
    const { code, stderr } = await ended;
    expect(stderr).toContain(`Nobody answered ${run} in time, and no instance runs`);
    expect(code).toBe(2);
    expect(await world.effects()).toEqual(before);
  }, 120_000);
});
