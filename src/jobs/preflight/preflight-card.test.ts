import { describe, expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import type { Card } from "../../core/card.ts";
import { RUN_STATES, type Run, type RunState } from "../../storage/run.ts";
import type { RunView } from "../operation.ts";
import { preflightCard, preflightDetails } from "./preflight-card.ts";
import type { CheckReport } from "./preflight-verdict.ts";

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 23, 3, 4, seconds));

function report(
  check: string,
  status: CheckReport["status"],
  more: Partial<CheckReport> = {},
): CheckReport {
  return {
    check,
    status,
    severity: "page",
    durationMs: 120,
    observations: [],
    measurements: [],
    ...more,
  };
}

function viewOf(
  state: RunState,
  reports: readonly CheckReport[],
  change: Partial<Run> = {},
): RunView<{ readonly checks: readonly string[] }> {
  const ended = state !== "waiting" && state !== "running";
  const run: Run = {
    id: "7",
    target: "alpha",
    operation: "preflight",
    input: null,
    mutating: false,
    cause: "tg-1",
    actor: { via: "telegram", name: "Ada", telegram: "5", role: "operator" },
    configHash: "c",
    state,
    epoch: 1,
    cancelRequestedAt: null,
    verdict: null,
    reason: null,
    createdAt: at(0),
    startedAt: at(1),
    endedAt: ended ? at(3) : null,
    ...change,
  };
  const journalled = {
    n: 0,
    name: "ask every check",
    kind: "look",
    key: "k",
    baseline: null,
    error: null,
    startedAt: at(1),
    endedAt: null,
  } as const;
  const found = reports.map((one) => ({ ...one }));
  const step = ended
    ? ({ ...journalled, state: "done", progress: null, result: found } as const)
    : ({ ...journalled, state: "started", progress: found, result: null } as const);
  const checks = ["a", "b", "c", ...reports.map((one) => one.check)];
  return { run, input: { checks }, steps: [step], now: at(10), timeZone: "UTC" };
}

/** A card of a preflight that asked everything there is. */
const cardOf = (view: Parameters<typeof preflightCard>[0]): Card =>
  preflightCard(view, view.input.checks.length);

const linesBeforeFold = (card: Card): number => {
  const fold = card.parts.findIndex((part) => part.kind === "folded");
  return 1 + (fold < 0 ? card.parts.length : fold);
};
const commandsOf = (card: Card): readonly string[] =>
  card.actions.flat().map((action) => action.command);

const mixed = [
  report("d-passes", "pass"),
  report("c-unknown", "unknown", { reason: "no answer within 5s" }),
  report("b-warns", "fail", {
    severity: "warn",
    observations: [{ what: "queue depth", expected: "at most 100", actual: "512", ok: false }],
  }),
  report("a-fails", "fail", {
    observations: [
      { what: "liveness", expected: "200", actual: "200", ok: true },
      { what: "status", expected: "200", actual: "503", ok: false },
    ],
  }),
  report("e-absent", "not-configured"),
];

