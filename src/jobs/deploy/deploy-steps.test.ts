import { describe, expect, test } from "vitest";

import type { Json } from "../../core/json.ts";
import { Secret } from "../../core/secret.ts";
import type { Results } from "../operation.ts";
import { DEPLOY_STEPS } from "./deploy-report.ts";
import { deploySteps, plannedStages, type DeployParts } from "./deploy-steps.ts";
import { rolloutSetting } from "./rollout-settings.ts";

const COMMIT = "5c1f0b7a9d3e48261fa0c7be5d92384716ab0e9f";
const url = new Secret("postgresql://reader@db.example.com/app");

/** Only what the steps are made of; nothing of it is asked for anything. */
function partsOf(rollout: object = {}, more: object = {}): DeployParts {
  const settings = rolloutSetting.parse({
    api: "api",
    worker: "worker",
    ready: ["api-is-ready"],
    schema: { database: url },
    migration: {},
    jobs: { redis: new Secret("redis://r.example.com/0"), queue: "q", database: url },
    jobFlow: "a-job",
    ...rollout,
  });
  const flow = {
    steps: [{ name: "jobs wait", kind: "redis", url, list: "q", capture: {}, within: 1_000 }],
    cleanup: [],
  };
  const smoke = { flow: "todoist", flows: { todoist: flow, "a-job": flow } };
  const parts = { rollout: settings, smoke, checks: [], backup: undefined, systems: {} };
  return { ...parts, policy: "second-person", ...more } as unknown as DeployParts;
}

function seen(more: {
  readonly shut?: boolean;
  readonly first?: boolean;
  readonly push?: boolean;
}) {
  const { shut = false, first = false, push = false } = more;
  const application = (role: string) => ({
    role,
    name: role,
    images: null,
    finished: first ? [] : [{ commit: COMMIT, at: "2026-11-23T12:00:00Z" }],
    active: [],
    deploysOnPush: push,
  });
  const results: Record<string, Json> = {
    [DEPLOY_STEPS.source]: { commit: COMMIT, meant: "as asked" },
    [DEPLOY_STEPS.sight]: {
      applications: [application("worker"), application("api")],
      schema: { revision: "a", problem: null },
      met: [],
    },
    [DEPLOY_STEPS.gates]: {
      gates: [{ name: "runs", ok: !shut, words: "" }],
      pages: [],
      isFirst: first,
      backup: { kind: "not-configured" },
      needsBackup: false,
    },
  };
  return results satisfies Results;
}

const planned = (parts: DeployParts, results: Results): readonly string[] =>
  plannedStages(parts, results).map(({ name }) => name);

describe("what a deployment does", () => {
  test("is in the order of the configuration, and what there is nothing to do for is left out", () => {
    const all = ["api", "migrate", "ready", "drain", "worker", "job", "smoke", "watch"];
    expect(planned(partsOf(), seen({}))).toEqual(all);
    expect(planned(partsOf(), seen({ push: true }))[0]).toBe("freeze");
    const steps = ["drain", "worker", "api", "watch"];
    expect(planned(partsOf({ steps }), seen({}))).toEqual(steps);
  });

  test("leaves out what is not configured", () => {
    const none = { migration: undefined, jobs: undefined, jobFlow: undefined, worker: undefined };
    const parts = partsOf(none, { smoke: undefined });
    expect(planned(parts, seen({}))).toEqual(["api", "ready", "watch"]);
  });

  test("waits for no jobs of a worker that never was", () => {
    expect(planned(partsOf(), seen({ first: true }))).not.toContain("drain");
  });

  test("proves a job once where the smoke flow is what proves it", () => {
    expect(planned(partsOf({ jobFlow: "todoist" }), seen({}))).not.toContain("job");
  });

  test("has steps of different names, for the journal knows them by these", () => {
    const names = deploySteps(partsOf(), { overrides: [] }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("behind a shut gate", () => {
  const steps = deploySteps(partsOf(), { overrides: [] });
  const behind = steps.slice(steps.findIndex(({ kind }) => kind === "ask"));

  test("nothing is asked and nothing done", () => {
    const results = seen({ shut: true });
    expect(behind.filter((step) => step.applies?.(results) !== false)).toEqual([]);
  });

  test("everything is, once an approver has passed it by name", () => {
    const results = seen({ shut: true });
    const gates = results[DEPLOY_STEPS.gates] as { readonly [name: string]: Json };
    const passed = {
      ...results,
      [DEPLOY_STEPS.gates]: {
        ...gates,
        gates: [{ name: "runs", ok: false, words: "", overriddenBecause: "it has to be" }],
      },
    };
    expect(behind.filter((step) => step.applies?.(passed) !== false).length).toBeGreaterThan(8);
  });

  test("all acts lie behind the question", () => {
    const before = steps.slice(0, steps.length - behind.length);
    expect(before.every(({ kind }) => kind === "look")).toBe(true);
    expect(behind.some(({ kind }) => kind === "act")).toBe(true);
  });
});

test("a question binds the whole hash, the order, and what was passed by word", () => {
  const ask = deploySteps(partsOf(), { overrides: [] }).find(({ kind }) => kind === "ask");
  const question = ask?.kind === "ask" ? ask.question(seen({})) : undefined;
  expect(question).toMatchObject({
    policy: "second-person",
    needsCode: false,
    parameters: {
      to: COMMIT,
      api: `from ${COMMIT}`,
      worker: `from ${COMMIT}`,
      order: "api, migrate, ready, drain, worker, job, smoke, watch",
    },
    observed: {
      api: COMMIT.slice(0, 12),
      "under-way": "nothing",
      schema: "a",
      "gate-runs": "open",
    },
  });
});
