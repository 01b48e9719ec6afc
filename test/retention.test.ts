import { array, assert, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, test } from "vitest";

import { planRetention, type Keepable, type Retention } from "../src/core/retention.ts";
import { tries } from "./support/long-run.ts";

const DAY_MS = 24 * 60 * 60_000;
const none: Retention = { atLeast: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };

const backup = (at: string, change: Partial<Keepable> = {}): Keepable => ({
  id: at,
  snapshotAt: new Date(at),
  good: true,
  verified: false,
  ...change,
});

describe("what is kept", () => {
  test.each<[string, Partial<Retention>, readonly string[], readonly string[]]>([
    [
      "the newest of each day",
      { daily: 2 },
      ["2026-03-01T01:00Z", "2026-03-01T13:00Z", "2026-03-02T01:00Z"],
      ["2026-03-02T01:00Z", "2026-03-01T13:00Z"],
    ],
    [
      "days without a backup do not count",
      { daily: 2 },
      ["2026-03-01T01:00Z", "2026-03-20T01:00Z"],
      ["2026-03-20T01:00Z", "2026-03-01T01:00Z"],
    ],
    [
      "a week goes from Monday to Sunday, over the end of a year",
      { weekly: 1 },
      ["2025-12-28T23:00Z", "2025-12-29T01:00Z", "2026-01-04T23:00Z"],
      ["2026-01-04T23:00Z"],
    ],
    [
      "the newest of each month and year",
      { monthly: 2, yearly: 2 },
      ["2024-12-31T01:00Z", "2025-11-30T01:00Z", "2025-12-30T01:00Z", "2026-01-01T01:00Z"],
      ["2026-01-01T01:00Z", "2025-12-30T01:00Z"],
    ],
    [
      "no fewer than the number of the newest",
      { atLeast: 3 },
      ["2020-01-01T01:00Z", "2020-01-01T02:00Z", "2020-01-01T03:00Z", "2020-01-01T04:00Z"],
      ["2020-01-01T04:00Z", "2020-01-01T03:00Z", "2020-01-01T02:00Z"],
    ],
  ])("%s", (_what, rule, backups, kept) => {
    const plan = planRetention(
      backups.map((at) => backup(at)),
      { ...none, ...rule },
    );
    expect(plan.keep.map(({ id }) => id)).toEqual(kept);
    expect(new Set(plan.remove)).toEqual(new Set(backups.filter((at) => !kept.includes(at))));
  });

  test("the newest that a drill has restored, however old it is", () => {
    const plan = planRetention(
      [
        backup("2020-01-01", { verified: true }),
        backup("2021-01-01", { verified: true }),
        backup("2026-01-01"),
      ],
      none,
    );
    expect(plan.keep).toEqual([
      { id: "2026-01-01", because: ["newest"] },
      { id: "2021-01-01", because: ["verified"] },
    ]);
    expect(plan.remove).toEqual(["2020-01-01"]);
  });

  test("what is damaged is neither counted nor deleted", () => {
    const plan = planRetention(
      [backup("2026-01-02", { good: false }), backup("2026-01-01"), backup("2025-01-01")],
      none,
    );
    expect(plan.keep).toEqual([
      { id: "2026-01-02", because: ["damaged"] },
      { id: "2026-01-01", because: ["newest"] },
    ]);
    expect(plan.remove).toEqual(["2025-01-01"]);
  });
});

/** The same rule written the slow way: a backup stays when fewer newer periods than allowed stand before its own. */
function oracle(backups: readonly Keepable[], rule: Retention): ReadonlySet<string> {
  const good = backups.filter((one) => one.good);
  const newer = (one: Keepable): readonly Keepable[] =>
    good.filter(
      (other) =>
        other.snapshotAt > one.snapshotAt ||
        (other.snapshotAt.getTime() === one.snapshotAt.getTime() && other.id > one.id),
    );
  const week = (at: Date): number => Math.floor((at.getTime() / DAY_MS + 3) / 7);
  const periods: readonly (readonly [number, (at: Date) => number])[] = [
    [rule.daily, (at) => Math.floor(at.getTime() / DAY_MS)],
    [rule.weekly, week],
    [rule.monthly, (at) => at.getUTCFullYear() * 12 + at.getUTCMonth()],
    [rule.yearly, (at) => at.getUTCFullYear()],
  ];
  const stays = (one: Keepable): boolean => {
    if (!one.good) return true;
    const before = newer(one);
    if (before.length < rule.atLeast) return true;
    if (one.verified && !before.some((other) => other.verified)) return true;
    return periods.some(([count, periodOf]) => {
      const own = periodOf(one.snapshotAt);
      const later = new Set(before.map((other) => periodOf(other.snapshotAt)));
      return !later.has(own) && later.size < count;
    });
  };
  return new Set(backups.filter(stays).map(({ id }) => id));
}

const rules = record({
  atLeast: integer({ min: 1, max: 6 }),
  daily: integer({ min: 0, max: 10 }),
  weekly: integer({ min: 0, max: 6 }),
  monthly: integer({ min: 0, max: 14 }),
  yearly: integer({ min: 0, max: 5 }),
});

type Day = "none" | "one" | "two" | "damaged" | "verified";

/** Lives through ten years by one rule, and tells on which days the plan was not what it must be. */
function tenYears(rule: Retention, pattern: readonly Day[]): readonly string[] {
  const mistakes: string[] = [];
  let held: readonly Keepable[] = [];
  for (let day = 0; day < 3_653; day += 1) {
    const what = pattern[day % pattern.length];
    if (what === "none") continue;
    const change = { good: what !== "damaged", verified: what === "verified" };
    const at = (hour: number): Keepable =>
      backup(new Date(Date.UTC(2020, 0, 1 + day, hour, day % 60)).toISOString(), change);
    held = [...held, at(3), ...(what === "two" ? [at(15)] : [])];

    const plan = planRetention(held, rule);
    const kept = new Set(plan.keep.map(({ id }) => id));
    const good = held.filter((one) => one.good);
    const keptGood = good.filter(({ id }) => kept.has(id));
    const newestVerified = good.findLast((one) => one.verified);
    const isMistaken =
      keptGood.length < Math.min(rule.atLeast, good.length) ||
      (newestVerified !== undefined && !kept.has(newestVerified.id)) ||
      kept.size + plan.remove.length !== held.length ||
      // The slow rule is quadratic, so it is asked on some days only.
      (day % 61 === 0 && [...kept].toSorted().join() !== [...oracle(held, rule)].toSorted().join());
    if (isMistaken) mistakes.push(`day ${day}`);
    // What is damaged is looked at and thrown away by people, now and then.
    held = held.filter((one) => kept.has(one.id) && (one.good || day % 90 !== 0));
  }
  return mistakes;
}

test("over ten years of backups that come, fail, get damaged and are verified, the plan is that of the slow rule", () => {
  assert(
    property(
      rules,
      array(constantFrom<Day>("none", "one", "two", "damaged", "verified"), {
        minLength: 40,
        maxLength: 120,
      }),
      (rule, pattern) => {
        expect(tenYears(rule, pattern)).toEqual([]);
      },
    ),
    { numRuns: tries({ short: 8, long: 200 }) },
  );
}, 600_000);