describe("a preflight's card", () => {
  test("about some of the checks says how many, so that it cannot pass for the whole target", () => {
    const view = viewOf("ok", [report("d-passes", "pass")], { verdict: "GO" });
    expect(preflightCard(view, 12).title).toBe("🟢 alpha · GO · 4 of 12 checks");
    expect(preflightCard(view, 4).title).toBe("🟢 alpha · GO");
  });

  test("under way counts the answers, shows trouble already, and can be cancelled", () => {
    const card = cardOf(viewOf("running", mixed));
    expect(card.title).toBe("⏳ alpha · preflight 5 of 8");
    expect(cardText(card)).toContain("✗ a-fails: status should be 200, is 503");
    expect(commandsOf(card)).toEqual(["cancel R-7"]);
  });

  test("before the first answer, or with progress of another version, just waits", () => {
    for (const steps of [
      [],
      viewOf("running", []).steps.map((step) => ({ ...step, progress: "?" })),
    ]) {
      const card = cardOf({ ...viewOf("waiting", []), steps });
      expect(card.title).toBe("⏳ alpha · preflight 0 of 3");
    }
  });

  test("asked to stop offers no second cancel", () => {
    const card = cardOf(viewOf("running", [], { cancelRequestedAt: at(2) }));
    expect(card.actions.flat()).toEqual([]);
  });

  test("with a verdict says target and verdict first, then failures, then what is unknown, then folds the rest", () => {
    const card = cardOf(viewOf("ok", mixed, { verdict: "NO-GO" }));
    expect(cardText(card).split("\n")).toEqual([
      "🔴 alpha · NO-GO · 1 warning",
      "2 failed, 1 unknown, 1 passed, 1 not configured",
      "✗ a-fails: status should be 200, is 503",
      "✗ b-warns (warning): queue depth should be at most 100, is 512",
      "? c-unknown: no answer within 5s",
      "  ✓ d-passes (120ms)",
      "  – e-absent: not configured",
      "R-7 · Ada · 03:04:03 · took 2s",
    ]);
    expect(commandsOf(card)).toEqual(["preflight --failed-of R-7", "runs R-7"]);
  });

  test.each([
    ["GO", "🟢 alpha · GO", "preflight"],
    ["NO-GO", "🔴 alpha · NO-GO", "preflight"],
    ["UNKNOWN", "🟡 alpha · UNKNOWN", "preflight"],
  ])(
    "shows %s by its colour, and without trouble offers to ask all again",
    (verdict, title, again) => {
      const card = cardOf(viewOf("ok", [report("a", "pass")], { verdict }));
      expect(card.title).toBe(title);
      expect(commandsOf(card)).toEqual([again, "runs R-7"]);
    },
  );

  test.each(RUN_STATES.filter((state) => !["waiting", "running", "ok"].includes(state)))(
    "that is %s has no verdict, says why, and offers to run again",
    (state) => {
      const card = cardOf(viewOf(state, [], { reason: "cancelled by an operator" }));
      expect(card.title).toBe(`⚪️ alpha · preflight ${state}, no verdict`);
      expect(cardText(card)).toContain("\ncancelled by an operator\n");
      expect(card.title + cardText(card)).not.toMatch(/\bGO\b/);
      expect(commandsOf(card)).toEqual(["preflight"]);
    },
  );

  test("of any size keeps twelve lines before its fold, and names what it leaves out", () => {
    const many = Array.from({ length: 40 }, (_, n) =>
      report(`check-${String(n).padStart(2, "0")}`, n % 2 === 0 ? "fail" : "unknown", {
        reason: "x".repeat(5_000),
      }),
    );
    for (const state of ["running", "ok"] as const) {
      const card = cardOf(viewOf(state, [...many, ...mixed], { verdict: "NO-GO" }));
      expect(linesBeforeFold(card)).toBeLessThanOrEqual(12);
      expect(cardText(card)).toContain("… and 35 more under Details");
      expect(
        Math.max(
          ...cardText(card)
            .split("\n")
            .map((text) => text.length),
        ),
      ).toBeLessThan(200);
      expect(cardText(card)).not.toContain("?");
    }
  });

  test.each(RUN_STATES)(
    "that is %s carries nothing on a button that does not fit there",
    (state) => {
      const id = String(2n ** 63n - 1n);
      const card = cardOf(viewOf(state, mixed, { id, verdict: "NO-GO" }));
      for (const command of commandsOf(card)) {
        expect(Buffer.byteLength(command)).toBeLessThanOrEqual(62);
      }
    },
  );
});

test("the details hold every check with every observation, the worst first", () => {
  const parts = preflightDetails(
    viewOf("ok", [
      ...mixed,
      report("f-measured", "pass", { measurements: [{ name: "latencyMs", value: 12 }] }),
    ]),
  );
  const text = cardText({ title: "t", parts, actions: [] });
  const order = [...text.matchAll(/^[✗?✓–] ([a-f]-\w+)/gm)].map((match) => match[1]);
  expect(order).toEqual(["a-fails", "b-warns", "c-unknown", "d-passes", "f-measured", "e-absent"]);
  expect(text).toContain("    ✓ liveness: 200\n    ✗ status: 503\n      expected 200");
  expect(text).toContain("unknown in 120ms: no answer within 5s");
  expect(text).toMatch(/latency\w* .*12/);
});
