import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { releases } from "../../sandbox/releases.ts";
import { writeSourceRepository } from "../../sandbox/source-repository.ts";
import { Secret } from "../../src/core/secret.ts";
import {
  areOpen,
  seeGates,
  type GateParts,
  type SeenGates,
} from "../../src/jobs/deploy/gate-look.ts";
import type { ReleaseSight } from "../../src/jobs/rollback/release-sight.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createDatabaseLocks } from "../../src/systems/database-lock.ts";
import { createGit } from "../../src/systems/git.ts";
import { SystemError } from "../../src/systems/system-error.ts";
import { openOwnDatabase, type OwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";

const opened = new AsyncDisposableStack();
const never = new AbortController().signal;
let kept: OwnDatabase;

beforeAll(async () => {
  kept = opened.use(await openOwnDatabase());
});
afterAll(async () => {
  await opened.disposeAsync();
});

const sql = async (text: string, ...values: readonly unknown[]) => query(kept.url, text, values);

describe("what the gates are decided by", () => {
  const both = ["before-deploy", "running"] as const;
  const parts = (): GateParts => ({
    database: kept.database,
    target: "alpha",
    checks: [
      { name: "ready", severity: "page", appliesTo: ["running"] },
      { name: "coolify", severity: "page", appliesTo: both },
    ],
    rollout: {
      gates: { preflightWithin: 1_800_000, backupWithin: 86_400_000 },
      backupFreshFor: 3_600_000,
    },
    hasBackups: true,
  });
  const running: ReleaseSight = {
    applications: [
      {
        role: "api",
        name: "api",
        images: null,
        finished: [{ commit: releases.current, at: new Date() }],
        active: [],
        deploysOnPush: false,
      },
    ],
    schema: { revision: "c3a2b7d9f1e0", problem: null },
    met: [],
  };
  const empty: ReleaseSight = {
    ...running,
    applications: running.applications.map((one) => ({ ...one, finished: [] })),
    schema: { revision: "none", problem: null },
  };
  const words = (seen: SeenGates, name: string) => {
    const gate = seen.gates.find((one) => one.name === name);
    return `${gate?.ok ? "open" : "shut"}: ${gate?.words}`;
  };

  beforeEach(async () => {
    await sql("truncate run, alert, backup cascade");
  });

  async function preflight(
    minutesAgo: number,
    reports: Readonly<Record<string, string>>,
    more: { readonly target?: string; readonly state?: string } = {},
  ): Promise<void> {
    const { target = "alpha", state = "ok" } = more;
    const { rows } = await query<{ id: string }>(
      kept.url,
      `insert into run (target, operation, input, mutating, cause, actor, config_hash, state, created_at)
       values ($1, 'preflight', '{}', false, $2, '{}', '', $3, now()) returning id`,
      [target, crypto.randomUUID(), state],
    );
    const result = Object.entries(reports).map(([check, status]) => ({
      check,
      status,
      severity: "page",
      durationMs: 1,
      observations: [],
      measurements: [],
    }));
    await sql(
      `insert into run_step (run_id, n, name, kind, state, epoch, idempotency_key, started_at, ended_at, result)
       values ($1, 0, 'ask every check', 'look', 'done', 1, gen_random_uuid(), now(), now() - $2 * interval '1 minute', $3)`,
      rows[0]!.id,
      minutesAgo,
      JSON.stringify(result),
    );
  }

  async function backup(hoursAgo: number, problem: string | null = null): Promise<void> {
    await sql(
      `insert into backup (target, id, snapshot_at, bytes, sha256, run, tables, rows, read_problem)
       values ('alpha', $1, now() - $2 * interval '1 hour', 1, 'x', 'R-1', 1, 1, $3)`,
      crypto.randomUUID(),
      hoursAgo,
      problem,
    );
  }

  test("a check that was asked again counts by its newest answer, and others by theirs", async () => {
    await preflight(20, { ready: "fail", coolify: "pass" });
    await preflight(5, { ready: "pass" });
    await backup(2);
    const seen = await seeGates(parts(), running, []);
    expect(words(seen, "preflight")).toBe("open: GO by 2 checks, 20m ago");
    expect(areOpen(seen)).toBe(true);
  });

  test.each([
    ["is too old", 31, {}],
    ["is another target's", 5, { target: "beta" }],
    ["did not come to its end", 5, { state: "failed" }],
  ])("a preflight that %s says nothing", async (_title, minutesAgo, more) => {
    await preflight(minutesAgo, { ready: "pass", coolify: "pass" }, more);
    expect(words(await seeGates(parts(), running, []), "preflight")).toContain(
      "shut: no preflight",
    );
  });

  test("a first rollout asks only what can pass before it, and needs no backup of nothing", async () => {
    await preflight(5, { ready: "fail", coolify: "pass" });
    const seen = await seeGates(parts(), empty, []);
    expect(words(seen, "preflight")).toBe("open: GO by 1 checks, 5m ago");
    expect(words(seen, "backup")).toBe("open: first rollout, and the database is empty");
    expect(seen).toMatchObject({ isFirst: true, needsBackup: false });
    // A database that holds something is worth a backup, whoever runs on it.
    const { applications } = empty;
    const filled = await seeGates(parts(), { ...running, applications }, []);
    expect(words(filled, "backup")).toContain("shut: there is none");
    expect(filled.needsBackup).toBe(true);
  });

  test("a backup that could not be read is none, and one that is not fresh is made anew", async () => {
    await backup(0, "the file is cut");
    expect(words(await seeGates(parts(), running, []), "backup")).toContain("shut: there is none");
    await backup(2);
    const seen = await seeGates(parts(), running, []);
    expect(words(seen, "backup")).toContain("open: the newest is from 2h");
    expect(seen.needsBackup).toBe(true);
    await backup(0.5);
    expect((await seeGates(parts(), running, [])).needsBackup).toBe(false);
    const none = await seeGates({ ...parts(), hasBackups: false }, running, []);
    expect(words(none, "backup")).toBe("open: not configured");
  });

  test("what pages and is not over shuts it, taken on or not; a warning, and what is not yet sure, do not", async () => {
    const alert = async (check: string, severity: string, state: string): Promise<void> => {
      const fired = state === "pending" ? null : new Date();
      await sql(
        `insert into alert (target, check_name, severity, state, since, looked_at, trouble_kind, trouble_seen, fired_at, acknowledged_by, acknowledged_at)
         values ('alpha', $1, $2, $3, now(), now(), 'down', 'x', $4, $5, $6)`,
        check,
        severity,
        state,
        fired,
        state === "acknowledged" ? "Otto" : null,
        state === "acknowledged" ? new Date() : null,
      );
    };
    await alert("coolify", "warn", "firing");
    expect(words(await seeGates(parts(), running, []), "alerts")).toBe("open: no page");
    await alert("ready", "page", "acknowledged");
    const seen = await seeGates(parts(), running, [{ gate: "alerts", because: "it mends that" }]);
    expect(words(seen, "alerts")).toBe("shut: firing: ready");
    expect(seen.pages).toEqual(["ready"]);
    expect(seen.gates.find(({ name }) => name === "alerts")?.overriddenBecause).toBe(
      "it mends that",
    );
    // What runs cannot page before there is anything that runs.
    expect((await seeGates(parts(), empty, [])).pages).toEqual([]);
  });

  test("a run that may change the target shuts it, and so does a deployment of anybody", async () => {
    await sql(
      `insert into run (target, operation, input, mutating, holds, cause, actor, config_hash, state, created_at)
       values ('alpha', 'smoke', '{}', true, true, 'held', '{"via":"flightdeck","name":"test"}', '', 'running', now())`,
    );
    const [application] = running.applications;
    const deploying = { ...running, applications: [{ ...application!, active: ["d-1"] }] };
    const seen = await seeGates(parts(), deploying, []);
    expect(words(seen, "runs")).toMatch(
      /^shut: R-\w+ smoke by test, deployment d-1 of api in Coolify$/,
    );
  });
});

describe("the lock of a database", () => {
  const { take } = createDatabaseLocks();
  const lock = (name: string) => ({ url: new Secret(kept.url), name });

  test("is one person's at a time, and another's afterwards", async () => {
    {
      await using first = await take(lock("migration"), never);
      expect(first).toBeDefined();
      expect(await take(lock("migration"), never)).toBeUndefined();
      await using other = await take(lock("something else"), never);
      expect(other).toBeDefined();
    }
    await using again = await take(lock("migration"), never);
    expect(again).toBeDefined();
  });

  test("says that it could not be asked for, without the password of the address", async () => {
    const url = new Secret("postgresql://nobody:hunter2-and-more@127.0.0.1:9/nowhere");
    const failure = await take({ url, name: "migration" }, never).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SystemError);
    expect(JSON.stringify(failure) + String(failure)).not.toContain("hunter2");
  });

  test("is not waited for after its time", async () => {
    const url = new Secret("postgresql://reader@127.0.0.1:9/nowhere");
    await expect(
      take({ url, name: "migration" }, AbortSignal.abort(new Error("too late"))),
    ).rejects.toThrow("too late");
  });
});

describe("the head of a branch elsewhere", () => {
  const { headOf } = createGit();

  test("is where it stands, and where it stands next", async () => {
    await using directory = await temporaryDirectory("head");
    const repository = await writeSourceRepository(join(directory.path, "source.git"));
    const remote = `file://${repository.path}`;
    expect(await headOf(remote, "main", never)).toBe(releases.current);
    repository.moveTo(releases.good);
    expect(await headOf(remote, "main", never)).toBe(releases.good);
    expect(await headOf(remote, "mai", never)).toBeUndefined();
    expect(await headOf(remote, "--upload-pack=true", never)).toBeUndefined();
  });

  test("of what is no repository is an error of git, not none", async () => {
    await using directory = await temporaryDirectory("head");
    const asking = headOf(`file://${directory.path}`, "main", never);
    await expect(asking).rejects.toBeInstanceOf(SystemError);
  });
});
