import { describe, expect, test } from "vitest";

import { alertCard, alertWord, type AlertView } from "./alert-card.ts";
import type { Alert } from "./alert.ts";
import { cardText } from "./card-text.ts";
import { addressedTo } from "./card.ts";

const clock = (time: string): Date => new Date(`2026-11-23T${time}Z`);

const course = {
  since: clock("03:04:05"),
  lookedAt: clock("03:16:00"),
  trouble: { kind: "down", seen: "status should be 200, is 503" },
  goodSince: undefined,
  relapses: 0,
  behind: undefined,
} as const;
const fired = { firedAt: clock("03:09:05"), toldAt: clock("03:09:05"), owesWord: false };
const firing: Alert = { ...course, ...fired, state: "firing" };
const taken: Alert = {
  ...course,
  ...fired,
  state: "acknowledged",
  acknowledgedBy: "Otto",
  acknowledgedAt: clock("03:10:00"),
};
const over: Alert = {
  ...course,
  ...fired,
  state: "resolved",
  goodSince: clock("03:16:05"),
  resolvedAt: clock("03:17:05"),
};
const blind: Alert = { ...firing, trouble: { kind: "blind", seen: "connection refused" } };

const view: AlertView = {
  id: "7",
  target: "production",
  check: "api-is-ready",
  severity: "page",
  alert: firing,
  runbook: "docs/runbooks/api-is-ready.md",
  behindIt: [],
  silence: undefined,
  hasSmokeFlow: false,
  remedies: [],
  rollback: undefined,
  now: clock("03:20:00"),
  timeZone: "UTC",
};

describe("the first line says target, severity, what and since when", () => {
  test.each<[string, Partial<AlertView>, string]>([
    ["that pages", {}, "🔴 production · api-is-ready fails since 03:04"],
    [
      "in the team's time",
      { timeZone: "Europe/Berlin" },
      "🔴 production · api-is-ready fails since 04:04",
    ],
    [
      "since another day",
      { now: new Date("2026-11-24T01:00:00Z") },
      "🔴 production · api-is-ready fails since 23 Nov 03:04",
    ],
    [
      "that warns",
      { severity: "warn" },
      "🟠 production · warning · api-is-ready fails since 03:04",
    ],
    ["that is blind", { alert: blind }, "🟡 production · api-is-ready cannot be seen since 03:04"],
    [
      "that is blind and warns",
      { alert: blind, severity: "warn" },
      "🟡 production · warning · api-is-ready cannot be seen since 03:04",
    ],
    [
      "that somebody has",
      { alert: taken },
      "👤 production · api-is-ready fails since 03:04 · Otto has it",
    ],
    ["that is over", { alert: over }, "✅ production · api-is-ready · over after 12m"],
    [
      "that flaps",
      { alert: { ...firing, relapses: 4 } },
      "🔴 production · api-is-ready fails since 03:04 · flapping ×4",
    ],
    [
      "that is silenced",
      { silence: { until: clock("07:00:00"), setBy: "Ada" } },
      "🔕 production · api-is-ready fails since 03:04",
    ],
    [
      "that stands behind another",
      { alert: { ...firing, behind: "database-is-up" } },
      "↳ production · api-is-ready fails since 03:04 · behind database-is-up",
    ],
    [
      "that is none yet",
      { alert: { ...course, state: "pending" } },
      "⏳ production · api-is-ready fails since 03:04 · not an alert yet",
    ],
  ])("of one %s", (_what, change, title) => {
    expect(alertCard({ ...view, ...change }).title).toBe(title);
  });
});

