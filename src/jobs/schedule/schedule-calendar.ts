import { Cron } from "croner";

import type { Calendar } from "../../core/schedule.ts";

/**
 * The slots of a pattern in a time zone. When the clocks change, a time that comes twice is one slot, its first, and a
 * time that does not come is the moment at which the clocks jump over it. What is meant for every hour or every few
 * minutes keeps its rhythm.
 *
 * @throws {Error} when the pattern is none
 */
export function createCalendar(pattern: string, timeZone: string): Calendar {
  const cron = new Cron(pattern, {
    timezone: timeZone,
    paused: true,
    mode: "5-part",
    // "At 2 and at 14" names two fixed times just as "at 2" names one.
    fixedTimeRule: "no-wildcard",
  });
  return {
    after: (moment, count) => cron.nextRuns(count, moment),
    upTo: (moment, count) => cron.previousRuns(count, new Date(moment.getTime() + 1)),
  };
}
