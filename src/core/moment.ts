import { formatDuration } from "./duration.ts";

/** A moment in the team's time zone, as short as its distance allows: `03:04:05`, or `21 Nov 03:04` on another day. */
export function clockTime(at: Date, now: Date, timeZone: string): string {
  const day = new Intl.DateTimeFormat("en-GB", { timeZone, dateStyle: "short" });
  const sameDay = day.format(at) === day.format(now);
  const format = sameDay
    ? ({ hour: "2-digit", minute: "2-digit", second: "2-digit" } as const)
    : ({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" } as const);
  return new Intl.DateTimeFormat("en-GB", { timeZone, ...format }).format(at).replace(", ", " ");
}

/** How long ago: `12s ago`, `3m 20s ago`, `5h 2m ago`. */
export function age(at: Date, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - at.getTime()) / 1000));
  return seconds === 0 ? "just now" : `${formatDuration(seconds * 1000)} ago`;
}

/** The day in the team's time zone, such as `2026-11-23`. */
export function calendarDay(at: Date, timeZone: string): string {
  // Sweden writes its dates as ISO 8601 does.
  return new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" }).format(at);
}

/** The same without seconds, for what is read at a glance. */
export function clockMinute(at: Date, now: Date, timeZone: string): string {
  const time = clockTime(at, now, timeZone);
  return /^\d\d:\d\d:\d\d$/.test(time) ? time.slice(0, "hh:mm".length) : time;
}

/** The time of an appointment in the team's time zone, to the minute: `Sat 24 Oct 03:00`, with its year in another one. */
export function slotTime(at: Date, now: Date, timeZone: string): string {
  const year = new Intl.DateTimeFormat("en-GB", { timeZone, year: "numeric" });
  const format = {
    weekday: "short",
    day: "numeric",
    month: "short",
    ...(year.format(at) === year.format(now) ? {} : ({ year: "numeric" } as const)),
    hour: "2-digit",
    minute: "2-digit",
  } as const;
  return new Intl.DateTimeFormat("en-GB", { timeZone, ...format }).format(at).replaceAll(",", "");
}
