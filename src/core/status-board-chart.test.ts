import { describe, expect, test } from "vitest";

import { cardText } from "./card-text.ts";
import {
  boardChart,
  chartCard,
  checkChart,
  type Peak,
  type Trouble,
} from "./status-board-chart.ts";
import type { BoardCheck } from "./status-board.ts";

const to = new Date("2026-11-23T04:50:00Z");
const from = new Date(to.getTime() - 86_400_000);
const binMs = 300_000;

function bin(index: number): Date {
  return new Date(from.getTime() + index * binMs);
}

function check(name: string, group: string, measurement: string, atMost: number): BoardCheck {
  const limits = [{ measurement, atMost }];
  return { name, group, severity: "page", everyMs: 30_000, limits };
}

const checks = [
  check("api-is-live", "api", "latencyMs", 5_000),
  check("api-is-ready", "api", "latencyMs", 2_000),
  check("provider-answers", "outside", "latencyMs", 8_000),
  check("depth-is-normal", "queue", "default.jobs", 50),
  { ...check("unlimited", "api", "x", 1), limits: [] },
];

function peak(check: string, index: number, value: number, name = "latencyMs"): Peak {
  return { check, name, at: bin(index), value };
}

function chartOf(peaks: readonly Peak[], troubles: readonly Trouble[] = []) {
  return boardChart("production", "UTC", checks, { from, to, binMs, peaks, troubles });
}

describe("what is charted", () => {
  test("is what has a limit: a panel for every unit, a curve for every measurement of a group", () => {
    const chart = chartOf([
      peak("api-is-live", 1, 40),
      peak("provider-answers", 1, 200),
      peak("depth-is-normal", 1, 3, "default.jobs"),
      peak("unlimited", 1, 7, "x"),
      peak("api-is-live", 1, 1, "retries"),
    ]);
    expect(
      chart.panels.map(({ title, unit, curves }) => [title, unit, curves.map(({ name }) => name)]),
    ).toEqual([
      ["Latency", "Ms", ["api", "outside"]],
      ["Jobs", "jobs", ["default"]],
    ]);
  });

  test("is the highest of a group's checks, under the strictest of their limits", () => {
    const chart = chartOf([
      peak("api-is-ready", 2, 90),
      peak("api-is-live", 1, 40),
      peak("api-is-live", 2, 70),
    ]);
    expect(chart.panels[0]?.curves[0]).toMatchObject({
      points: [
        { at: bin(1), value: 40 },
        { at: bin(2), value: 90 },
      ],
      limit: 2_000,
    });
  });

  test("names queues of one panel by themselves", () => {
    const queues = [
      { ...check("depth", "queue", "default.jobs", 50) },
      { ...check("dead", "queue", "dead.jobs", 0) },
    ];
    const peaks = [peak("depth", 1, 3, "default.jobs"), peak("dead", 1, 0, "dead.jobs")];
    const chart = boardChart("p", "UTC", queues, { from, to, binMs, peaks, troubles: [] });
    expect(
      chart.panels.map(({ title, curves }) => [title, curves.map(({ name }) => name)]),
    ).toEqual([["Jobs", ["default", "dead"]]]);
  });

  test("shows no more curves in a panel than can be told apart", () => {
    const many = Array.from({ length: 5 }, (_, index) =>
      check(`c-${index}`, `g-${index}`, "latencyMs", 1),
    );
    const peaks = many.map(({ name }) => peak(name, 1, 1));
    const chart = boardChart("p", "UTC", many, { from, to, binMs, peaks, troubles: [] });
    expect(chart.panels[0]?.curves.map(({ name }) => name)).toEqual(["g-0", "g-1", "g-2"]);
  });

  test("leaves a gap where nobody looked for longer than a sample lives", () => {
    expect(chartOf([peak("api-is-live", 1, 40)]).panels[0]?.curves[0]?.gapMs).toBe(900_000);
  });
});

describe("trouble", () => {
  test("is one stretch as long as it lasts, and a failure hides a blind spot beside it", () => {
    const chart = chartOf(
      [],
      [
        { check: "api-is-live", at: bin(5), status: "unknown" },
        { check: "api-is-live", at: bin(6), status: "unknown" },
        { check: "api-is-ready", at: bin(7), status: "fail" },
        { check: "api-is-live", at: bin(7), status: "unknown" },
        { check: "provider-answers", at: bin(9), status: "fail" },
        { check: "unlimited", at: bin(20), status: "fail" },
      ],
    );
    expect(chart.panels).toHaveLength(1);
    expect(chart.panels[0]?.troubles).toEqual([
      { kind: "unknown", from: bin(5), to: bin(7) },
      { kind: "fail", from: bin(7), to: bin(8) },
      { kind: "fail", from: bin(9), to: bin(10) },
    ]);
  });

  test("ends with the chart", () => {
    const last = new Date(to.getTime() - 1_000);
    const chart = chartOf([], [{ check: "api-is-live", at: last, status: "fail" }]);
    expect(chart.panels[0]?.troubles).toEqual([{ kind: "fail", from: last, to }]);
  });
});

describe("the chart in words", () => {
  test("says of every curve its last, its highest and its limit, and of trouble how often", () => {
    const chart = chartOf(
      [
        peak("api-is-live", 1, 488),
        peak("api-is-live", 2, 50),
        peak("depth-is-normal", 1, 61, "default.jobs"),
      ],
      [
        { check: "api-is-live", at: bin(5), status: "unknown" },
        { check: "depth-is-normal", at: bin(5), status: "fail" },
        { check: "depth-is-normal", at: bin(9), status: "fail" },
      ],
    );
    expect(cardText(chartCard(chart)).split("\n")).toEqual([
      "production · last 24 h",
      "api · last 50ms, highest 488ms, limit 2s",
      "default · last 61, highest 61, limit 50",
      "Latency: could not look once",
      "Jobs: failed 2 times",
    ]);
  });

  test("says so when there is nothing to draw", () => {
    expect(cardText(chartCard(chartOf([])))).toBe(
      "production · last 24 h\nNothing that has a limit was measured, so there is nothing to draw.",
    );
  });
});

describe("the chart of one check", () => {
  const [live] = checks;
  const measured = [
    peak("api-is-live", 1, 40),
    peak("api-is-live", 2, 70),
    peak("api-is-live", 2, 2, "bodyBytes"),
    peak("api-is-live", 2, 1, "retries"),
  ];

  test("shows all that it measures, under its limit where it has one", () => {
    const failed = { check: "api-is-live", at: bin(2), status: "fail" } as const;
    const history = { from, to, binMs, peaks: measured, troubles: [failed] };
    const chart = checkChart("production", "UTC", live!, history);
    expect(chart.title).toBe("production · api-is-live · last 24 h");
    expect(
      chart.panels.map(({ unit, curves }) => [unit, curves.map(({ limit }) => limit)]),
    ).toEqual([
      ["Ms", [5_000]],
      ["Bytes", [undefined]],
    ]);
    expect(chart.panels.every(({ troubles }) => troubles.length === 1)).toBe(true);
    expect(cardText(chartCard(chart))).toContain("last 70ms, highest 70ms, limit 5s");
  });

  test("is empty when nothing was measured", () => {
    const history = { from, to, binMs, peaks: [], troubles: [] };
    expect(checkChart("production", "UTC", live!, history).panels).toEqual([]);
  });
});
