import { describe, expect, test } from "vitest";

import { cardText } from "../core/card-text.ts";
import type { Status } from "../core/status.ts";
import type { Run, RunState } from "../storage/run.ts";
import { checklistCard } from "./checklist-card.ts";
import type { ChecklistInput } from "./checklist-view.ts";
import type { RunView } from "./operation.ts";

const at = new Date("2026-11-23T08:00:00Z");
const now = new Date("2026-11-23T09:30:00Z");

const ITEMS: ChecklistInput["items"] = [
  { name: "live", what: "The API is live", checks: ["api-is-live"] },
  { name: "worker", what: "The worker is up", checks: ["worker-app-runs"] },
  { name: "query", what: "One question has a right answer", checks: [] },
  { name: "logs", what: "The logs were read", checks: [] },
];

type Drawn = {
  readonly state?: RunState;
  readonly statuses?: Readonly<Record<string, Status>> | undefined;
  readonly kept?: { readonly state: string; readonly supersededBy?: string } | null;
  readonly ticks?: readonly string[];
  readonly items?: ChecklistInput["items"];
};

function view(drawn: Drawn): RunView<ChecklistInput> {
  const { state = "ok", statuses, kept = { state: "open" }, ticks = [], items = ITEMS } = drawn;
  const report = (check: string, status: Status) => ({
    check,
    status,
    severity: "page",
    durationMs: 1,
    observations: [],
    measurements: [],
  });
  const step = {
    n: 0,
    name: "ask every check",
    kind: "look",
    state: "done",
    result: Object.entries(statuses ?? {}).map(([check, status]) => report(check, status)),
  } as unknown as RunView<unknown>["steps"][number];
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
    input: { name: "daily", items },
    steps: statuses ? [step] : [],
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
    checks: [],
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
