import { expect, test } from "vitest";

import type { JournalledStep } from "../../storage/run-step.ts";
import { stagesOf, type Stage } from "./change-view.ts";

const at = (second: number): Date => new Date(Date.UTC(2026, 10, 23, 3, 0, second));

const stages: readonly Stage[] = [
  { name: "stuck deployment", steps: ["cancel"] },
  { name: "api", steps: ["deploy api", "api is deployed"] },
  { name: "smoke", steps: ["smoke: one", "smoke is GO"] },
];

const step = (
  name: string,
  state: JournalledStep["state"],
  from = 0,
  to?: number,
): JournalledStep => ({
  n: 0,
  name,
  kind: "look",
  state,
  key: "",
  baseline: null,
  progress: null,
  result: null,
  error: null,
  startedAt: at(from),
  endedAt: to === undefined ? null : at(to),
});

const states = (steps: readonly JournalledStep[], state: "running" | "ok" | "failed" = "running") =>
  stagesOf(stages, { steps, now: at(30), run: { state } }).map((stage) => stage.state);

test.each([
  ["nothing was begun", [], ["to-come", "to-come", "to-come"]],
  [
    "the first step of two is done",
    [step("deploy api", "done", 0, 1)],
    ["skipped", "under-way", "to-come"],
  ],
  [
    "its last step is done and nothing has come behind it",
    [step("deploy api", "done", 0, 1), step("api is deployed", "done", 1, 2)],
    ["skipped", "done", "to-come"],
  ],
  [
    "a later one has begun",
    [step("cancel", "done", 0, 1), step("smoke: one", "started", 2)],
    ["done", "skipped", "under-way"],
  ],
  [
    "one of its steps failed",
    [step("deploy api", "done", 0, 1), step("api is deployed", "failed", 1, 2)],
    ["skipped", "failed", "to-come"],
  ],
  [
    "one of its steps is in doubt",
    [step("deploy api", "unknown", 0)],
    ["skipped", "in-doubt", "to-come"],
  ],
] as const)("when %s", (_when, journal, expected) => {
  expect(states(journal)).toEqual(expected);
});

test("what a run that went well left out did not apply", () => {
  expect(states([step("smoke: one", "done", 0, 1)], "ok")).toEqual(["skipped", "skipped", "done"]);
});

test("a stage takes from its first step to its last, and usually what they usually take", () => {
  const journal = [step("deploy api", "done", 1, 3), step("api is deployed", "done", 4, 9)];
  const kept = { "deploy api": 1_000, "api is deployed": 4_000, "smoke: one": 2_000 };
  const told = stagesOf(stages, { steps: journal, kept, now: at(30), run: { state: "running" } });
  expect(told.map(({ tookMs, usualMs }) => [tookMs, usualMs])).toEqual([
    [undefined, undefined],
    [8_000, 5_000],
    [undefined, 2_000],
  ]);
});

test("what is under way takes until now", () => {
  const [, api] = stagesOf(stages, {
    steps: [step("deploy api", "started", 10)],
    now: at(30),
    run: { state: "running" },
  });
  expect(api?.tookMs).toBe(20_000);
});
