import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { createCalendar } from "./schedule-calendar.ts";

const shown = (slots: readonly Date[]): readonly string[] =>
  slots.map((slot) => slot.toISOString().replace(":00.000Z", "Z"));

describe("when the clocks change", () => {
  test.each([
    [
      "a time that comes twice is one slot, its first",
      "30 2 * * *",
      "Europe/Berlin",
      "2026-10-24T22:00Z",
      ["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
    ],
    [
      "so it is in New York",
      "30 1 * * *",
      "America/New_York",
      "2026-11-01T04:00Z",
      ["2026-11-01T05:30Z", "2026-11-02T06:30Z"],
    ],
    [
      "a time that does not come is the moment of the jump",
      "30 2 * * *",
      "Europe/Berlin",
      "2027-03-27T23:00Z",
      ["2027-03-28T01:00Z", "2027-03-29T00:30Z"],
    ],
    [
      "so it is in New York",
      "30 2 * * *",
      "America/New_York",
      "2027-03-14T05:00Z",
      ["2027-03-14T07:00Z", "2027-03-15T06:30Z"],
    ],
    [
      "several times that are named are as fixed as one",
      "30 2,14 * * *",
      "Europe/Berlin",
      "2027-03-27T23:00Z",
      ["2027-03-28T01:00Z", "2027-03-28T12:30Z"],
    ],
    [
      "what is due every half an hour keeps its rhythm",
      "*/30 * * * *",
      "Europe/Berlin",
      "2026-10-25T00:00Z",
      ["2026-10-25T00:30Z", "2026-10-25T01:00Z", "2026-10-25T01:30Z", "2026-10-25T02:00Z"],
    ],
  ])("%s", (_what, pattern, timeZone, after, slots) => {
    const calendar = createCalendar(pattern, timeZone);
    expect(shown(calendar.after(new Date(after), slots.length))).toEqual(slots);
  });
});

test("looking back finds what looking forward finds, to the millisecond", () => {
  const patterns = ["30 2 * * *", "*/15 1-3 * * *", "0 2,14 * * *", "0 0 * * 1", "0 0 29 2 *"];
  const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"];
  const from = Date.parse("2026-01-01T00:00Z");
  const to = Date.parse("2028-12-31T00:00Z");
  fc.assert(
    fc.property(
      fc.constantFrom(...patterns),
      fc.constantFrom(...zones),
      fc.integer({ min: from, max: to }),
      fc.constantFrom(-1, 0, 1, 999),
      (pattern, timeZone, moment, offsetMs) => {
        const calendar = createCalendar(pattern, timeZone);
        const [slot] = calendar.after(new Date(moment), 1);
        const near = new Date((slot?.getTime() ?? 0) + offsetMs);
        const [newest] = calendar.upTo(near, 1);
        expect(newest?.getTime() === slot?.getTime()).toBe(offsetMs >= 0);
      },
    ),
  );
});
