import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { FaultName } from "../../sandbox/faults.ts";
import { startWorld } from "../../sandbox/world.ts";
import type { World } from "../../sandbox/world.ts";
import type { EarlierLook } from "../../src/checks/check-kind.ts";
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
  // A hang must not cost a test the seconds that it may cost an operator. Only checks stand this far from the margin.
  const text = readFileSync(file, "utf8")
    .replaceAll(/^ {4}timeout: .*\n/gm, "")
    .replaceAll(/^ {4}kind: .*$/gm, "$&\n    timeout: 2s")
    .replaceAll(/^ {4}within: .*$/gm, "    within: 1s");
  const config = parseConfig(text, {
    environment: world.environment,
    readFile: (path) => readFileSync(path, "utf8"),
  });
  if (!config.ok) throw new Error(formatProblems(config.problems, file));
  const systems = opened.use(createSystems(config.settings.systems));
  checks = createChecks(config.settings.checks, {
    systems,
    previous: async (check, lastMs) => lastLooks(check, lastMs),
    scrub: createScrubber(config.secrets),
  });
});

afterAll(async () => opened.disposeAsync());

const looks = new Map<string, EarlierLook[]>();

/** As the storage remembers them. */
function lastLooks(check: string, lastMs: number): readonly EarlierLook[] {
  const all = looks.get(check) ?? [];
  const young = all.filter(({ at }) => at.getTime() >= Date.now() - lastMs);
  return young.length > 0 ? young : all.slice(-1);
}

type Statuses = Readonly<Record<string, Status>>;

/** What every check says now; what is shown must hold no secret of the world. */
async function statuses(): Promise<Statuses> {
  const results = await Promise.all(
    checks.map(async (check) => [check.name, await check.ask(signal)] as const),
  );
  const shown = JSON.stringify(results);
  for (const secret of world.secrets) expect(shown).not.toContain(secret);
  for (const [name, { measurements }] of results) {
    if (measurements.length === 0) continue;
    looks.set(name, [...(looks.get(name) ?? []), { at: new Date(), measurements }]);
  }
  return Object.fromEntries(results.map(([name, { status }]) => [name, status]));
}

test("a healthy world passes every check", async () => {
  expect(await statuses()).toEqual(healthy());
});

const healthy = (): Statuses => Object.fromEntries(checks.map(({ name }) => [name, "pass"]));

type Reaction = {
  /** The checks that are there for this fault. */
  readonly own: Statuses;
  /** Others that react too, and why that is right. */
  readonly also?: readonly { readonly because: string; readonly statuses: Statuses }[];
};

const alsoAll = (status: Status, because: string, ...names: readonly string[]) => ({
  because,
  statuses: Object.fromEntries(names.map((name) => [name, status])),
});

const NOT_ASKED = "it cannot look without what is down";
const NEEDS_STORES = "the API answers this from its stores";
const BEHIND_THE_SAME_TOKEN = "it goes through the same door";

const API_CHECKS = [
  "api-is-live",
  "api-is-ready",
  "api-refuses-strangers",
  "api-accepts-our-token",
  "metrics-are-readable",
  "product-webhook-demands-its-secret",
];
const FROM_STORES = ["api-is-ready", "api-accepts-our-token", "metrics-are-readable"];
const IN_THE_DATABASE = [
  "migrations-are-at-head",
  "pg-dump-is-not-older-than-the-server",
  "worker-completes-jobs",
];
const IN_REDIS = [
  "queue-depth-is-normal",
  "dead-letters-are-none",
  "dead-letters-do-not-grow",
  "worker-completes-jobs",
];
const FROM_COOLIFY = [
  "api-app-runs",
  "worker-app-runs",
  "worker-is-not-public",
  "images-are-built-from-our-dockerfiles",
  "rollback-image-is-kept",
  "required-variables-are-present",
  "production-shares-nothing-with-staging",
];
const all = (status: Status, names: readonly string[]): Statuses =>
  Object.fromEntries(names.map((name) => [name, status]));

