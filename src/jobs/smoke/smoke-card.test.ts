import { describe, expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import type { Card } from "../../core/card.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import { RUN_STATES, type Run, type RunState } from "../../storage/run.ts";
import type { RunView } from "../operation.ts";
import { flowVerdict, type FlowReport } from "./flow-report.ts";
import type { Flow } from "./flow-settings.ts";
import { smokeCard, smokeDetails } from "./smoke-card.ts";

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 23, 3, 4, seconds));

const flow = {
  steps: ["letters", "capture", "sync", "worker"].map((name) => ({ name })),
  cleanup: [{ name: "close" }],
} as unknown as Flow;

function report(
  step: string,
  status: FlowReport["status"],
  more: Partial<FlowReport> = {},
): FlowReport {
  return {
    step,
    part: "steps",
    status,
    observations: [],
    durationMs: 86,
    captured: {},
    left: [],
    ...more,
  };
}

function viewOf(
  state: RunState,
  reports: readonly FlowReport[],
  more: { readonly run?: Partial<Run>; readonly open?: string } = {},
): RunView<{ readonly flow: string }> {
  const ended = state !== "waiting" && state !== "running";
  const run: Run = {
    id: "7",
    target: "alpha",
    operation: "smoke",
    input: { flow: "todoist" },
    mutating: true,
    cause: "tg-1",
    actor: { via: "telegram", name: "Ada", telegram: "5", role: "operator" },
    configHash: "c",
    state,
    epoch: 1,
    cancelRequestedAt: null,
    verdict: state === "ok" ? flowVerdict(reports, 4) : null,
    reason: null,
    createdAt: at(0),
    startedAt: at(1),
    endedAt: ended ? at(3) : null,
    ...more.run,
  };
  const journalled = (
    name: string,
    change: Partial<JournalledStep>,
    n: number,
  ): JournalledStep => ({
    n,
    name,
    kind: "look",
    state: "done",
    key: "k",
    baseline: null,
    progress: null,
    result: null,
    error: null,
    startedAt: at(1),
    endedAt: at(2),
    ...change,
  });
  const steps = reports.map((one, n) => journalled(one.step, { result: one }, n));
  if (more.open) steps.push(journalled(more.open, { state: "started" }, steps.length));
  return { run, input: { flow: "todoist" }, steps, now: at(4), timeZone: "UTC" };
}

const shown = (card: Card): readonly string[] =>
  cardText(card)
    .split("\n")
    .map((text) => text.trim());
const labels = (card: Card): readonly string[] => card.actions.flat().map(({ label }) => label);

const all = flow.steps.map(({ name }) => report(name, "pass"));
const failed = report("capture", "fail", {
  observations: [
    { what: "status", expected: "200", actual: "200", ok: true },
    { what: "tasks_created", expected: "at least 1", actual: "0", ok: false },
  ],
  requestId: "8d1f",
  lookAt: "docs/runbooks/xai-key-works.md",
  left: [{ thing: "item {{item}}", text: "item inb_1" }],
});

describe("a verdict", () => {
  test.each<[string, readonly FlowReport[], string]>([
    ["all passed", all, "GO"],
    ["one failed", [report("letters", "pass"), failed], "NO-GO"],
    ["one could not be looked at", [report("letters", "unknown")], "UNKNOWN"],
    ["a failure beside a blind spot", [report("letters", "unknown"), failed], "NO-GO"],
    ["not all were tried", all.slice(1), "UNKNOWN"],
    ["nothing was done", [], "UNKNOWN"],
    ["only cleaning up failed", [...all, report("close", "fail", { part: "cleanup" })], "GO"],
    ["only cleaning up passed", [report("close", "pass", { part: "cleanup" })], "UNKNOWN"],
  ])("when %s", (_what, reports, verdict) => {
    expect(flowVerdict(reports, 4)).toBe(verdict);
  });
});

