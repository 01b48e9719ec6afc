import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";

import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { applicationOf, variableOf } from "../../sandbox/coolify/faults.ts";
import { ids } from "../../sandbox/coolify/ids.ts";
import type { ReleaseName } from "../../sandbox/releases.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { query } from "../support/records.ts";
import { asksCoolify } from "../support/sandbox-coolify.ts";

/** What goes bad is good for this long. */
const GOOD_FOR_MS = 3_000;
const WAIT = { timeout: 30_000 };

let world: World;
let coolify: ReturnType<typeof asksCoolify>;
let redis: Redis;
beforeAll(async () => {
  world = await startWorld({
    deploymentStepMs: 50,
    timing: { restartMs: 300, goodForMs: GOOD_FOR_MS, workerPausesMs: [5, 10, 15, 20] },
  });
  coolify = asksCoolify(world);
  redis = new Redis(world.product.redisUrl);
});
afterAll(async () => {
  redis.disconnect();
  await world[Symbol.asyncDispose]();
});

/** Every test begins with the release that runs when a world begins. */
beforeEach(async () => {
  await redis.del("rate_limit:capture:usr_dev");
  for (const service of ["api", "worker"] as const) {
    if (world.deployed(service) !== world.releases.current) {
      await coolify.deploy(service, world.releases.current);
    }
  }
});
afterEach(async () => world.healAll());

const status = async (path: string, init: RequestInit = {}): Promise<number | "refused"> =>
  fetch(`${world.product.apiUrl}${path}`, init).then(
    (response) => response.status,
    () => "refused",
  );
const withToken = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const capture = async (): Promise<number | "refused"> =>
  status("/v1/capture/thought", {
    method: "POST",
    headers: {
      authorization: `Bearer ${world.product.apiToken}`,
      "idempotency-key": randomUUID(),
    },
    body: JSON.stringify({ chat_id: "deployed", source: "api", message: "buy milk" }),
  });
const looks = async () => ({
  live: await status("/health/live"),
  ready: await status("/health/ready"),
  capture: await capture(),
});
const effects = async (name: string): Promise<number> => (await world.effects())[name]!;
const visible = (logs: string | null): string =>
  (JSON.parse(logs ?? "[]") as readonly { hidden: boolean; output: string }[])
    .filter(({ hidden }) => !hidden)
    .map(({ output }) => output)
    .join("\n");

async function revision(): Promise<string | undefined> {
  const rows = await query<{ version_num: string }>(
    world.product.databaseUrl,
    "select version_num from alembic_version",
  );
  return rows.rows[0]?.version_num;
}

describe("a deployment", () => {
  test("puts another release in the place of the one that runs, in this service alone", async () => {
    const row = await coolify.deploy("api", world.releases.good);
    expect(row).toMatchObject({ status: "finished", commit: world.releases.good, rollback: true });
    expect(world.deployed("api")).toBe(world.releases.good);
    expect(world.deployed("worker")).toBe(world.releases.current);
    expect(await looks()).toEqual({ live: 200, ready: 200, capture: 200 });
  });

  test("of a commit that nobody pushed fails, and the old release goes on", async () => {
    const row = await coolify.deploy("api", "f".repeat(40));
    expect(row.status).toBe("failed");
    expect(visible(row.logs)).toContain("reference is not a tree");
    expect(world.deployed("api")).toBe(world.releases.current);
  });

  test("says whether it had to build, and hides what has credentials in it", async () => {
    const build = await coolify.deploy("worker", world.releases.broken);
    expect(visible(build.logs)).toContain("Building new image.");
    const again = await coolify.deploy("worker", world.releases.broken);
    expect(visible(again.logs)).toContain("Build step skipped.");
    expect(build.logs).toContain(world.namedSecrets["deploymentLog"]);
    for (const secret of world.secrets) expect(visible(build.logs)).not.toContain(secret);
  });

  test("lets nobody notice it when there is a health check, and everybody when there is none", async () => {
    const api = applicationOf(world.coolify.state, ids.api);
    const seenWhile = async (release: ReleaseName) => {
      const seen = new Set<number | "refused">();
      const looking = setInterval(() => {
        void status("/health/live").then((each) => seen.add(each));
      }, 20);
      await coolify.deploy("api", world.releases[release]);
      clearInterval(looking);
      return seen;
    };
    expect(await seenWhile("good")).toEqual(new Set([200]));
    api.health_check_enabled = false;
    try {
      expect(await seenWhile("current")).toContain("refused");
      expect(await status("/health/live")).toBe(200);
    } finally {
      api.health_check_enabled = true;
    }
  });

  test("takes the job along that the worker holds", async () => {
    const lost = await effects("jobsLost");
    await world.break("queue-backlog");
    await expect.poll(() => redis.llen("default_queue"), WAIT).toBeLessThanOrEqual(249);
    await coolify.deploy("worker", world.releases.good);
    expect(await effects("jobsLost")).toBe(lost + 1);
    await world.heal("queue-backlog");
  });
});

