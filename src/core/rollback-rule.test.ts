import { describe, expect, test } from "vitest";

import type { Alert } from "./alert.ts";
import { isRuleMet, mayAct, type Failing, type RuleSight } from "./rollback-rule.ts";

const now = new Date("2026-11-23T03:10:00Z");
const ago = (minutes: number): Date => new Date(now.getTime() - minutes * 60_000);

const firing: Alert = {
  state: "firing",
  since: ago(6),
  lookedAt: now,
  trouble: { kind: "down", seen: "503" },
  goodSince: undefined,
  relapses: 0,
  behind: undefined,
  firedAt: ago(4),
  toldAt: ago(4),
  owesWord: false,
};
const sight = (change: Partial<RuleSight> = {}): RuleSight => ({
  alert: firing,
  newest: ["fail", "fail", "fail", "fail", "fail"],
  isSilenced: false,
  ...change,
});
const fiveMinutes: Failing = { kind: "for", ms: 5 * 60_000 };
const threeOfFive: Failing = { kind: "of", bad: 3, looks: 5 };

describe("whether a rule asks for a rollback", () => {
  test.each<[string, Failing, Partial<RuleSight>, boolean]>([
    ["its check has failed for so long", fiveMinutes, {}, true],
    ["it has failed exactly so long", fiveMinutes, { alert: { ...firing, since: ago(5) } }, true],
    [
      "it has not failed so long yet",
      fiveMinutes,
      { alert: { ...firing, since: ago(4.9) } },
      false,
    ],
    [
      "somebody has the alert, for that heals nothing",
      fiveMinutes,
      {
        alert: { ...firing, state: "acknowledged", acknowledgedBy: "Ada", acknowledgedAt: now },
      },
      true,
    ],
    ["it is no alert yet", fiveMinutes, { alert: { ...firing, state: "pending" } }, false],
    [
      "it is over",
      fiveMinutes,
      { alert: { ...firing, state: "resolved", resolvedAt: now } },
      false,
    ],
    ["it looks well again", fiveMinutes, { alert: { ...firing, goodSince: now } }, false],
    [
      "another trouble explains it",
      fiveMinutes,
      { alert: { ...firing, behind: "postgres" } },
      false,
    ],
    [
      "it cannot be looked at",
      fiveMinutes,
      {
        alert: { ...firing, trouble: { kind: "blind", seen: "timeout" } },
      },
      true,
    ],
    ["it is silenced", fiveMinutes, { isSilenced: true }, false],
    [
      "three of the last five looks failed",
      threeOfFive,
      {
        newest: ["fail", "pass", "fail", "pass", "fail"],
      },
      true,
    ],
    ["two of them did", threeOfFive, { newest: ["fail", "fail", "pass", "pass", "pass"] }, false],
    [
      "three did, of which one is the sixth",
      threeOfFive,
      {
        newest: ["fail", "fail", "pass", "pass", "pass", "fail"],
      },
      false,
    ],
    [
      "there were only three looks, and all failed",
      threeOfFive,
      {
        newest: ["fail", "fail", "fail"],
      },
      true,
    ],
  ])("when %s", (_case, failing, change, met) => {
    expect(isRuleMet({ failing, automatic: false }, sight(change), now)).toBe(met);
  });
});

describe("what could not be looked at", () => {
  const blind: Alert = { ...firing, trouble: { kind: "blind", seen: "timeout" } };

  test("is for a person to judge, and never enough for a rule that acts by itself", () => {
    const newest = ["unknown", "unknown", "fail", "pass", "unknown"] as const;
    const met = (failing: Failing, automatic: boolean, alert: Alert): boolean =>
      isRuleMet({ failing, automatic }, sight({ alert, newest }), now);
    expect(met(fiveMinutes, false, blind)).toBe(true);
    expect(met(fiveMinutes, true, blind)).toBe(false);
    expect(met(threeOfFive, false, firing)).toBe(true);
    expect(met(threeOfFive, true, firing)).toBe(false);
  });
});

describe("whether a rule acts by itself", () => {
  const never = { lastActedAt: undefined, isUnderWay: false };
  test.each<[string, boolean, Parameters<typeof mayAct>[1], boolean]>([
    ["when it is told to", true, never, true],
    ["not when it is not", false, never, false],
    ["not while a rollback is under way", true, { ...never, isUnderWay: true }, false],
    ["not twice within the hour", true, { ...never, lastActedAt: ago(59.9) }, false],
    ["again after an hour", true, { ...never, lastActedAt: ago(60) }, true],
  ])("%s", (_case, automatic, so, acts) => {
    expect(mayAct({ automatic }, so, now)).toBe(acts);
  });
});
