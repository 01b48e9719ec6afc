import * as fc from "fast-check";
import { expect, test } from "vitest";

import { formatDuration, parseDuration } from "../../src/core/duration.ts";
import { dueSlots } from "../../src/core/schedule.ts";
import { createCalendar } from "../../src/jobs/schedule/schedule-calendar.ts";
import { createSchedules, schedulesSetting } from "../../src/jobs/schedule/schedule-settings.ts";
import { breath, cases, FUZZ_TIMEOUT_MS } from "./cases.ts";
import { hostileText } from "./hostile-text.ts";

const number = fc.oneof(
  fc.nat({ max: 70 }).map(String),
  fc.constantFrom("0", "1", "59", "-1", "1e3"),
);
const field = fc.oneof(
  { weight: 9, arbitrary: fc.constant("*") },
  { weight: 4, arbitrary: fc.constantFrom("1", "3", "5", "1-5", "2,4") },
  { weight: 1, arbitrary: number },
  fc.tuple(number, number).map(([from, to]) => `${from}-${to}`),
  number.map((step) => `*/${step}`),
  fc.array(number, { minLength: 2, maxLength: 4 }).map((all) => all.join(",")),
  fc.constantFrom("mon", "FRI", "jan", "L", "15W", "1#2", "?", "@daily", "*/0", "5-1", ",", "1-"),
  hostileText,
);
const pattern = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(field, field, field, field, field).map((all) => all.join(" ")) },
  fc.array(field, { maxLength: 8 }).map((all) => all.join(" ")),
  fc.constantFrom("0 3 31 2 *", "0 3 30 2 *", "0 0 31 4,6,9,11 *"),
  hostileText,
);
const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe");
const moment = fc.date({
  min: new Date("2026-01-01"),
  max: new Date("2028-12-31"),
  noInvalidDate: true,
});

test(
  "any pattern is refused, or is due again and again in order",
  async () => {
    const ends = { due: 0, refused: 0 };
    await fc.assert(
      fc
        .asyncProperty(pattern, zone, moment, async (cron, timeZone, after) => {
          const parsed = schedulesSetting.safeParse({ nightly: { cron, run: "preflight" } });
          ends[parsed.success ? "due" : "refused"] += 1;
          const [schedule] = parsed.success ? createSchedules(parsed.data, timeZone) : [];
          const slots = schedule?.calendar.after(after, 3) ?? [];
          const times = slots.map((slot) => slot.getTime());
          expect(times.every((time, index) => time > (times[index - 1] ?? after.getTime()))).toBe(
            true,
          );
          expect(slots).toHaveLength(parsed.success ? 3 : 0);
          expect(times.every((time) => time % 1_000 === 0)).toBe(true);
          const [last] =
            slots.length === 0 ? [] : (schedule?.calendar.upTo(slots.at(-1)!, 1) ?? []);
          expect(last?.getTime()).toBe(times.at(-1));
        })
        .beforeEach(breath),
      cases(400, 20_000),
    );
    expect(Math.min(ends.due, ends.refused)).toBeGreaterThan(20);
  },
  FUZZ_TIMEOUT_MS,
);

const EVERY = ["*/15 * * * *", "0 3 * * *", "30 2 * * 1-5", "0 2,14 * * *", "0 0 1 * *"] as const;

test(
  "of all slots that came due since the last one each is run or missed once, and at most one is run",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(
          fc.constantFrom(...EVERY),
          zone,
          moment,
          fc.integer({ min: 0, max: 30 * 60 }),
          fc.integer({ min: 1, max: 40 * 60 }),
          async (cron, timeZone, last, laterMinutes, patienceMinutes) => {
            const calendar = createCalendar(cron, timeZone);
            const now = new Date(last.getTime() + laterMinutes * 60_000);
            const notLaterThanMs = patienceMinutes * 60_000;
            const { run, missed } = dueSlots({ calendar, notLaterThanMs }, last, now);
            const expected: Date[] = [];
            for (const slot of calendar.after(last, 130)) if (slot <= now) expected.push(slot);
            const all = [...missed, ...(run === undefined ? [] : [run])];
            expect(all).toEqual(expected);
            const newest = expected.at(-1);
            const isInTime = newest && now.getTime() - newest.getTime() <= notLaterThanMs;
            expect(run).toEqual(isInTime ? newest : undefined);
          },
        )
        .beforeEach(breath),
      cases(15, 1_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "any text is a duration or none; what is one is counted in whole milliseconds",
  async () => {
    const piece = fc.tuple(fc.nat({ max: 9_999 }), fc.constantFrom("ms", "s", "m", "h", "d"));
    const nearly = fc.constantFrom(
      "s",
      "ms",
      "5",
      "1.5h",
      " 5m",
      "5m ",
      "-5s",
      "5 m",
      "1h30",
      "1e3s",
    );
    const spelt = fc
      .array(piece, { minLength: 1, maxLength: 4 })
      .map((all) => all.map(([count, unit]) => `${count}${unit}`).join(""));
    await fc.assert(
      fc
        .asyncProperty(fc.oneof(spelt, nearly, hostileText), async (text) => {
          const durationMs = parseDuration(text);
          const isOne = /^(?:\d{1,9}(?:ms|s|m|h|d))+$/.test(text);
          expect(durationMs !== undefined).toBe(isOne);
          expect(Number.isSafeInteger(durationMs ?? 0)).toBe(true);
          expect(formatDuration(durationMs ?? 0)).toMatch(/^\d/);
        })
        .beforeEach(breath),
      cases(400, 20_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);