describe("a new worker", () => {
  test("does what the one that stood still has left", async () => {
    const completed = await effects("jobsCompleted");
    await world.break("worker-stopped");
    await coolify.deploy("worker", world.releases.current);
    await expect.poll(() => effects("jobsCompleted"), WAIT).toBeGreaterThan(completed + 1);
    expect(await redis.llen("default_queue")).toBe(0);
  });

  test("lives where the one before has died", async () => {
    const lost = await effects("jobsLost");
    await world.break("worker-dies-in-a-job");
    expect(await capture()).toBe(200);
    await expect.poll(() => effects("jobsLost"), WAIT).toBe(lost + 1);
    const completed = await effects("jobsCompleted");
    expect(await capture()).toBe(200);
    await coolify.deploy("worker", world.releases.current);
    await expect.poll(() => effects("jobsCompleted"), WAIT).toBe(completed + 1);
  });
});

describe("variables", () => {
  const path = `/applications/${ids.api}/envs`;
  const metrics = (token: string) => status("/health/metrics", withToken(token));
  const flags = { is_literal: true, is_multiline: false, is_shown_once: false };

  test("mean nothing to a container until there is another one", async () => {
    const both = `${world.product.apiToken}, token-of-tomorrow`;
    const change = { key: "APP_AUTH_BEARER_TOKENS", value: both, ...flags };
    expect((await coolify.ask("PATCH", path, change)).status).toBe(201);
    expect(await metrics("token-of-tomorrow")).toBe(401);
    await coolify.deploy("api", world.releases.current);
    expect(await metrics("token-of-tomorrow")).toBe(200);
    expect(await metrics(world.product.apiToken)).toBe(200);
    await coolify.ask("PATCH", path, { ...change, value: world.product.apiToken });
    await coolify.deploy("api", world.releases.current);
    expect(await metrics("token-of-tomorrow")).toBe(401);
  });

  test("name the user of a token in a map, which is believed by itself", async () => {
    const value = "token-of-mira:usr_mira";
    await coolify.ask("POST", path, { key: "APP_AUTH_TOKEN_USER_MAP", value, ...flags });
    await coolify.deploy("api", world.releases.current);
    expect(await metrics("token-of-mira")).toBe(200);
  });

  test("of previews are nobody's here", async () => {
    const change = { key: "APP_AUTH_BEARER_TOKENS", value: "x", is_preview: true, ...flags };
    await coolify.ask("PATCH", path, change);
    await coolify.deploy("api", world.releases.current);
    expect(await metrics(world.product.apiToken)).toBe(200);
  });

  test("that miss one which is required end the API before it serves, so the old one goes on", async () => {
    const row = variableOf(world.coolify.state, ids.api, "LLM_MODEL_PLAN");
    world.coolify.state.variables.splice(world.coolify.state.variables.indexOf(row), 1);
    const failed = await coolify.deploy("api", world.releases.good);
    world.coolify.state.variables.push(row);
    expect(failed.status).toBe("failed");
    expect(visible(failed.logs)).toContain("1 validation error for Settings\nLLM_MODEL_PLAN");
    expect(visible(failed.logs)).toContain("rolling back to the old container");
    expect(world.deployed("api")).toBe(world.releases.current);
    expect(await looks()).toEqual({ live: 200, ready: 200, capture: 200 });
  });

  test("that lead nowhere end the worker, which nobody looked at before it was taken", async () => {
    const row = variableOf(world.coolify.state, ids.worker, "DATABASE_URL");
    const before = row.value;
    row.value = world.product.databaseUrl;
    const taken = await coolify.deploy("worker", world.releases.current);
    row.value = before;
    expect(taken.status).toBe("finished");
    expect(world.deployed("worker")).toBeUndefined();
    expect(applicationOf(world.coolify.state, ids.worker).status).toBe("exited:unhealthy");
    const logs = await coolify.ask("GET", `/applications/${ids.worker}/logs`);
    expect(logs).toEqual({ status: 400, body: { message: "Application is not running." } });
  });
});

