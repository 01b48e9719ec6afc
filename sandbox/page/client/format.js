const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const CLOCK = new Intl.DateTimeFormat(undefined, TIME);
const CLOCK_SECONDS = new Intl.DateTimeFormat(undefined, { ...TIME, second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

export const clock = (date) => CLOCK.format(date);
export const clockWithSeconds = (date) => CLOCK_SECONDS.format(date);
export const fullDate = (date) => FULL.format(date);

export function dayName(date, today = new Date()) {
  const isSameDay = date.toDateString() === today.toDateString();
  return isSameDay ? "Today" : DAY.format(date);
}

/** “5 minutes ago”, in the largest unit that fits. */
export function relativeTime(date, now = new Date()) {
  const seconds = Math.round((date.getTime() - now.getTime()) / 1_000);
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return RELATIVE.format(Math.round(seconds / size), unit);
}

/** Telegram's date_time formats: `r`, or `w` for the weekday, `d` or `D` for the date, `t` or `T` for the time. */
export function dateTime(date, format) {
  if (format === "r") return relativeTime(date);
  const options = {
    ...(format.includes("w") ? { weekday: "long" } : {}),
    ...(format.includes("d") ? { day: "2-digit", month: "2-digit", year: "2-digit" } : {}),
    ...(format.includes("D") ? { day: "numeric", month: "long", year: "numeric" } : {}),
    ...(format.includes("t") ? { hour: "2-digit", minute: "2-digit" } : {}),
    ...(format.includes("T") ? { hour: "2-digit", minute: "2-digit", second: "2-digit" } : {}),
  };
  return new Intl.DateTimeFormat(undefined, options).format(date);
}

export function fileSize(bytes) {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_024 * 1_024) return `${(bytes / 1_024).toFixed(1)} KB`;
  return `${(bytes / 1_024 / 1_024).toFixed(1)} MB`;
}

/** `chat_messages_sent` and `chatMessagesSent` as words. */
export function words(name) {
  const spaced = name.replace(/([a-z])([A-Z])/g, "$1 $2").replace(/[-_.]/g, " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1).toLowerCase();
}
