import { expect, test } from "vitest";

import { formatDuration, parseDuration } from "./duration.ts";

test.each([
  ["30s", 30_000],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["250ms", 250],
  ["2d", 172_800_000],
  ["0s", 0],
])("%s is %i milliseconds", (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs);
});

test.each(["", "30", "s", "1.5h", "-5m", "5 m", "5min", "1h 30m", "5M", "٣s"])(
  "%j is no duration",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  [0, "0ms"],
  [850, "850ms"],
  [999.4, "999ms"],
  [999.6, "1s"],
  [4_180, "4.2s"],
  [59_940, "59.9s"],
  [59_960, "1m"],
  [90_000, "1m 30s"],
  [5_400_000, "1h 30m"],
  [3_605_000, "1h"],
  [90_061_000, "1d 1h"],
])("%d ms is shown as %s", (durationMs, text) => {
  expect(formatDuration(durationMs)).toBe(text);
});
