import { describe, expect, test } from "vitest";

import { age, calendarDay, clockTime, slotTime } from "./moment.ts";

describe("clockTime", () => {
  test.each([
    ["the same day", "2026-11-23T03:04:05Z", "2026-11-23T09:00:00Z", "UTC", "03:04:05"],
    ["midnight", "2026-11-23T00:00:00Z", "2026-11-23T09:00:00Z", "UTC", "00:00:00"],
    ["another day", "2026-11-21T03:04:05Z", "2026-11-23T09:00:00Z", "UTC", "21 Nov 03:04"],
    [
      "the team's day, not Greenwich's",
      "2026-11-22T22:30:00Z",
      "2026-11-23T05:00:00Z",
      "Asia/Kolkata",
      "04:00:00",
    ],
    [
      "yesterday there although today in Greenwich",
      "2026-11-23T04:30:00Z",
      "2026-11-23T06:00:00Z",
      "America/New_York",
      "22 Nov 23:30",
    ],
    [
      "before the clocks go back",
      "2026-10-25T00:30:00Z",
      "2026-10-25T12:00:00Z",
      "Europe/Berlin",
      "02:30:00",
    ],
    [
      "after the clocks went back, the same hour again",
      "2026-10-25T01:30:00Z",
      "2026-10-25T12:00:00Z",
      "Europe/Berlin",
      "02:30:00",
    ],
    [
      "after the hour that spring leaves out",
      "2026-03-29T01:30:00Z",
      "2026-03-29T12:00:00Z",
      "Europe/Berlin",
      "03:30:00",
    ],
    [
      "the last second of a day of 23 hours",
      "2026-03-29T21:59:59Z",
      "2026-03-29T22:00:00Z",
      "Europe/Berlin",
      "29 Mar 23:59",
    ],
  ])("%s", (_what, at, now, timeZone, text) => {
    expect(clockTime(new Date(at), new Date(now), timeZone)).toBe(text);
  });
});

test.each([
  [0, "just now"],
  [999, "just now"],
  [12_000, "12s ago"],
  [200_000, "3m 20s ago"],
  [18_120_000, "5h 2m ago"],
  [-60_000, "just now"],
])("%i ms earlier is %s", (earlierMs, text) => {
  const now = new Date("2026-11-23T09:00:00Z");
  expect(age(new Date(now.getTime() - earlierMs), now)).toBe(text);
});

describe("calendarDay", () => {
  test.each([
    ["2026-11-23T23:30:00Z", "UTC", "2026-11-23"],
    ["2026-11-23T23:30:00Z", "Europe/Berlin", "2026-11-24"],
    ["2026-01-01T02:00:00Z", "America/New_York", "2025-12-31"],
  ])("%s is in %s the day %s", (at, timeZone, day) => {
    expect(calendarDay(new Date(at), timeZone)).toBe(day);
  });
});

describe("slotTime", () => {
  const now = new Date("2026-11-23T12:00:00Z");
  test.each([
    ["2026-10-25T00:30:00Z", "Europe/Berlin", "Sun 25 Oct 02:30"],
    ["2026-10-25T00:30:00Z", "America/New_York", "Sat 24 Oct 20:30"],
    ["2026-12-31T23:30:00Z", "UTC", "Thu 31 Dec 23:30"],
    ["2026-12-31T23:30:00Z", "Europe/Berlin", "Fri 1 Jan 2027 00:30"],
  ])("%s in %s is %s", (at, timeZone, shown) => {
    expect(slotTime(new Date(at), now, timeZone)).toBe(shown);
  });
});