describe("the card", () => {
  test("fills in while the run is under way, and can be cancelled", () => {
    const card = smokeCard(viewOf("running", all.slice(0, 1), { open: "capture" }), flow);
    expect(shown(card).slice(0, 3)).toEqual([
      "⏳ alpha · smoke 1 of 4",
      "⏳ capture",
      "✓ letters (86ms)",
    ]);
    expect(labels(card)).toEqual(["Cancel"]);
  });

  test("says which step comes next before that is journalled", () => {
    expect(shown(smokeCard(viewOf("running", all.slice(0, 2)), flow))[1]).toBe("⏳ sync");
    expect(shown(smokeCard(viewOf("waiting", []), flow))[1]).toBe("⏳ letters");
  });

  test("of a run that passed is short: verdict, count, what stays, and the steps folded", () => {
    const reports = [
      ...all.slice(0, 3),
      report("worker", "pass", { proves: "it works", left: [{ thing: "x", text: "item inb_1" }] }),
    ];
    const card = smokeCard(viewOf("ok", reports), flow);
    expect(shown(card)).toEqual([
      "🟢 alpha · smoke GO",
      "todoist: 4 of 4 steps passed",
      "left behind: item inb_1",
      "✓ letters (86ms)",
      "✓ capture (86ms)",
      "✓ sync (86ms)",
      "✓ worker (86ms): it works",
      expect.stringMatching(/^R-7 · Ada · .* · took 2s$/) as string,
    ]);
    expect(card.parts.find((part) => part.kind === "folded")).toBeDefined();
    expect(labels(card)).toEqual(["Run again", "Details"]);
    expect(card.actions[0]?.[0]?.command).toBe("smoke todoist");
  });

  test("of a run that failed tells first what was expected and seen, of which request, and where to look", () => {
    const card = smokeCard(viewOf("ok", [report("letters", "pass"), failed]), flow);
    expect(shown(card).slice(0, 8)).toEqual([
      "🔴 alpha · smoke NO-GO",
      "✗ capture",
      "expected tasks_created: at least 1",
      "seen: 0",
      "request 8d1f",
      "look at docs/runbooks/xai-key-works.md",
      "todoist: 1 of 4 steps passed, 2 not tried",
      "left behind: item inb_1",
    ]);
  });

  test("does not list what a later step has removed, and says when cleaning up failed", () => {
    const clean = (status: FlowReport["status"]): FlowReport =>
      report("close", status, { part: "cleanup", removes: "item {{item}}", reason: "refused" });
    const tidy = cardText(smokeCard(viewOf("ok", [failed, clean("pass")]), flow));
    expect(tidy).not.toContain("left behind");
    const untidy = cardText(smokeCard(viewOf("ok", [failed, clean("fail")]), flow));
    expect(untidy).toContain("left behind: item inb_1");
    expect(untidy).toContain("✗ cleaning up: close: refused");
  });

  test.each(RUN_STATES)("of a run that is %s fits a phone, whatever it holds", (state) => {
    const long = "x".repeat(5_000);
    const observations = [{ what: long, expected: long, actual: long, ok: false }];
    const left = Array.from({ length: 9 }, (_, n) => ({ thing: `${n}`, text: `thing ${n}` }));
    const worst = report("capture", "fail", {
      observations,
      reason: long,
      requestId: "r",
      lookAt: long,
      left,
    });
    const uncleaned = ["close", "more"].map((step) =>
      report(step, "fail", { part: "cleanup", reason: long }),
    );
    const reason = state === "failed" ? "it broke" : null;
    const card = smokeCard(viewOf(state, [worst, ...uncleaned], { run: { reason } }), flow);
    const lines = [card.title, ...card.parts.filter(({ kind }) => kind === "line")];
    expect(lines.length).toBeLessThanOrEqual(12);
    expect(card.title.length).toBeLessThanOrEqual(40);
    for (const text of shown(card)) expect(text.length).toBeLessThanOrEqual(400);
  });

  test("has no button to cancel what is being cancelled", () => {
    const view = viewOf("running", [], { run: { cancelRequestedAt: at(2) } });
    expect(smokeCard(view, flow).actions).toEqual([]);
  });

  test("of a run whose flow is gone from the configuration is drawn all the same", () => {
    const card = smokeCard(viewOf("ok", all), { steps: [], cleanup: [] });
    expect(shown(card)[1]).toBe("todoist: 4 of 4 steps passed");
  });

  test("of an effect that a person decided on shows the step as unknown", () => {
    const view = viewOf("ok", [report("letters", "pass"), failed]);
    const steps = view.steps.map((step) =>
      step.name === "capture" ? { ...step, result: { decidedBy: "Ada" } } : step,
    );
    const card = smokeCard({ ...view, steps, run: { ...view.run, verdict: "UNKNOWN" } }, flow);
    expect(shown(card)[1]).toBe("? capture");
    expect(cardText(card)).toContain("a person decided that it happened");
  });
});

test("details hold every observation, what was captured and the request", () => {
  const reports = [report("letters", "pass", { captured: { before: 3 } }), failed];
  const text = smokeDetails(viewOf("ok", reports))
    .map((part) => JSON.stringify(part))
    .join("\n");
  for (const words of ["before = 3", "✗ tasks_created: 0", "expected at least 1", "request 8d1f"]) {
    expect(text).toContain(words);
  }
});
