import { describe, expect, test } from "vitest";

import { DRILL_CHECKS, drillVerdict, findingOf, type DrillFinding } from "./drill-check.ts";

const all = (status: DrillFinding["status"]): Pick<DrillFinding, "check" | "status">[] =>
  DRILL_CHECKS.map((check) => ({ check, status }));

describe("the verdict of a drill", () => {
  test.each([
    ["every check passed", all("pass"), "VERIFIED"],
    ["one failed", all("pass").with(3, { check: DRILL_CHECKS[3], status: "fail" }), "FAILED"],
    [
      "one could not be looked at",
      all("pass").with(3, { check: DRILL_CHECKS[3], status: "unknown" }),
      "COULD NOT VERIFY",
    ],
    ["one was never asked", all("pass").slice(1), "COULD NOT VERIFY"],
    [
      "one failed and the rest is unknown",
      all("unknown").with(0, { check: DRILL_CHECKS[0], status: "fail" }),
      "FAILED",
    ],
    [
      "one is not configured",
      all("pass").with(12, { check: DRILL_CHECKS[12], status: "not-configured" }),
      "VERIFIED",
    ],
    ["nothing is configured", all("not-configured"), "COULD NOT VERIFY"],
    ["nothing was asked", [], "COULD NOT VERIFY"],
  ] as const)("when %s", (_what, findings, verdict) => {
    expect(drillVerdict(findings)).toBe(verdict);
  });
});

describe("a finding", () => {
  const check = DRILL_CHECKS[0];

  test("is not green when nothing was observed, although it was looked at", () => {
    expect(findingOf(check, { kind: "seen", value: 1 }, () => []).status).toBe("unknown");
  });

  test("carries why nobody could look", () => {
    const finding = findingOf(check, { kind: "unseen", reason: "no room" }, () => []);
    expect(finding).toMatchObject({ status: "unknown", reason: "no room" });
  });
});