/** What every fault of the world does to the checks. A check that is not named must go on passing. */
const reactions: Readonly<Record<FaultName, Reaction>> = {
  "xai-key-revoked": { own: { "xai-key-works": "fail" } },
  "xai-hangs": { own: { "xai-key-works": "unknown" } },
  "xai-answers-500": { own: { "xai-key-works": "fail" } },
  "todoist-token-revoked": { own: { "todoist-token-works": "fail" } },
  "todoist-answers-500": { own: { "todoist-token-works": "fail" } },
  "api-hangs": { own: all("unknown", API_CHECKS) },
  "api-answers-500": { own: all("fail", API_CHECKS) },
  "api-accepts-strangers": { own: { "api-refuses-strangers": "fail" } },
  "api-forgets-our-token": {
    own: { "api-accepts-our-token": "fail" },
    also: [alsoAll("fail", BEHIND_THE_SAME_TOKEN, "metrics-are-readable")],
  },
  "metrics-lose-their-counters": { own: { "metrics-are-readable": "fail" } },
  "certificate-expires-soon": { own: { "certificates-last": "fail" } },
  "database-down": {
    own: { "postgres-accepts-connections": "fail" },
    also: [
      alsoAll("fail", NEEDS_STORES, ...FROM_STORES),
      alsoAll("unknown", NOT_ASKED, ...IN_THE_DATABASE),
    ],
  },
  "database-frozen": {
    own: { "postgres-accepts-connections": "unknown" },
    also: [
      alsoAll("unknown", NEEDS_STORES, ...FROM_STORES),
      alsoAll("unknown", NOT_ASKED, ...IN_THE_DATABASE),
    ],
  },
  "connections-used-up": { own: { "postgres-accepts-connections": "fail" } },
  "database-behind": { own: { "migrations-are-at-head": "fail" } },
  "pg-dump-too-old": { own: { "pg-dump-is-not-older-than-the-server": "fail" } },
  "redis-down": {
    own: { "redis-accepts-commands": "fail" },
    also: [
      alsoAll("fail", NEEDS_STORES, ...FROM_STORES),
      alsoAll("unknown", NOT_ASKED, ...IN_REDIS),
    ],
  },
  "redis-frozen": {
    own: { "redis-accepts-commands": "unknown" },
    also: [
      alsoAll("unknown", NEEDS_STORES, ...FROM_STORES),
      alsoAll("unknown", NOT_ASKED, ...IN_REDIS),
    ],
  },
  "redis-evicts-keys": { own: { "redis-accepts-commands": "fail" } },
  "redis-memory-full": { own: { "redis-accepts-commands": "fail" } },
  "queue-backlog": {
    own: { "queue-depth-is-normal": "fail" },
    also: [
      alsoAll("fail", "jobs pile up because the worker stands still", "worker-completes-jobs"),
    ],
  },
  "worker-stopped": { own: { "worker-completes-jobs": "fail" } },
  "worker-died-silently": { own: { "worker-completes-jobs": "fail" } },
  // Nothing is wrong until a job comes, and a job that dies in a worker's hands leaves nothing to look at: only what
  // waits for that very job can know.
  "worker-dies-in-a-job": { own: {} },
  "worker-dies-in-a-sync": { own: {} },
  "dead-letters-grow": {
    own: { "dead-letters-are-none": "fail", "dead-letters-do-not-grow": "fail" },
  },
  "webhook-is-stolen": { own: { "product-webhook-is-registered": "fail" } },
  "webhook-backlog": { own: { "product-webhook-is-registered": "fail" } },
  "webhook-secret-is-off": { own: { "product-webhook-demands-its-secret": "fail" } },
  "webhook-secret-differs": { own: { "product-webhook-demands-its-secret": "fail" } },
  "ops-bot-is-the-products": { own: { "ops-bot-is-safe": "fail" } },
  "ops-bot-may-join-groups": { own: { "ops-bot-is-safe": "fail" } },
  "ops-bot-reads-everything": { own: { "ops-bot-is-safe": "fail" } },
  // That nobody listens, or that we are refused, is an answer to one question and to no other.
  "coolify-down": {
    own: { "coolify-answers": "fail" },
    also: [alsoAll("unknown", NOT_ASKED, ...FROM_COOLIFY)],
  },
  "coolify-hangs": {
    own: { "coolify-answers": "unknown" },
    also: [alsoAll("unknown", NOT_ASKED, ...FROM_COOLIFY)],
  },
  "coolify-outdated": { own: { "coolify-answers": "fail" } },
  "coolify-token-revoked": {
    own: { "coolify-answers": "fail" },
    also: [alsoAll("unknown", NOT_ASKED, ...FROM_COOLIFY)],
  },
  "coolify-token-too-powerful": { own: { "coolify-answers": "fail" } },
  "api-app-exited": { own: { "api-app-runs": "fail" } },
  "api-app-unhealthy": { own: { "api-app-runs": "fail" } },
  "worker-app-exited": { own: { "worker-app-runs": "fail" } },
  "worker-has-a-domain": { own: { "worker-is-not-public": "fail" } },
  "worker-publishes-a-port": { own: { "worker-is-not-public": "fail" } },
  "worker-from-the-wrong-dockerfile": { own: { "images-are-built-from-our-dockerfiles": "fail" } },
  "rollback-image-gone": { own: { "rollback-image-is-kept": "fail" } },
  "variable-missing": { own: { "required-variables-are-present": "fail" } },
  "services-disagree": { own: { "required-variables-are-present": "fail" } },
  "staging-shares-the-database": { own: { "production-shares-nothing-with-staging": "fail" } },
  "staging-shares-the-webhook-secret": {
    own: { "production-shares-nothing-with-staging": "fail" },
  },
  // How messages arrive is the sender's concern, and nothing that a check asks is a message.
  "telegram-rate-limits": { own: {} },
  "telegram-loses-answers": { own: {} },
};

test("every check fails by a fault that it is there for", () => {
  const proved = Object.values(reactions).flatMap(({ own }) =>
    Object.keys(own).filter((name) => own[name] === "fail"),
  );
  expect([...new Set(proved)].toSorted()).toEqual(checks.map(({ name }) => name).toSorted());
});

describe("a fault shows in the checks that are there for it, in no other, and passes when healed", () => {
  test.each(Object.entries(reactions) as [FaultName, Reaction][])("%s", async (fault, reaction) => {
    const also = (reaction.also ?? []).map(({ statuses }) => statuses);
    const changed = Object.assign({}, healthy(), reaction.own, ...also) as Statuses;
    await world.break(fault);
    try {
      await expect.poll(statuses, { timeout: 20_000 }).toEqual(changed);
    } finally {
      await world.heal(fault);
    }
    await expect.poll(statuses, { timeout: 20_000 }).toEqual(healthy());
  });
});
