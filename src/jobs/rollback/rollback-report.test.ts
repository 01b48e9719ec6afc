import { describe, expect, test } from "vitest";

import type { Json } from "../../core/json.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import { deployName, ROLLBACK_STEPS, standingOf } from "./rollback-report.ts";

const bad = "9e107d9d372bb6826bd81d3542a419d6e277d6ca";
const good = "5c1f0b7a9d3e48261fa0c7be5d92384716ab0e9f";

const step = (
  name: string,
  state: JournalledStep["state"],
  result: Json = null,
): JournalledStep => ({
  n: 0,
  name,
  kind: "look",
  state,
  key: "",
  baseline: null,
  progress: null,
  result,
  error: null,
  startedAt: new Date(0),
  endedAt: null,
});

const planned = (role: string, given: Record<string, Json> = {}): Json => ({
  role,
  name: role,
  from: bad,
  isRedeployed: true,
  image: "kept",
  cancels: [],
  freezes: false,
  ...given,
});
const looked = (...applications: readonly Json[]): JournalledStep =>
  step(ROLLBACK_STEPS.look, "done", {
    plan: {
      to: good,
      applications: [...applications],
      schemaRevision: null,
      schemaWords: "",
      lesson: null,
      deployedAt: null,
    },
    observed: {},
    history: null,
  });
const both = looked(planned("worker"), planned("api"));
const deployed = [step(deployName("worker"), "done"), step(deployName("api"), "done")];
const ended = (worker: Json, api: Json): JournalledStep =>
  step(ROLLBACK_STEPS.end, "done", { worker, api });
const well = { ok: true, deployment: "d-1" };

describe("where the target stands, as last seen", () => {
  test.each<[string, readonly JournalledStep[], readonly string[]]>([
    ["nothing was looked at", [], []],
    ["nothing was begun", [both], ["worker: 9e107d9, as before", "api: 9e107d9, as before"]],
    [
      "one was asked for, and of the other nobody knows whether it was",
      [both, step(deployName("worker"), "done"), step(deployName("api"), "unknown")],
      [
        "worker: 5c1f0b7 was asked for, and its end was not waited for",
        "api: 9e107d9, or 5c1f0b7 by now: nobody can tell",
      ],
    ],
    [
      "one was refused",
      [both, step(deployName("worker"), "failed")],
      ["worker: 9e107d9, as before", "api: 9e107d9, as before"],
    ],
    [
      "one ended well and the other did not",
      [both, ...deployed, ended(well, { ok: false, reason: "it failed" })],
      ["worker: 5c1f0b7", "api: not 5c1f0b7, which did not end well; before it ran 9e107d9"],
    ],
    [
      "both ended well",
      [both, ...deployed, ended(well, well)],
      ["worker: 5c1f0b7", "api: 5c1f0b7"],
    ],
    [
      "one was left alone, and of the other nothing was known before",
      [looked(planned("worker", { isRedeployed: false }), planned("api", { from: null }))],
      ["worker: 5c1f0b7, as before", "api: what it ran before, as before"],
    ],
  ])("when %s", (_when, steps, told) => {
    expect(standingOf(steps)).toEqual(told);
  });
});