describe("a release", () => {
  test.each<readonly [ReleaseName, object]>([
    ["broken", { live: 200, ready: 500, capture: 500 }],
    ["never-ready", { live: 200, ready: 503, capture: 200 }],
    ["migrates", { live: 200, ready: 200, capture: 500 }],
  ])("%s passes its health check, and is %j", async (name, expected) => {
    expect((await coolify.deploy("api", world.releases[name])).status).toBe("finished");
    expect(await looks()).toEqual(expected);
  });

  test("crashes never comes to serve", async () => {
    const row = await coolify.deploy("api", world.releases.crashes);
    expect(row.status).toBe("failed");
    expect(visible(row.logs)).toContain("ModuleNotFoundError");
    expect(world.deployed("api")).toBe(world.releases.current);
  });

  test("goes-bad is good for a while", async () => {
    await coolify.deploy("api", world.releases["goes-bad"]);
    expect(await looks()).toEqual({ live: 200, ready: 200, capture: 200 });
    await expect.poll(looks, WAIT).toEqual({ live: 200, ready: 200, capture: 500 });
  });

  test("worker-idles leaves jobs where they are, for the next worker to do", async () => {
    await coolify.deploy("worker", world.releases["worker-idles"]);
    expect(await capture()).toBe(200);
    const completed = await effects("jobsCompleted");
    await expect.poll(() => redis.llen("default_queue"), WAIT).toBe(1);
    await coolify.deploy("worker", world.releases.current);
    await expect.poll(() => effects("jobsCompleted"), WAIT).toBe(completed + 1);
    expect(await redis.llen("default_queue")).toBe(0);
  });

  test("revision-b has other endpoints, and runs only with other tables", async () => {
    await coolify.deploy("api", world.releases["revision-b"]);
    expect(await status("/v1/sync/todoist/status", withToken(world.product.apiToken))).toBe(404);
    expect(await status("/v1/work_items", withToken(world.product.apiToken))).toBe(500);
  });
});

const RECIPE =
  "alembic upgrade head >/tmp/m 2>&1; rc=$?; tail -c 8000 /tmp/m; alembic current; echo RC=$rc; exit $rc";

