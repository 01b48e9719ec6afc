import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { dueSlots, endedWell, slotCause, type Calendar } from "./schedule.ts";

const HOUR_MS = 3_600_000;
const at = (hour: number): Date => new Date(hour * HOUR_MS);

/** A slot every hour on the hour. */
const hourly: Calendar = {
  after: () => [],
  upTo: (moment, count) => {
    const newest = Math.floor(moment.getTime() / HOUR_MS);
    return Array.from({ length: count }, (_, index) => at(newest - index));
  },
};

const schedule = { calendar: hourly, notLaterThanMs: 0.5 * HOUR_MS };

describe("of the slots that came due", () => {
  test.each<[string, number, number, number | undefined, readonly number[]]>([
    ["none before the next", 10, 10.9, undefined, []],
    ["none at the slot that was dealt with", 10, 10, undefined, []],
    ["the one whose time it is", 10, 11, 11, []],
    ["the one that is as late as it may be", 10, 11.5, 11, []],
    ["none that is later, which is missed", 10, 11.6, undefined, [11]],
    ["the newest, and the others are missed", 10, 14.2, 14, [11, 12, 13]],
    ["none when the newest is too late, too", 10, 14.7, undefined, [11, 12, 13, 14]],
    ["none when the clock went back", 10, 8.1, undefined, []],
  ])("%s is run", (_what, lastSlot, now, run, missed) => {
    expect(dueSlots(schedule, at(lastSlot), at(now))).toEqual({
      run: run === undefined ? undefined : at(run),
      missed: missed.map(at),
    });
  });

  test("no more than a thousand are counted, so that a long absence stops nobody", () => {
    const { run, missed } = dueSlots(schedule, at(0), at(500_000));
    expect(run).toEqual(at(500_000));
    expect(missed).toHaveLength(999);
    expect(missed.at(-1)).toEqual(at(499_999));
  });

  test("each is dealt with once, however often and irregularly somebody looks", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 3, noNaN: true })), (waits) => {
        let lastSlot = at(10);
        let now = 10;
        const dealt: Date[] = [];
        for (const wait of waits) {
          now += wait;
          const { run, missed } = dueSlots(schedule, lastSlot, at(now));
          const slots = [...missed, ...(run ? [run] : [])];
          dealt.push(...slots);
          lastSlot = slots.at(-1) ?? lastSlot;
        }
        const count = Math.floor(now) - 10;
        expect(dealt).toEqual(Array.from({ length: count }, (_, index) => at(11 + index)));
      }),
    );
  });
});

test("a slot is the same cause for everybody, and another one for another target or name", () => {
  const slot = new Date("2026-10-25T00:30:00.000Z");
  expect(slotCause("production", "nightly-smoke", slot)).toBe(
    "slot-production/nightly-smoke-20261025T003000Z",
  );
  expect(slotCause("a-b", "c", slot)).not.toBe(slotCause("a", "b-c", slot));
});

test.each([
  ["ok", "GO", true],
  ["ok", "MARKED", true],
  ["ok", "NO-GO", false],
  ["ok", "UNKNOWN", false],
  ["failed", null, false],
  ["cancelled", null, false],
  ["unknown", null, false],
])("a run that is %s with %s is well: %s", (state, verdict, well) => {
  expect(endedWell({ state, verdict })).toBe(well);
});