describe("the card", () => {
  test("says what was seen, where it is written what to do, and what it is called", () => {
    expect(cardText(alertCard(view))).toBe(
      [
        "🔴 production · api-is-ready fails since 03:04",
        "status should be 200, is 503",
        "Runbook docs/runbooks/api-is-ready.md",
        "A-7 · page · as of 03:20:00",
      ].join("\n"),
    );
  });

  test.each<[string, Partial<AlertView>, string]>([
    [
      "who has it and until when",
      { alert: taken },
      "Otto has it since 03:10; it speaks again at 05:10.",
    ],
    [
      "that it looks well, and is not over yet",
      { alert: { ...firing, goodSince: clock("03:15:00") } },
      "Looks well since 03:15:00; over when it stays so.",
    ],
    ["that it came back", { alert: { ...firing, relapses: 1 } }, "It came back once."],
    ["that it came back twice", { alert: { ...firing, relapses: 2 } }, "It came back 2 times."],
    [
      "until when it is silenced, and by whom",
      { silence: { until: clock("07:00:00"), setBy: "Ada" } },
      "🔕 Silenced until 07:00 by Ada.",
    ],
    [
      "that it is silenced until it is over",
      { silence: { until: undefined, setBy: "Ada" } },
      "🔕 Silenced until it is over by Ada.",
    ],
    [
      "the one that it explains",
      { behindIt: [{ check: "worker-lives", alert: blind }] },
      "Explains 1 more:\n  worker-lives cannot be seen since 03:04",
    ],
    ["when it ended", { alert: over }, "A-7 · page · over 03:17:05"],
  ])("says %s", (_what, change, text) => {
    expect(cardText(alertCard({ ...view, ...change }))).toContain(`\n${text}`);
  });

  test("counts what it explains and names some of it", () => {
    const behindIt = Array.from({ length: 9 }, (_, index) => ({
      check: `check-${index}`,
      alert: { ...firing, behind: "api-is-ready" },
    }));
    const text = cardText(alertCard({ ...view, behindIt }));
    expect(text).toContain("Explains 9 more:\n  check-0 fails since 03:04\n");
    expect(text).toContain("  check-1 fails since 03:04\n  … and 7 more in /alerts");
    expect(text).not.toContain("check-2");
  });

  test("that is over says no more of silences", () => {
    const silence = { until: clock("07:00:00"), setBy: "Ada" };
    expect(cardText(alertCard({ ...view, alert: over, silence }))).not.toContain("ilenced");
  });

  test("has twelve lines at most, whatever comes together", () => {
    const most: AlertView = {
      ...view,
      alert: { ...taken, relapses: 2, goodSince: clock("03:15:00") },
      silence: { until: clock("07:00:00"), setBy: "Ada" },
      behindIt: Array.from({ length: 50 }, (_, index) => ({
        check: `check-${index}`,
        alert: firing,
      })),
    };
    const lines = cardText(alertCard(most)).split("\n");
    expect(lines.length).toBeLessThanOrEqual(12);
    expect(lines).toContain("  … and 48 more in /alerts");
  });
});

const COMMIT = "9e107d9d372bb6826bd81d3542a419d6c0ffee00";

describe("a rule that asks for a rollback", () => {
  const lines = (run: string | undefined, alert: AlertView["alert"] = view.alert) =>
    cardText(
      alertCard({ ...view, alert, rollback: { rule: "dead-letters-grow", to: COMMIT, run } }),
    );

  test("is named, and so is the run that it has begun by itself", () => {
    expect(lines(undefined)).toContain("\n⏪ dead-letters-grow asks for a rollback.\n");
    expect(lines("R-7")).toContain("\n⏪ dead-letters-grow rolls back by itself: R-7.\n");
  });

  test("asks no more once the alert is over", () => {
    expect(lines(undefined, over)).not.toContain("⏪");
  });
});

