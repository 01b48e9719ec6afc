/** A wall clock's reading as if it were UTC: arithmetic with days and weeks on it is what people mean by them. */
export type WallMs = number;

/** What the clocks on the wall of a time zone say at a moment. */
export function wallOf(at: Date, timeZone: string): WallMs {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    calendar: "iso8601",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(at);
  const field = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((part) => part.type === type)?.value);
  return Date.UTC(
    field("year"),
    field("month") - 1,
    field("day"),
    field("hour"),
    field("minute"),
    field("second"),
  );
}

/**
 * The first moment at which the clocks on the wall say this. A time that a change of clocks leaves out counts as if they
 * had not been changed yet, so 02:30 in spring is the moment at which they say 03:30.
 */
export function momentOf(wall: WallMs, timeZone: string): Date {
  const unchanged = new Date(wall - offsetAround(wall - DAY_MS, timeZone));
  const changed = new Date(wall - offsetAround(wall + DAY_MS, timeZone));
  const saying = [unchanged, changed].filter((moment) => wallOf(moment, timeZone) === wall);
  const [first = unchanged, other = first] = saying;
  return other < first ? other : first;
}

export const DAY_MS = 24 * 60 * 60_000;

function offsetAround(wall: WallMs, timeZone: string): number {
  return wallOf(new Date(wall), timeZone) - wall;
}
