import { describe, expect, test } from "vitest";

import { axisTop, dayTicks } from "./chart-axis.ts";

describe("the top of an axis", () => {
  test.each([
    [0, "jobs", 4],
    [3, "jobs", 4],
    [4, "jobs", 6],
    [64, "jobs", 80],
    [100, "jobs", 200],
    [0, "Ms", 10],
    [41, "Ms", 60],
    [488, "Ms", 600],
    [4_999, "Ms", 6_000],
  ])("over %d %s is the round number %d", (highest, unit, top) => {
    expect(axisTop(highest, unit)).toBe(top);
  });

  test("always has air above the highest and halves to a whole number of things", () => {
    for (let highest = 0; highest < 2_000; highest += 1) {
      const top = axisTop(highest, "jobs");
      expect(top).toBeGreaterThan(highest);
      expect(Number.isInteger(top / 2)).toBe(true);
    }
  });
});

describe("the marks of a day", () => {
  const from = new Date("2026-11-22T04:50:00Z");
  const to = new Date("2026-11-23T04:50:00Z");
  test.each([
    ["UTC", "2026-11-22T06:00:00.000Z"],
    ["Europe/Berlin", "2026-11-22T05:00:00.000Z"],
    ["Asia/Kolkata", "2026-11-22T06:30:00.000Z"],
    ["Asia/Kathmandu", "2026-11-22T06:15:00.000Z"],
  ])("stand at every sixth hour of the clock in %s", (timeZone, first) => {
    const ticks = dayTicks(from, to, timeZone);
    expect(ticks).toHaveLength(4);
    expect(ticks[0]?.at.toISOString()).toBe(first);
    expect(new Set(ticks.map(({ label }) => label))).toEqual(
      new Set(["00:00", "06:00", "12:00", "18:00"]),
    );
  });
});
