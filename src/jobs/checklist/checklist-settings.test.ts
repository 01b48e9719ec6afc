import { describe, expect, test } from "vitest";

import { checklistProblems, checklistsSetting, createChecklists } from "./checklist-settings.ts";

const rollout = {
  period: "3d",
  gates: {
    preflight: {
      backup: {
        what: "A backup is saved",
        run: { operation: "backup", verdict: "SAVED", within: "2h" },
        command: "backup",
      },
      commit: { what: "The commit was read" },
    },
    after: { review: { what: "The architect has reviewed it", role: "approver" } },
  },
};

const known = { checks: ["api-is-live"], commands: ["backup"] };

test("a list with gates has its items in their order, each with its gate and its proof", () => {
  const [list] = createChecklists(checklistsSetting.parse({ rollout }), "UTC");
  expect(list!.items).toEqual([
    {
      name: "backup",
      what: "A backup is saved",
      proof: { kind: "run", operation: "backup", verdict: "SAVED", withinMs: 7_200_000 },
      gate: "preflight",
      command: "backup",
    },
    {
      name: "commit",
      what: "The commit was read",
      proof: { kind: "person", role: "operator" },
      gate: "preflight",
      command: undefined,
    },
    {
      name: "review",
      what: "The architect has reviewed it",
      proof: { kind: "person", role: "approver" },
      gate: "after",
      command: undefined,
    },
  ]);
});

test.each([
  ["day", "2026-11-24T00:00:00.000Z"],
  ["week", "2026-11-30T00:00:00.000Z"],
  ["3d", "2026-11-26T12:00:00.000Z"],
])("a list whose period is %s, opened on a Monday at noon, ends at %s", (period, end) => {
  const items = { live: { what: "The API is live", checks: ["api-is-live"] } };
  const [list] = createChecklists(checklistsSetting.parse({ list: { period, items } }), "UTC");
  expect(list!.endsAfter(new Date("2026-11-23T12:00:00Z")).toISOString()).toBe(end);
});

describe("a list is refused", () => {
  const item = { what: "The API is live" };
  test.each<[string, object, string]>([
    ["without items", { period: "day" }, "expected either items or gates"],
    ["with items and gates", { ...rollout, items: { live: item } }, "expected either items or"],
    ["with one gate", { period: "day", gates: { only: { live: item } } }, "two gates or more"],
    ["with no length", { period: "0s", items: { live: item } }, "expected day, week, or how long"],
    ["with an endless one", { period: "40d", items: { live: item } }, "expected day, week, or how"],
    [
      "with two items of a name",
      { period: "day", gates: { a: { live: item }, b: { live: item } } },
      "two gates have an item live",
    ],
    [
      "with an item that is proved twice",
      { period: "day", items: { live: { ...item, checks: ["api-is-live"], role: "operator" } } },
      "is proved in one way",
    ],
    [
      "with an operation that proves nothing",
      { period: "day", items: { live: { ...item, run: { operation: "lock", verdict: "GO" } } } },
      "expected one of preflight",
    ],
  ])("%s", (_what, list, message) => {
    const parsed = checklistsSetting.safeParse({ list });
    expect(parsed.error?.issues.map((issue) => issue.message).join("\n")).toContain(message);
  });

  test("that names a check or a command which is none, by its place", () => {
    const { preflight } = rollout.gates;
    const gates = {
      preflight: { ...preflight, backup: { ...preflight.backup, command: "bakcup" } },
      after: { review: { what: "It is live", checks: ["api-is-life"] } },
    };
    const settings = checklistsSetting.parse({ rollout: { ...rollout, gates } });
    const problems = checklistProblems(settings, known);
    expect(problems).toEqual([
      {
        path: ["rollout", "gates", "preflight", "backup", "command"],
        message: 'there is no command "bakcup"; did you mean backup?',
      },
      {
        path: ["rollout", "gates", "after", "review", "checks", 0],
        message: 'there is no check "api-is-life"; did you mean api-is-live?',
      },
    ]);
    expect(checklistProblems(checklistsSetting.parse({ rollout }), known)).toEqual([]);
  });
});
