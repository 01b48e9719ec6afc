import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { applicationOf } from "../../sandbox/coolify/faults.ts";
import { ids } from "../../sandbox/coolify/ids.ts";
import type { FaultName } from "../../sandbox/faults.ts";
import type { ReleaseName } from "../../sandbox/releases.ts";
import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { parseRunName } from "../../src/core/run-name.ts";
import { DEPLOY_STEPS } from "../../src/jobs/deploy/deploy-report.ts";
import { someOf } from "../support/long-run.ts";
import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";
import { asksCoolify } from "../support/sandbox-coolify.ts";

/** What goes bad is good until it is watched. */
const GOOD_FOR_MS = 9_000;

let rollout: Rollout;
const release = (name: ReleaseName): string => rollout.world.releases[name];
const short = (name: ReleaseName): string => release(name).slice(0, 7);

beforeAll(async () => {
  rollout = await startRollout({
    world: {
      deploymentStepMs: 60,
      timing: { workerPausesMs: [20, 20, 20, 20], goodForMs: GOOD_FOR_MS },
    },
    tune: (text) =>
      text
        .replace("\nrollout:\n", "\nrollout:\n  readyWithin: 2s\n  deploymentWithin: 6s\n")
        .replace("    within: 2m\n  # How long it has", "    within: 2s\n  # How long it has")
        .replace("backupFreshFor: 1h", "backupFreshFor: 1ms")
        .replaceAll(/within: 45s/g, "within: 5s"),
  });
  await rollout.openGates();
});
afterAll(async () => {
  await rollout[Symbol.asyncDispose]();
});

/** Every row begins with the release, and the schema, that run when a world begins. */
beforeEach(async () => {
  await rollout.letHoursPass();
});
afterEach(async () => {
  const { world } = rollout;
  await world.healAll();
  // A run that did not come to its end would stand in the way of every row behind this one.
  const { rows: stuck } = await query(
    rollout.databaseUrl,
    `select run.state, run.reason, step.name, step.state as step, step.error, step.progress
     from run left join run_step as step on step.run_id = run.id and step.state <> 'done'
     where run.operation = 'deploy' and run.ended_at is null`,
  );
  if (stuck.length > 0) throw new Error(`A run is stuck: ${JSON.stringify(stuck)}`);
  const coolify = asksCoolify(world);
  // What hung goes on when it is healed.
  for (const row of world.coolify.state.deployments) {
    if (row.status === "finished" || row.status === "failed") continue;
    await coolify.ask("POST", `/deployments/${row.deployment_uuid}/cancel`);
  }
  for (const service of ["api", "worker"] as const) {
    if (world.deployed(service) !== release("current")) {
      await coolify.deploy(service, release("current"));
    }
  }
  await query(world.product.databaseUrl, "update alembic_version set version_num = 'c3a2b7d9f1e0'");
});

type Row = {
  readonly what: string;
  readonly release?: ReleaseName;
  /** Before it is asked for. */
  readonly before?: () => Promise<void>;
  /** Once this step is there, this breaks. */
  readonly midway?: { readonly step: string; readonly breaks: FaultName };
  /** The stage at which the card says that it broke off. */
  readonly at: string;
  readonly because: RegExp;
  /** Where production stands, by the card; nothing when nothing was changed. */
  readonly standing: () => readonly string[];
  /** What really runs. */
  readonly runs: () => readonly [api: ReleaseName, worker: ReleaseName];
};

const asBefore = (service: string) => `${service}: ${short("current")}, as before`;
const notPlaced = (service: string, name: ReleaseName) =>
  `${service}: ${short("current")} before; that of ${short(name)} did not end well`;
const deployed = (service: string, name: ReleaseName) => `${service}: ${short(name)}`;

