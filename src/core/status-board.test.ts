import { describe, expect, test } from "vitest";

import {
  groupsOf,
  staleAfterMs,
  standingsOf,
  type BoardCheck,
  type Reading,
} from "./status-board.ts";

const now = new Date("2026-11-23T04:51:07Z");

function check(name: string, more: Partial<BoardCheck> = {}): BoardCheck {
  return { name, group: undefined, severity: "page", everyMs: 30_000, limits: [], ...more };
}

function reading(name: string, ageMs: number, more: Partial<Reading> = {}): Reading {
  const at = new Date(now.getTime() - ageMs);
  const rest = { status: "pass", durationMs: 9, reason: undefined, measurements: [] } as const;
  return { check: name, at, ...rest, ...more };
}

describe("how a check stands", () => {
  const minute = 60_000;
  test.each([
    ["a sample of this moment", 30_000, 0, "current", "pass"],
    [
      "a sample of ten minutes, however often the check is asked",
      1_000,
      10 * minute,
      "current",
      "pass",
    ],
    ["a moment more", 1_000, 10 * minute + 1, "stale", "unknown"],
    ["three turns of a check that is asked seldom", 60 * minute, 180 * minute, "current", "pass"],
    ["a moment more than three turns", 60 * minute, 180 * minute + 1, "stale", "unknown"],
  ] as const)("%s", (_title, everyMs, ageMs, kind, status) => {
    const standings = standingsOf([check("a", { everyMs })], [reading("a", ageMs)], now);
    expect(standings).toMatchObject([{ kind, status }]);
  });

  test("is as it was read while that is current, and never green once it is stale", () => {
    for (const status of ["pass", "fail", "unknown", "not-configured"] as const) {
      const fresh = standingsOf([check("a")], [reading("a", 0, { status })], now);
      expect(fresh).toMatchObject([{ kind: "current", status }]);
      const old = standingsOf([check("a")], [reading("a", 86_400_000, { status })], now);
      expect(old).toMatchObject([{ kind: "stale", status: "unknown" }]);
    }
  });

  test("is not known before anybody looked, and of nobody who is no longer configured", () => {
    const standings = standingsOf([check("a")], [reading("gone", 0)], now);
    expect(standings).toEqual([{ check: check("a"), kind: "not-looked", status: "unknown" }]);
  });
});

test("a sample lives three turns, and ten minutes at least", () => {
  expect(staleAfterMs({ everyMs: 30_000 })).toBe(600_000);
  expect(staleAfterMs({ everyMs: 300_000 })).toBe(900_000);
});

test("checks stand with their group, and alone under their own name, in the order of the file", () => {
  const checks = [check("b", { group: "api" }), check("lone"), check("a", { group: "api" })];
  const groups = groupsOf(standingsOf(checks, [], now));
  expect(
    groups.map(({ name, standings }) => [name, standings.map((one) => one.check.name)]),
  ).toEqual([
    ["api", ["b", "a"]],
    ["lone", ["lone"]],
  ]);
});