describe("a migration in the container of the API", () => {
  /** Each on a world of its own: what was migrated stays migrated. */
  async function migrating(release: ReleaseName) {
    const other = await startWorld({ deploymentStepMs: 50 });
    const itsCoolify = asksCoolify(other);
    await itsCoolify.deploy("api", other.releases[release]);
    const version = async () =>
      (
        await query<{ version_num: string }>(
          other.product.databaseUrl,
          "select version_num from alembic_version",
        )
      ).rows[0]!.version_num;
    return {
      world: other,
      run: itsCoolify.run,
      deploy: itsCoolify.deploy,
      version,
      [Symbol.asyncDispose]: async () => other[Symbol.asyncDispose](),
    };
  }

  test("has nothing to do where nothing is new", async () => {
    const { status, message } = await coolify.run(RECIPE);
    expect({ status, message }).toEqual({
      status: "success",
      message: expect.stringMatching(
        /Context impl PostgresqlImpl[^]*c3a2b7d9f1e0 \(head\)\nRC=0\n$/,
      ),
    });
    expect(message).not.toContain("Running upgrade");
    expect((await coolify.run("alembic heads")).message).toBe("c3a2b7d9f1e0 (head)\n");
    expect(await effects("migrationsApplied")).toBe(0);
  });

  test("brings what the release needs, once, and stays when the release goes", async () => {
    await using its = await migrating("migrates");
    const { message } = await its.run(RECIPE);
    expect(message).toContain(
      "Running upgrade c3a2b7d9f1e0 -> a1c4e7d2f9b3, urgency of inbox items",
    );
    expect(await its.version()).toBe("a1c4e7d2f9b3");
    expect(message).toMatch(/RC=0\n$/);
    expect((await its.run(RECIPE)).message).not.toContain("Running upgrade");
    expect((await its.world.effects())["migrationsApplied"]).toBe(1);
    await its.deploy("api", its.world.releases.current);
    const { status, message: lost } = await its.run(RECIPE);
    expect(status).toBe("failed");
    expect(lost).toContain("Can't locate revision identified by 'a1c4e7d2f9b3'");
    expect(lost).toContain("RC=255");
  });

  test("that the tables refuse changes nothing", async () => {
    await using its = await migrating("migration-fails");
    const { status, message } = await its.run(RECIPE);
    expect(status).toBe("failed");
    expect(message).toMatch(/^Job permanently failed after 1 attempts: /);
    expect(message).toContain('column "owner_id" of relation "tasks" contains null values');
    expect(message).toContain("c3a2b7d9f1e0\nRC=1");
    expect(await its.version()).toBe("c3a2b7d9f1e0");
    expect((await its.world.effects())["migrationsApplied"]).toBe(0);
  });

  test("may leave its first half, and then not even that works any more", async () => {
    await using its = await migrating("migration-half-applies");
    expect((await its.run(RECIPE)).message).toContain("contains null values");
    const found = await query(
      its.world.product.databaseUrl,
      "select 1 from pg_indexes where indexname = 'ix_inbox_items_chat'",
    );
    expect(found.rows).toHaveLength(1);
    expect(await its.version()).toBe("c3a2b7d9f1e0");
    expect((await its.run(RECIPE)).message).toContain('"ix_inbox_items_chat" already exists');
  });

  test("goes all the way from A to B", async () => {
    await using its = await migrating("revision-b");
    expect((await its.run(RECIPE)).status).toBe("success");
    expect(await its.version()).toBe("c4f2d9e1a7b3");
    expect((await its.world.effects())["migrationsApplied"]).toBe(8);
  });

  test("waits for nobody who holds a lock", async () => {
    await coolify.deploy("api", world.releases.migrates);
    await world.break("migrations-are-locked-out");
    const { status, message } = await coolify.run(RECIPE);
    expect(status).toBe("failed");
    expect(message).toContain("lock timeout");
    expect(await revision()).toBe("c3a2b7d9f1e0");
  });

  test("is tried three times when its words sound like trouble with the network", async () => {
    await world.break("database-down");
    const { status, message, retry_count } = await coolify.run(RECIPE);
    expect({ status, retry_count }).toEqual({ status: "failed", retry_count: 2 });
    expect(message).toMatch(/^Job permanently failed after 3 attempts: [^]*Connection refused/);
  });

  test("is refused while a deployment has two containers side by side, and a word that no container knows", async () => {
    expect((await coolify.run("psql -c 'select 1'")).message).toContain("psql: not found");
    await world.break("deployments-hang");
    const asked = coolify.deploy("api", world.releases.good);
    await expect
      .poll(() => world.coolify.state.deployments.at(-1)?.status, WAIT)
      .toBe("in_progress");
    expect((await coolify.run("alembic current")).message).toContain("More than one container");
    await world.heal("deployments-hang");
    await asked;
  });
});