describe("the buttons", () => {
  const labels = (change: Partial<AlertView>): readonly (readonly string[])[] =>
    alertCard({ ...view, ...change }).actions.map((row) => row.map(({ label }) => label));

  test.each<[string, Partial<AlertView>, readonly (readonly string[])[]]>([
    [
      "of one that fires",
      {},
      [
        ["Ack", "Silence…"],
        ["Details", "Chart"],
      ],
    ],
    [
      "offer smoke where the target has a flow",
      { hasSmokeFlow: true },
      [
        ["Ack", "Silence…"],
        ["Details", "Chart", "Smoke"],
      ],
    ],
    [
      "offer what helps against what the check is about",
      { remedies: ["restart-worker", "requeue"] },
      [
        ["Ack", "Silence…"],
        ["Details", "Chart"],
        ["Restart worker", "Requeue dead letter"],
      ],
    ],
    [
      "offer the release that a rule asks for",
      { rollback: { rule: "ready-keeps-failing", to: COMMIT, run: undefined } },
      [["Ack", "Silence…"], ["Details", "Chart"], ["Roll back to 9e107d9"]],
    ],
    [
      "lead to the choice where nobody knows of a good release",
      { rollback: { rule: "ready-keeps-failing", to: undefined, run: undefined } },
      [["Ack", "Silence…"], ["Details", "Chart"], ["Roll back…"]],
    ],
    [
      "offer no rollback that has begun by itself",
      { rollback: { rule: "ready-keeps-failing", to: COMMIT, run: "R-7" } },
      [
        ["Ack", "Silence…"],
        ["Details", "Chart"],
      ],
    ],
    ["of one that somebody has", { alert: taken }, [["Silence…"], ["Details", "Chart"]]],
    ["of one that is over are none", { alert: over }, []],
  ])("%s", (_what, change, expected) => {
    expect(labels(change)).toEqual(expected);
  });

  test("fit, with the longest names of alert and target", () => {
    const check = "a".repeat(64);
    const id = String(2n ** 63n - 1n);
    const rollback = { rule: "r".repeat(40), to: COMMIT, run: undefined };
    const remedies = ["restart-worker", "requeue"] as const;
    const change = { id, check, hasSmokeFlow: true, rollback, remedies };
    const card = addressedTo("t".repeat(20), alertCard({ ...view, ...change }));
    const commands = card.actions.flat().map(({ command }) => command);
    expect(commands).toHaveLength(8);
    for (const command of commands)
      expect(Buffer.byteLength(`c:${command}`)).toBeLessThanOrEqual(64);
  });
});

describe("the word that sounds", () => {
  const called = [
    { name: "Otto", telegram: 1002 },
    { name: "Ada", telegram: 1003 },
  ];

  test.each<[Parameters<typeof alertWord>[1], Partial<AlertView>, string]>([
    [
      "fired",
      {},
      "🔴 production · api-is-ready fails since 03:04\nOtto, Ada · status should be 200, is 503",
    ],
    [
      "fired",
      { alert: blind },
      "🟡 production · api-is-ready cannot be seen since 03:04\nOtto, Ada · connection refused",
    ],
    [
      "relapsed",
      { alert: { ...firing, relapses: 4 } },
      "🔴 production · api-is-ready fails again · flapping ×4\nOtto, Ada · status should be 200, is 503",
    ],
    [
      "lapsed",
      {},
      "🔴 production · api-is-ready still fails\nOtto, Ada · Whoever had it took it on 2h ago.",
    ],
    ["resolved", { alert: over }, "✅ production · api-is-ready · over after 12m\nOtto, Ada"],
  ])("%s is two lines", (news, change, text) => {
    expect(cardText(alertWord({ ...view, ...change }, news, called))).toBe(text);
  });

  test("rings the phones of those who are called, and of nobody else", () => {
    expect(alertWord(view, "fired", called).parts).toEqual([
      {
        kind: "line",
        words: [
          { mention: "Otto", telegram: 1002 },
          ", ",
          { mention: "Ada", telegram: 1003 },
          " · ",
          "status should be 200, is 503",
        ],
      },
    ]);
    expect(alertWord({ ...view, alert: over }, "resolved", []).parts).toEqual([]);
  });
});