const table: readonly Row[] = [
  {
    what: "auto-deploy cannot be switched off",
    async before() {
      const { state } = rollout.world.coolify;
      applicationOf(state, ids.api).settings.is_auto_deploy_enabled = true;
      revoke("WRITE");
    },
    at: "freeze",
    because: /token is not accepted/,
    standing: () => [],
    runs: () => ["current", "current"],
  },
  {
    what: "the backup cannot be stored",
    before: async () => rollout.world.break("bucket-key-revoked"),
    at: "backup",
    because: /bucket|403|key/i,
    standing: () => [],
    runs: () => ["current", "current"],
  },
  {
    what: "the API cannot be built",
    before: async () => rollout.world.break("deployments-fail"),
    at: "api",
    because: /deployment \w+ of api failed/,
    standing: () => [notPlaced("api", "good"), asBefore("worker")],
    runs: () => ["current", "current"],
  },
  {
    what: "the API of the release dies as it starts",
    release: "crashes",
    at: "api",
    because: /deployment \w+ of api failed/,
    standing: () => [notPlaced("api", "crashes"), asBefore("worker")],
    runs: () => ["current", "current"],
  },
  {
    what: "the deployment hangs",
    before: async () => rollout.world.break("deployments-hang"),
    at: "api",
    because: /still in progress after 6s/,
    standing: () => [notPlaced("api", "good"), asBefore("worker")],
    runs: () => ["current", "current"],
  },
  {
    what: "the deployment vanishes",
    before: async () => rollout.world.break("deployments-vanish"),
    at: "api",
    because: /Coolify (?:has no deployment|accepted it as deployment) .*(?:any more|no such)/,
    standing: () => [notPlaced("api", "good"), asBefore("worker")],
    runs: () => ["current", "current"],
  },
  {
    what: "somebody else deploys the branch at the same time",
    before: async () => rollout.world.break("deployments-are-overtaken"),
    at: "api",
    because: /came after it/,
    standing: () => [notPlaced("api", "good"), asBefore("worker")],
    runs: () => ["current", "current"],
  },
  {
    what: "Coolify's queue is full",
    before: async () => rollout.world.break("deployment-queue-full"),
    at: "api",
    because: /queue is full/,
    standing: () => [],
    runs: () => ["current", "current"],
  },
  {
    what: "somebody holds a lock that the migration needs",
    release: "migrates",
    before: async () => rollout.world.break("migrations-are-locked-out"),
    at: "schema",
    because: /ended with code 1: .*lock timeout; the schema still says c3a2b7d9f1e0/,
    standing: () => [
      deployed("api", "migrates"),
      asBefore("worker"),
      "schema: a migration was begun; look at it before going on",
    ],
    runs: () => ["migrates", "current"],
  },
  {
    what: "the migration fails at once",
    release: "migration-fails",
    at: "schema",
    because: /the migration ended with code 1: .*owner_id.*; the schema still says c3a2b7d9f1e0/,
    standing: () => [
      deployed("api", "migration-fails"),
      asBefore("worker"),
      "schema: a migration was begun; look at it before going on",
    ],
    runs: () => ["migration-fails", "current"],
  },
  {
    what: "the migration applies one half",
    release: "migration-half-applies",
    at: "schema",
    because:
      /ended with code 1: .*; the schema still says c3a2b7d9f1e0, but what a migration commits by itself stays/,
    standing: () => [
      deployed("api", "migration-half-applies"),
      asBefore("worker"),
      "schema: a migration was begun; look at it before going on",
    ],
    runs: () => ["migration-half-applies", "current"],
  },
  {
    what: "the release is never ready",
    release: "never-ready",
    at: "ready",
    because: /api-is-ready: /,
    standing: () => [deployed("api", "never-ready"), asBefore("worker"), "schema: c3a2b7d9f1e0"],
    runs: () => ["never-ready", "current"],
  },
  {
    what: "a known job does not end",
    async before() {
      const { world } = rollout;
      await world.break("worker-stopped");
      await fetch(`${world.product.apiUrl}/v1/sync/todoist`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${world.product.apiToken}`,
          "idempotency-key": crypto.randomUUID(),
        },
      });
    },
    at: "jobs",
    because:
      /known jobs have not ended within 2s \(.*sync\.todoist .*\); the worker was left alone/,
    standing: () => [deployed("api", "good"), asBefore("worker"), "schema: c3a2b7d9f1e0"],
    runs: () => ["good", "current"],
  },
  {
    what: "the worker cannot be built",
    midway: { step: DEPLOY_STEPS.ready, breaks: "deployments-fail" },
    at: "worker",
    because: /deployment \w+ of worker failed/,
    standing: () => [deployed("api", "good"), notPlaced("worker", "good"), "schema: c3a2b7d9f1e0"],
    runs: () => ["good", "current"],
  },
  {
    what: "the worker completes no job",
    release: "worker-idles",
    at: "a job",
    because: /job is NO-GO at "the worker completed that sync"/,
    standing: () => [
      deployed("api", "worker-idles"),
      deployed("worker", "worker-idles"),
      "schema: c3a2b7d9f1e0",
    ],
    runs: () => ["worker-idles", "worker-idles"],
  },
  {
    what: "the smoke flow fails",
    midway: { step: DEPLOY_STEPS.worker, breaks: "xai-key-revoked" },
    at: "smoke",
    because: /smoke is NO-GO at "a thought becomes a task"/,
    standing: () => [deployed("api", "good"), deployed("worker", "good"), "schema: c3a2b7d9f1e0"],
    runs: () => ["good", "good"],
  },
  {
    what: "it goes bad while it is watched",
    midway: { step: DEPLOY_STEPS.watch, breaks: "api-answers-500" },
    at: "watch",
    because: /it went bad after .*: /,
    standing: () => [deployed("api", "good"), deployed("worker", "good"), "schema: c3a2b7d9f1e0"],
    runs: () => ["good", "good"],
  },
];

describe("a deployment breaks off where it failed, and says where production stands, when", () => {
  test.each(someOf(table, 2))("$what", async (row) => {
    const { world } = rollout;
    await row.before?.();
    const before = (await world.effects())["rollbacks"] ?? 0;
    const card = await rollout.deploy(`/deploy ${release(row.release ?? "good")}`);
    if (row.midway) {
      await begun(card, row.midway.step);
      await world.break(row.midway.breaks);
    }
    const end = await rollout.until(card, /deploy failed|to be signed/);
    const lines = end.text.split("\n");
    expect(lines[0]).toBe(`🔴 sandbox · deploy failed at ${row.at}`);
    expect(lines[1]).toMatch(row.because);
    expect(lines.filter((line) => /^(?:api|worker|schema): /.test(line))).toEqual(row.standing());
    expect(labels(end)).toEqual(
      row.standing().length === 0
        ? ["Ask again", "Details"]
        : [`Roll back to ${short("current")}`, "Ask again", "Details"],
    );
    const [api, worker] = row.runs();
    expect([world.deployed("api"), world.deployed("worker")]).toEqual([
      release(api),
      release(worker),
    ]);
    // Whatever was asked of Coolify was asked once.
    const asked = ((await world.effects())["rollbacks"] ?? 0) - before;
    expect(asked).toBe((await acts(end)).filter((name) => name.endsWith("is deployed")).length);
    restore();
  });
});

function labels(message: ChatMessage): readonly string[] {
  return message.buttons.flat().map(({ label }) => label);
}

/** Waits for a step of a card's run to begin; the one before it has ended then. */
async function begun(message: ChatMessage, step: string): Promise<void> {
  await expect
    .poll(async () => (await steps(message)).map(({ name }) => name), { timeout: 40_000 })
    .toContain(step);
}

/** The acts of a card's run that were done. */
async function acts(message: ChatMessage): Promise<readonly string[]> {
  return (await steps(message))
    .filter(({ kind, state }) => kind === "act" && state === "done")
    .map(({ name }) => name);
}

async function steps(
  message: ChatMessage,
): Promise<readonly { readonly name: string; readonly kind: string; readonly state: string }[]> {
  const run = parseRunName(/R-[0-9A-Z]+/.exec(message.text.split("\n").at(-1) ?? "")?.[0] ?? "");
  const { rows } = await query<{ name: string; kind: string; state: string }>(
    rollout.databaseUrl,
    "select name, kind, state from run_step where run_id = $1 order by n",
    [run],
  );
  return rows;
}

const revoked: { revoked: boolean }[] = [];

function revoke(ability: string): void {
  const { environment, coolify } = rollout.world;
  const text = environment[`SANDBOX_COOLIFY_${ability}_TOKEN`];
  const token = coolify.state.tokens.find((one) => one.text === text);
  if (!token) throw new Error(`Coolify has no such token.`);
  token.revoked = true;
  revoked.push(token);
}

function restore(): void {
  for (const token of revoked.splice(0)) token.revoked = false;
  applicationOf(rollout.world.coolify.state, ids.api).settings.is_auto_deploy_enabled = false;
}