describe("what can go wrong with deployments", () => {
  const asked = async (service: "api" | "worker", commit: string) =>
    coolify.ask<{ deployment_uuid: string }>("POST", `/applications/${ids[service]}/rollback`, {
      commit,
    });
  const newest = () => world.coolify.state.deployments.at(-1)!;

  test.each([
    ["broken-release", "broken"],
    ["never-ready-release", "never-ready"],
    ["release-goes-bad", "goes-bad"],
    ["release-with-an-idle-worker", "worker-idles"],
  ] as const)(
    "%s runs everywhere, and is gone without a trace when healed",
    async (fault, name) => {
      const { deployments, images } = structuredClone(world.coolify.state);
      await world.break(fault);
      expect([world.deployed("api"), world.deployed("worker")]).toEqual([
        world.releases[name],
        world.releases[name],
      ]);
      expect(newest()).toMatchObject({ is_api: false, is_webhook: true, requested_commit: "HEAD" });
      await world.heal(fault);
      expect([world.deployed("api"), world.deployed("worker")]).toEqual([
        world.releases.current,
        world.releases.current,
      ]);
      expect(world.coolify.state).toMatchObject({
        deployments,
        images,
        branchHead: world.releases.current,
      });
    },
  );

  test("a bad release that was rolled back stays rolled back when it is healed", async () => {
    await world.break("broken-release");
    for (const service of ["api", "worker"] as const) {
      await coolify.deploy(service, world.releases.previous);
    }
    const count = world.coolify.state.deployments.length;
    await world.heal("broken-release");
    expect(world.deployed("api")).toBe(world.releases.previous);
    expect(world.coolify.state.deployments).toHaveLength(count);
    expect(applicationOf(world.coolify.state, ids.api).settings.is_auto_deploy_enabled).toBe(false);
  });

  test("an answer is 500, and what it answers was done", async () => {
    await world.break("coolify-answers-500-after-accepting");
    expect((await asked("api", world.releases.good)).status).toBe(500);
    await expect.poll(() => world.deployed("api"), WAIT).toBe(world.releases.good);
  });

  test("an answer is cut off, and what it answers was done", async () => {
    await world.break("coolify-cuts-its-answers");
    await expect(asked("api", world.releases.good)).rejects.toThrow("fetch failed");
    await expect.poll(() => world.deployed("api"), WAIT).toBe(world.releases.good);
    expect((await coolify.ask("GET", "/applications")).status).toBe(200);
  });

  test("requests are too many", async () => {
    await world.break("coolify-refuses-too-many-requests");
    expect((await coolify.ask("GET", "/applications")).status).toBe(429);
  });

  test("answers take seconds", async () => {
    await world.break("coolify-is-slow");
    const begun = performance.now();
    await coolify.ask("GET", "/applications");
    expect(performance.now() - begun).toBeGreaterThan(2_000);
  });

  test("the queue is full", async () => {
    await world.break("deployment-queue-full");
    expect((await asked("api", world.releases.good)).status).toBe(400);
    expect((await coolify.ask("POST", `/deploy?uuid=${ids.api}`)).status).toBe(429);
    const restart = await coolify.ask<{ deployment_uuid: string }>(
      "POST",
      `/applications/${ids.api}/restart`,
    );
    expect(coolify.rowOf(restart.body.deployment_uuid)).toBeUndefined();
  });

  test.each([
    ["deployments-wait-in-the-queue", "queued"],
    ["deployments-hang", "in_progress"],
  ] as const)("%s, until it is healed or they are cancelled", async (fault, stuck) => {
    const cancelled = await effects("deploymentsCancelled");
    await world.break(fault);
    const { deployment_uuid } = (await asked("api", world.releases.good)).body;
    await expect.poll(() => coolify.rowOf(deployment_uuid)?.status, WAIT).toBe(stuck);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(coolify.rowOf(deployment_uuid)?.status).toBe(stuck);
    await coolify.ask("POST", `/deployments/${deployment_uuid}/cancel`);
    await world.heal(fault);
    expect((await coolify.ended(deployment_uuid)).status).toBe("cancelled-by-user");
    expect(await effects("deploymentsCancelled")).toBe(cancelled + 1);
    expect(world.deployed("api")).toBe(world.releases.current);
  });

  test("they fail", async () => {
    await world.break("deployments-fail");
    expect((await coolify.deploy("api", world.releases.good)).status).toBe("failed");
    expect(world.deployed("api")).toBe(world.releases.current);
  });

  test("they vanish", async () => {
    await world.break("deployments-vanish");
    const { deployment_uuid } = (await asked("api", world.releases.good)).body;
    await expect.poll(() => coolify.rowOf(deployment_uuid), WAIT).toBeUndefined();
    expect((await coolify.ask("GET", `/deployments/${deployment_uuid}`)).status).toBe(404);
    expect(world.deployed("api")).toBe(world.releases.current);
  });

  test("they are called failed, and have put the new release in place", async () => {
    await world.break("deployments-that-work-are-called-failed");
    const { deployment_uuid } = (await asked("api", world.releases.good)).body;
    await expect.poll(() => coolify.rowOf(deployment_uuid)?.status, WAIT).toBe("failed");
    expect(coolify.rowOf(deployment_uuid)?.finished_at).toBeNull();
    expect(world.deployed("api")).toBe(world.releases.good);
  });

  test("somebody else deploys the branch behind them", async () => {
    await world.break("deployments-are-overtaken");
    const ours = await coolify.deploy("api", world.releases.previous);
    expect(ours).toMatchObject({ status: "finished", commit: world.releases.previous });
    await expect.poll(() => world.deployed("api"), WAIT).toBe(world.releases.current);
    expect(newest()).toMatchObject({ commit: world.releases.current, is_webhook: true });
  });

  test("somebody pushes, so that what is deployed next is another commit", async () => {
    await world.break("somebody-pushes-during-deployments");
    await coolify.deploy("api", world.releases.previous);
    expect(world.coolify.state.branchHead).toBe(world.releases.good);
    const { body } = await coolify.ask<{ deployments: readonly { deployment_uuid: string }[] }>(
      "POST",
      `/deploy?uuid=${ids.worker}`,
    );
    const row = await coolify.ended(body.deployments[0]!.deployment_uuid);
    expect(row.commit).toBe(world.releases.good);
    world.push("current");
  });
});

