import { describe, expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import type { Status } from "../../core/status.ts";
import type { Run, RunState } from "../../storage/run.ts";
import type { RunView } from "../operation.ts";
import { checklistCard } from "./checklist-card.ts";
import { RUNS_STEP, type ChecklistInput } from "./checklist-view.ts";

const at = new Date("2026-11-23T08:00:00Z");
const now = new Date("2026-11-23T09:30:00Z");

const BY_PERSON = { kind: "person", role: "operator" } as const;
const ITEMS: ChecklistInput["items"] = [
  { name: "live", what: "The API is live", proof: { kind: "checks", checks: ["api-is-live"] } },
  {
    name: "worker",
    what: "The worker is up",
    proof: { kind: "checks", checks: ["worker-app-runs"] },
  },
  { name: "query", what: "One question has a right answer", proof: BY_PERSON },
  { name: "logs", what: "The logs were read", proof: BY_PERSON },
];

type Drawn = {
  readonly state?: RunState;
  readonly statuses?: Readonly<Record<string, Status>> | undefined;
  readonly kept?: { readonly state: string; readonly supersededBy?: string } | null;
  readonly ticks?: readonly string[];
  readonly items?: ChecklistInput["items"];
  readonly runs?: readonly object[];
};

function view(drawn: Drawn): RunView<ChecklistInput> {
  const {
    state = "ok",
    statuses,
    kept = { state: "open" },
    ticks = [],
    items = ITEMS,
    runs,
  } = drawn;
  const report = (check: string, status: Status) => ({
    check,
    status,
    severity: "page",
    durationMs: 1,
    observations: [],
    measurements: [],
  });
  const step = (n: number, name: string, result: unknown) =>
    ({ n, name, kind: "look", state: "done", result }) as RunView<unknown>["steps"][number];
  const reports = Object.entries(statuses ?? {}).map(([check, status]) => report(check, status));
  const run = {
    id: "7",
    target: "alpha",
    operation: "checklist",
    actor: { via: "telegram", name: "Ada", telegram: "5", role: "operator" },
    state,
    verdict: null,
    reason: null,
    createdAt: at,
  } as Partial<Run> as Run;
  return {
    run,
    input: { name: "daily", items, since: at.toISOString(), ticked: [] },
    steps: [
      ...(statuses ? [step(0, "ask every check", reports)] : []),
      ...(runs ? [step(1, RUNS_STEP, runs)] : []),
    ],
    kept: kept && {
      supersededBy: null,
      ...kept,
      endsAt: "2026-11-24T00:00:00.000Z",
      ticks: ticks.map((item) => ({ item, by: "Otto", at: at.toISOString() })),
    },
    now,
    timeZone: "UTC",
  };
}

const GOOD = { "api-is-live": "pass", "worker-app-runs": "pass" } as const;
const buttons = (drawn: Drawn): readonly string[] =>
  checklistCard(view(drawn))
    .actions.flat()
    .map(({ command }) => command);

describe("the first line", () => {
  test.each<[Drawn, string]>([
    [{ state: "running" }, "⏳ alpha · daily checklist · 0 of 4"],
    [{ statuses: GOOD }, "🟡 alpha · daily checklist · 2 of 4"],
    [{ statuses: { ...GOOD, "api-is-live": "fail" } }, "🔴 alpha · daily checklist · 1 of 4"],
    [
      { statuses: GOOD, kept: { state: "complete" }, ticks: ["query", "logs"] },
      "🟢 alpha · daily checklist · complete",
    ],
    [
      { statuses: GOOD, kept: { state: "expired" }, ticks: ["logs"] },
      "⚪️ alpha · daily checklist · expired with 1 open",
    ],
    [
      { statuses: GOOD, kept: { state: "superseded", supersededBy: "8" } },
      "⚪️ alpha · daily checklist · superseded by R-8",
    ],
    [{ state: "failed", kept: { state: "open" } }, "🟡 alpha · daily checklist · 0 of 4"],
  ])("of %o", (drawn, title) => {
    expect(checklistCard(view(drawn)).title).toBe(title);
  });
});

test("what is wrong stands above what waits for a person, and what is done is folded away", () => {
  const drawn = { statuses: { ...GOOD, "worker-app-runs": "fail" }, ticks: ["logs"] } as const;
  expect(cardText(checklistCard(view(drawn))).split("\n")).toEqual([
    "🔴 alpha · daily checklist · 2 of 4",
    "✗ The worker is up: failed, worker-app-runs",
    "☐ One question has a right answer",
    expect.stringContaining("✓ The API is live"),
    expect.stringContaining("☑ The logs were read · Otto 08:00:00"),
    "R-7 · Ada · 08:00:00 · open until Tue 24 Nov 00:00",
  ]);
});

describe("the buttons", () => {
  test("tick what waits for a person, and look again at the rest", () => {
    expect(buttons({ statuses: GOOD, ticks: ["logs"] })).toEqual([
      "checklist tick R-7 query",
      "checklist daily",
      "runs R-7",
    ]);
  });

  test.each(["complete", "expired", "superseded"])("are none when it is %s", (state) => {
    expect(buttons({ statuses: GOOD, kept: { state } })).toEqual([]);
  });

  test("are none for a run that no list was opened for", () => {
    expect(buttons({ statuses: GOOD, kept: null })).toEqual([]);
  });
});

test("a long list stays within a dozen lines, its longest button within what Telegram carries", () => {
  const items = Array.from({ length: 15 }, (_, n) => ({
    name: `fifteen-chars-${n}`.slice(0, 15),
    what: `Item ${n}`,
    proof: BY_PERSON,
  }));
  const card = checklistCard(view({ statuses: {}, items }));
  expect(card.parts.length + 1).toBeLessThanOrEqual(12);
  const addressed = buttons({ statuses: {}, items }).map((command) =>
    command.replace("checklist", `checklist @${"t".repeat(20)}`).replace("R-7", "R-ZZZZZ"),
  );
  expect(Math.max(...addressed.map((command) => Buffer.byteLength(command)))).toBeLessThanOrEqual(
    62,
  );
});

describe("a list with gates", () => {
  const preflight = { kind: "run", operation: "preflight", verdict: "GO", withinMs: 0 } as const;
  const items: ChecklistInput["items"] = [
    {
      name: "preflight",
      what: "Preflight says GO",
      proof: preflight,
      gate: "before",
      command: "preflight",
    },
    { name: "commit", what: "The commit was read", proof: BY_PERSON, gate: "before" },
    {
      name: "ready",
      what: "The API is ready",
      proof: { kind: "checks", checks: ["api-is-ready"] },
      gate: "deploy",
    },
    {
      name: "review",
      what: "The architect has reviewed it",
      proof: { kind: "person", role: "approver" },
      gate: "after",
    },
  ];
  const run = (verdict: string) => ({
    operation: "preflight",
    run: "R-6",
    verdict,
    end: verdict,
    begunAt: now.toISOString(),
    endedAt: now.toISOString(),
    isWhole: true,
  });
  const drawn = (change: Partial<Drawn>): Drawn => ({
    items,
    statuses: { "api-is-ready": "fail" },
    runs: [],
    ...change,
  });
  const textOf = (change: Partial<Drawn>) =>
    cardText(checklistCard(view(drawn(change)))).split("\n");

  test("shows the one where it stands, and names the others", () => {
    expect(textOf({})).toEqual([
      "🟡 alpha · daily checklist · gate 1 of 3: before · 0 of 4",
      "? Preflight says GO: no preflight yet",
      "☐ The commit was read",
      "then deploy, after",
      "R-7 · Ada · 08:00:00 · open until Tue 24 Nov 00:00",
    ]);
    expect(buttons(drawn({}))).toEqual([
      "checklist tick R-7 commit",
      "preflight",
      "checklist daily",
      "runs R-7",
    ]);
  });

  test("is red by what its own gate shows, and by no later one", () => {
    expect(textOf({ runs: [run("NO-GO")] }).slice(0, 2)).toEqual([
      "🔴 alpha · daily checklist · gate 1 of 3: before · 0 of 4",
      "✗ Preflight says GO: R-6 NO-GO",
    ]);
  });

  test("goes on to the next one with what is done folded away", () => {
    expect(textOf({ runs: [run("GO")], ticks: ["commit"] })).toEqual([
      "🔴 alpha · daily checklist · gate 2 of 3: deploy · 2 of 4",
      "✗ The API is ready: failed, api-is-ready",
      "then after",
      "  ✓ Preflight says GO: R-6 GO",
      "  ☑ The commit was read · Otto 08:00:00",
      "R-7 · Ada · 08:00:00 · open until Tue 24 Nov 00:00",
    ]);
  });

  test("says whose word the last one needs", () => {
    const last = { runs: [run("GO")], ticks: ["commit"], statuses: { "api-is-ready": "pass" } };
    expect(textOf(last as Partial<Drawn>).slice(0, 2)).toEqual([
      "🟡 alpha · daily checklist · gate 3 of 3: after · 3 of 4",
      "☐ The architect has reviewed it (an approver)",
    ]);
  });
});
