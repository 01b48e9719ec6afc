import { formatDuration } from "./duration.ts";
import type { Measurement } from "./status.ts";

/** What was measured, and in which unit. */
export type MeasurementName = { readonly what: string; readonly unit: string };

/** Without these a number means nothing. */
const NEEDED_UNITS: readonly string[] = ["Ms", "Bytes", "Percent"];

/**
 * Takes the name of a measurement apart, whose last word is its unit: `latencyMs` is a latency in milliseconds,
 * `default_queue.jobs` are the jobs of something that has a name of its own.
 */
export function measurementName(name: string): MeasurementName {
  const dot = name.lastIndexOf(".");
  if (dot > 0) return { what: name.slice(0, dot), unit: name.slice(dot + 1) };
  const [, what = name, unit = ""] = /^(.+?)([A-Z][a-z]*)$/.exec(name) ?? [];
  return { what: what.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`), unit };
}

/** A measurement as people say it: `latency 41ms`, `default_queue 3 jobs`, `days left 40`. */
export function measurementText({ name, value }: Measurement): string {
  const { what, unit } = measurementName(name);
  const isSaidWithUnit = name.includes(".") || NEEDED_UNITS.includes(unit);
  if (isSaidWithUnit) return `${what} ${valueText(value, unit)}`;
  return `${`${what} ${unit.toLowerCase()}`.trim()} ${rounded(value)}`;
}

/** A value with its unit, short enough for an axis: `41ms`, `1.2 GB`, `3 jobs`. */
export function valueText(value: number, unit: string): string {
  const number = rounded(value);
  switch (unit) {
    case "":
      return number;
    case "Ms":
      return formatDuration(value);
    case "Bytes":
      return bytesText(value);
    case "Percent":
      return `${number} %`;
    default: {
      const words = unit.toLowerCase();
      return `${number} ${value === 1 ? words.replace(/s$/, "") : words}`;
    }
  }
}

/** For where the unit is said besides: the number alone, unless it means nothing without its unit. */
export function bareValueText(value: number, unit: string): string {
  if (value === 0) return "0";
  return valueText(value, NEEDED_UNITS.includes(unit) ? unit : "");
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

function bytesText(bytes: number): string {
  const power = Math.floor(Math.log10(Math.max(1, bytes)) / 3);
  const index = Math.min(power, BYTE_UNITS.length - 1);
  return `${Number((bytes / 1000 ** index).toPrecision(3))} ${BYTE_UNITS[index]}`;
}

function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}
