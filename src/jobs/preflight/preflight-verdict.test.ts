import { describe, expect, test } from "vitest";

import { verdictOf, type Verdict } from "./preflight-verdict.ts";

const SEVERITIES = ["page", "warn"] as const;
const STATUSES = ["pass", "fail", "unknown", "not-configured"] as const;
const reports = SEVERITIES.flatMap((severity) => STATUSES.map((status) => ({ severity, status })));

describe("the verdict over a single check", () => {
  test.each<[(typeof SEVERITIES)[number], (typeof STATUSES)[number], Verdict]>([
    ["page", "pass", "GO"],
    ["page", "fail", "NO-GO"],
    ["page", "unknown", "UNKNOWN"],
    ["page", "not-configured", "UNKNOWN"],
    ["warn", "pass", "GO"],
    ["warn", "fail", "NO-GO"],
    ["warn", "unknown", "UNKNOWN"],
    ["warn", "not-configured", "UNKNOWN"],
  ])("%s, %s → %s", (severity, status, verdict) => {
    expect(verdictOf([{ severity, status }])).toBe(verdict);
  });
});

test("nothing asked is nothing known", () => {
  expect(verdictOf([])).toBe("UNKNOWN");
});

/** The verdict by ranks: the worst of what decides, warnings only when nothing else was asked. */
function expectedVerdict(asked: readonly (typeof reports)[number][]): Verdict {
  const has = (severity: string, status: string): boolean =>
    asked.some((report) => report.severity === severity && report.status === status);
  const severity = ["pass", "fail", "unknown"].some((status) => has("page", status))
    ? "page"
    : "warn";
  if (has(severity, "fail")) return "NO-GO";
  if (has(severity, "unknown")) return "UNKNOWN";
  return has(severity, "pass") ? "GO" : "UNKNOWN";
}

test("over every set of answers, in every order, the worst that decides wins", () => {
  for (let mask = 0; mask < 2 ** reports.length; mask += 1) {
    const asked = reports.filter((_report, index) => (mask >> index) % 2 === 1);
    expect([asked, verdictOf(asked)]).toEqual([asked, expectedVerdict(asked)]);
    expect(verdictOf(asked.toReversed())).toBe(verdictOf(asked));
  }
});
