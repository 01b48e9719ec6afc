import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { FaultName } from "../../sandbox/faults.ts";
import { startWorld } from "../../sandbox/world.ts";
import type { World } from "../../sandbox/world.ts";
import { createChecks } from "../../src/checks/create-checks.ts";
import type { Check } from "../../src/checks/create-checks.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import { formatProblems } from "../../src/config/problem.ts";
import { createScrubber } from "../../src/core/redaction.ts";
import type { Status } from "../../src/core/status.ts";
import { createSystems } from "../../src/systems/index.ts";

const opened = new AsyncDisposableStack();
const signal = new AbortController().signal;
let world: World;
let checks: readonly Check[];

beforeAll(async () => {
  world = opened.use(await startWorld({ deadLetterEveryMs: 50 }));
  const file = join(import.meta.dirname, "../../ops/sandbox.yaml");
  // A hang must not cost a test the seconds that it may cost an operator.
  const text = readFileSync(file, "utf8")
    .replaceAll(/^ +timeout: .*\n/gm, "")
    .replaceAll(/^( +)kind: .*$/gm, "$&\n$1timeout: 2s");
  const config = parseConfig(text, {
    environment: world.environment,
    readFile: (path) => readFileSync(path, "utf8"),
  });
  if (!config.ok) throw new Error(formatProblems(config.problems, file));
  const systems = opened.use(createSystems(config.settings.systems));
  checks = createChecks(config.settings.checks, {
    systems,
    previous: async () => [],
    scrub: createScrubber(config.secrets),
  });
});

afterAll(async () => opened.disposeAsync());

type Statuses = Readonly<Record<string, Status>>;

/** What every check says now; what is shown must hold no secret of the world. */
async function statuses(): Promise<Statuses> {
  const results = await Promise.all(
    checks.map(async (check) => [check.name, await check.ask(signal)] as const),
  );
  const shown = JSON.stringify(results);
  for (const secret of world.secrets) expect(shown).not.toContain(secret);
  return Object.fromEntries(results.map(([name, { status }]) => [name, status]));
}

const healthy: Statuses = {
  "api-is-live": "pass",
  "api-is-ready": "pass",
  "api-refuses-strangers": "pass",
  "api-accepts-our-token": "pass",
  "postgres-accepts-connections": "pass",
  "migrations-are-at-head": "pass",
  "queue-depth-is-normal": "pass",
  "dead-letters-are-none": "pass",
  "xai-key-works": "pass",
  "coolify-answers": "pass",
  "api-app-runs": "pass",
  "worker-app-runs": "pass",
  "worker-is-not-public": "pass",
  "images-are-built-from-our-dockerfiles": "pass",
  "rollback-image-is-kept": "pass",
  "required-variables-are-present": "pass",
  "production-shares-nothing-with-staging": "pass",
};

/** Everything that Coolify is asked, when there is nobody who answers. */
const withoutCoolify: Statuses = {
  "coolify-answers": "unknown",
  "api-app-runs": "unknown",
  "worker-app-runs": "unknown",
  "worker-is-not-public": "unknown",
  "images-are-built-from-our-dockerfiles": "unknown",
  "rollback-image-is-kept": "unknown",
  "required-variables-are-present": "unknown",
  "production-shares-nothing-with-staging": "unknown",
};

test("a healthy world passes every check", async () => {
  expect(await statuses()).toEqual(healthy);
});

/** What a fault changes; every check that is not named must go on passing. */
const changes: readonly (readonly [FaultName, Statuses])[] = [
  ["xai-key-revoked", { "xai-key-works": "fail" }],
  ["xai-hangs", { "xai-key-works": "unknown" }],
  ["xai-answers-500", { "xai-key-works": "fail" }],
  [
    "api-hangs",
    {
      "api-is-live": "unknown",
      "api-is-ready": "unknown",
      "api-refuses-strangers": "unknown",
      "api-accepts-our-token": "unknown",
    },
  ],
  [
    "api-answers-500",
    {
      "api-is-live": "fail",
      "api-is-ready": "fail",
      "api-refuses-strangers": "fail",
      "api-accepts-our-token": "fail",
    },
  ],
  ["api-accepts-strangers", { "api-refuses-strangers": "fail" }],
  [
    "database-down",
    {
      "api-is-ready": "fail",
      "api-accepts-our-token": "fail",
      "postgres-accepts-connections": "fail",
      "migrations-are-at-head": "unknown",
    },
  ],
  [
    "database-frozen",
    {
      "api-is-ready": "unknown",
      "api-accepts-our-token": "unknown",
      "postgres-accepts-connections": "unknown",
      "migrations-are-at-head": "unknown",
    },
  ],
  ["database-behind", { "migrations-are-at-head": "fail" }],
  [
    "redis-down",
    {
      "api-is-ready": "fail",
      "api-accepts-our-token": "fail",
      "queue-depth-is-normal": "unknown",
      "dead-letters-are-none": "unknown",
    },
  ],
  [
    "redis-frozen",
    {
      "api-is-ready": "unknown",
      "api-accepts-our-token": "unknown",
      "queue-depth-is-normal": "unknown",
      "dead-letters-are-none": "unknown",
    },
  ],
  ["queue-backlog", { "queue-depth-is-normal": "fail" }],
  ["dead-letters-grow", { "dead-letters-are-none": "fail" }],
  // That nobody listens, or that we are refused, is an answer to one question and to no other.
  ["coolify-down", { ...withoutCoolify, "coolify-answers": "fail" }],
  ["coolify-hangs", withoutCoolify],
  ["coolify-outdated", { "coolify-answers": "fail" }],
  ["coolify-token-revoked", { ...withoutCoolify, "coolify-answers": "fail" }],
  ["coolify-token-too-powerful", { "coolify-answers": "fail" }],
  ["api-app-exited", { "api-app-runs": "fail" }],
  ["api-app-unhealthy", { "api-app-runs": "fail" }],
  ["worker-app-exited", { "worker-app-runs": "fail" }],
  ["worker-has-a-domain", { "worker-is-not-public": "fail" }],
  ["worker-publishes-a-port", { "worker-is-not-public": "fail" }],
  ["worker-from-the-wrong-dockerfile", { "images-are-built-from-our-dockerfiles": "fail" }],
  ["rollback-image-gone", { "rollback-image-is-kept": "fail" }],
  ["variable-missing", { "required-variables-are-present": "fail" }],
  ["services-disagree", { "required-variables-are-present": "fail" }],
  ["staging-shares-the-database", { "production-shares-nothing-with-staging": "fail" }],
  ["staging-shares-the-webhook-secret", { "production-shares-nothing-with-staging": "fail" }],
];

describe("a fault shows in the checks that are there for it, in no other, and passes when healed", () => {
  test.each(changes)("%s", async (fault, changed) => {
    await world.break(fault);
    try {
      await expect.poll(statuses, { timeout: 20_000 }).toEqual({ ...healthy, ...changed });
    } finally {
      await world.heal(fault);
    }
    await expect.poll(statuses, { timeout: 20_000 }).toEqual(healthy);
  });
});