test("the source is a repository in which every release is one commit on top of what runs", async () => {
  const git = async (...words: readonly string[]): Promise<string> => {
    const directory = world.environment["SANDBOX_REPOSITORY"]!;
    const { stdout } = await promisify(execFile)("git", ["--git-dir", directory, ...words]);
    return stdout.trim();
  };
  const head = async (): Promise<string> =>
    (await git("ls-remote", world.environment["SANDBOX_REPOSITORY"]!, "refs/heads/main")).slice(
      0,
      40,
    );
  expect(await head()).toBe(world.releases.current);
  world.push("good");
  expect(await head()).toBe(world.releases.good);
  expect(await git("log", "--format=%H %s", "main")).toBe(
    [
      `${world.releases.good} Answer questions with fewer words`,
      `${world.releases.current} Sync and reconcile tasks with Todoist`,
      `${world.releases.previous} Remember what was said last week`,
    ].join("\n"),
  );
  expect(await git("fsck", "--strict", "--no-dangling")).toBe("");
  world.push("current");
});

test("a push is deployed to what follows the branch, and to nothing else", async () => {
  const path = `/applications/${ids.worker}`;
  const changed = await effects("autoDeployChanged");
  await coolify.ask("PATCH", path, { is_auto_deploy_enabled: true });
  expect(await effects("autoDeployChanged")).toBe(changed + 1);
  world.push("good");
  await expect.poll(() => world.deployed("worker"), WAIT).toBe(world.releases.good);
  expect(world.deployed("api")).toBe(world.releases.current);
  await coolify.ask("PATCH", path, { is_auto_deploy_enabled: false });
  world.push("current");
});

describe("an empty production", () => {
  let empty: World;
  let its: ReturnType<typeof asksCoolify>;
  beforeAll(async () => {
    empty = await startWorld({ empty: true, deploymentStepMs: 50 });
    its = asksCoolify(empty);
  });
  afterAll(async () => empty[Symbol.asyncDispose]());

  test("has applications, and nothing else", async () => {
    const { body } = await its.ask<{ status: string }>("GET", `/applications/${ids.api}`);
    expect(body.status).toBe("exited:unhealthy");
    expect((await its.ask("GET", `/applications/${ids.api}/envs`)).body).toEqual([]);
    expect((await its.ask("GET", `/deployments/applications/${ids.api}`)).body).toEqual({
      count: 0,
      deployments: [],
    });
    expect([empty.deployed("api"), empty.deployed("worker")]).toEqual([undefined, undefined]);
    await expect(fetch(`${empty.product.apiUrl}/health/live`)).rejects.toThrow("fetch failed");
    const { rows } = await query(
      empty.product.databaseUrl,
      "select tablename from pg_tables where schemaname = 'public'",
    );
    expect(rows).toEqual([]);
    expect(empty.productBot.bot.webhook.status().settings).toBeUndefined();
  });

  test("cannot be deployed without its variables, and lives once it has them and its tables", async () => {
    expect((await its.deploy("api", empty.releases.current)).status).toBe("failed");
    for (const [service, variables] of Object.entries(empty.variables)) {
      const uuid = service === "api" ? ids.api : ids.worker;
      for (const [key, value] of Object.entries(variables)) {
        const body = { key, value, is_literal: true, is_buildtime: false };
        await its.ask("POST", `/applications/${uuid}/envs`, body);
      }
    }
    for (const service of ["api", "worker"] as const) {
      expect((await its.deploy(service, empty.releases.current)).status).toBe("finished");
    }
    const live = await fetch(`${empty.product.apiUrl}/health/ready`);
    expect(live.status).toBe(200);
    const { message } = await its.run(RECIPE);
    expect(message).toMatch(
      /Running upgrade {2}-> 5638dfedf9dc, [^]*c3a2b7d9f1e0 \(head\)\nRC=0\n$/,
    );
    const answer = await fetch(`${empty.product.apiUrl}/v1/capture/thought`, {
      method: "POST",
      headers: { authorization: `Bearer ${empty.product.apiToken}`, "idempotency-key": "first" },
      body: JSON.stringify({ chat_id: "1", source: "api", message: "buy milk" }),
    });
    expect(answer.status).toBe(200);
    await expect.poll(async () => (await empty.effects())["jobsCompleted"], WAIT).toBe(1);
  });
});
