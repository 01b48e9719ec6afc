import { expect, test } from "vitest";

import { Secret } from "../../core/secret.ts";
import type { SystemsSettings } from "../../systems/settings.ts";
import type { SmokeSettings } from "../smoke/flow-settings.ts";
import { rolloutProblems } from "./rollout-problems.ts";
import { rolloutSetting, type RolloutSettings } from "./rollout-settings.ts";

const coolify = {
  url: "https://coolify.example.com",
  token: new Secret("1|token"),
  deployToken: new Secret("2|token"),
  writeToken: new Secret("3|token"),
  applications: { api: "h8gk4o8w0cs4ggk0wo8o4so8", worker: "m4wcs0gkw8ko4sc0gok8wc4s" },
};
const known = {
  checks: ["api-is-live", "api-is-ready"],
  smoke: { flow: "todoist", flows: { todoist: {}, "a-job": {} } } as unknown as SmokeSettings,
  systems: { coolify } as SystemsSettings,
};

const rollout = (more: object = {}): RolloutSettings => {
  const parsed = rolloutSetting.parse({ api: "api", ready: ["api-is-ready"], ...more });
  if (!parsed) throw new Error("It is there.");
  return parsed;
};

const told = (more: object, of: Partial<typeof known> = {}): readonly string[] =>
  rolloutProblems(rollout(more), { ...known, ...of }).map(
    ({ path, message }) => `${path.join(".")}: ${message}`,
  );

test("what the file has may be named", () => {
  expect(told({ worker: "worker", jobFlow: "a-job", flow: "todoist" })).toEqual([]);
  expect(rolloutProblems(undefined, known)).toEqual([]);
});

test("the tokens that put releases in place are demanded by day, and not missed in the night", () => {
  const { deployToken: _deploy, writeToken: _write, ...readOnly } = coolify;
  const systems: SystemsSettings = { coolify: readOnly };
  expect(rolloutProblems(rollout(), { ...known, systems }).map(({ message }) => message)).toEqual([
    "needs systems.coolify.deployToken: one with `read` and `deploy`, which puts releases in place",
    "needs systems.coolify.writeToken: one with `read` and `write`, which switches auto-deploy off",
  ]);
});

test.each([
  [
    "an application that Coolify's part does not have",
    { worker: "wroker" },
    "did you mean worker?",
  ],
  ["a check that is none", { ready: ["api-is-raedy"] }, "did you mean api-is-ready?"],
  [
    "a flow that is none",
    { jobFlow: "todist" },
    "smoke.flows has no todist; did you mean todoist?",
  ],
  ["migrations without a place where they are recorded", { migration: {} }, "needs rollout.schema"],
])("%s is told with what would be right", (_title, more, words) => {
  const problems = told(more);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(words);
});

test("nothing is deployed without Coolify", () => {
  expect(told({}, { systems: {} })).toEqual([": needs systems.coolify: it is what deploys"]);
});

test.each([
  ["a step that is none", { steps: ["api", "restart"] }],
  ["a step twice", { steps: ["api", "api"] }],
  ["steps without the API", { steps: ["worker"] }],
  [
    "a remote with a password in it",
    { source: { remote: "https://user:pass@example.com/x", branch: "main" } },
  ],
  [
    "a branch that is an option",
    { source: { remote: "https://example.com/x", branch: "--upload-pack=x" } },
  ],
  ["a remote that runs something", { source: { remote: "ext::sh -c id", branch: "main" } }],
])("%s is refused", (_title, more) => {
  const parsed = rolloutSetting.safeParse({ api: "api", ready: ["api-is-ready"], ...more });
  expect(parsed.success).toBe(false);
});

test("the order of a deployment is the order of the file", () => {
  expect(rollout({ steps: ["migrate", "api"] }).steps).toEqual(["migrate", "api"]);
  expect(rollout().steps).toEqual([
    "freeze",
    "backup",
    "api",
    "migrate",
    "ready",
    "drain",
    "worker",
    "job",
    "smoke",
    "watch",
  ]);
});
