import { describe, expect, test } from "vitest";

import { rolloutSetting } from "../deploy/rollout-settings.ts";
import type { AskStep } from "../operation.ts";
import { ROLLBACK_STEPS } from "./rollback-report.ts";
import { rollbackSteps, type RollbackInput, type RollbackParts } from "./rollback-steps.ts";

/** Only what the steps are made of; nothing of it is asked for anything. */
function partsOf(more: Partial<RollbackParts> = {}): RollbackParts {
  const rollout = rolloutSetting.parse({ api: "api", worker: "worker", ready: ["api-is-ready"] });
  const parts = { rollout, checks: [], systems: {}, smoke: undefined };
  return {
    ...parts,
    policy: "second-person",
    automaticRules: ["core-calls-fail"],
    ...more,
  } as unknown as RollbackParts;
}

function askOf(input: RollbackInput, parts = partsOf()): AskStep {
  const ask = rollbackSteps(input, parts).find((step) => step.kind === "ask");
  if (!ask) throw new Error("A rollback asks.");
  return ask;
}

const looked = {
  [ROLLBACK_STEPS.look]: {
    plan: {
      to: "5c1f0b7a9d3e48261fa0c7be5d92384716ab0e9f",
      applications: [],
      schemaRevision: null,
      schemaWords: "",
      lesson: null,
      deployedAt: null,
    },
    observed: {},
    history: null,
  },
};

describe("who is asked", () => {
  test.each([
    ["a person who asks for it", {}, true],
    ["a rule that may act by itself", { rule: "core-calls-fail", automatic: true }, false],
    ["the same rule, for which somebody tapped", { rule: "core-calls-fail" }, true],
    [
      "a rule of which the configuration says nothing",
      { rule: "ready-keeps-failing", automatic: true },
      true,
    ],
    ["what calls itself automatic without any rule", { automatic: true }, true],
  ] as const satisfies readonly (readonly [string, RollbackInput, boolean])[])(
    "of %s",
    (_what, input, isAsked) => {
      expect(askOf(input).applies?.({}) ?? true).toBe(isAsked);
    },
  );

  test.each([
    [{}, "confirm", { policy: "confirm", needsCode: false }],
    [{ rule: "core-calls-fail" }, "confirm", { policy: "second-person", needsCode: false }],
    [
      { breakGlass: true, why: "nobody answers" },
      "second-person",
      { policy: "break-glass", needsCode: true },
    ],
  ] as const)("%j under %s", (input, policy, expected) => {
    expect(askOf(input, partsOf({ policy })).question(looked)).toMatchObject(expected);
  });
});
