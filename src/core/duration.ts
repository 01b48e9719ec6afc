const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** One or more whole numbers, each with its unit: `30s`, `1h30m`. */
export const DURATION_PATTERN = "^(?:\\d{1,9}(?:ms|s|m|h|d))+$";

/** Reads `30s`, `5m` or `1h30m` as milliseconds; undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!new RegExp(DURATION_PATTERN).test(text)) return undefined;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) {
    totalMs += Number(count) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  }
  return totalMs;
}

/** Writes a duration with its two largest units, as people say it: `1h 30m`, `4.2s`, `850ms`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 999.5) return `${Math.round(durationMs)}ms`;
  // 59,950 ms and more would round to "60s", which is a minute.
  if (durationMs < 59_950) return `${Math.round(durationMs / 100) / 10}s`;
  let restMs = Math.round(durationMs / 1_000) * 1_000;
  const parts: string[] = [];
  for (const unit of ["d", "h", "m", "s"]) {
    const unitMs = UNIT_MS[unit]!;
    const count = Math.floor(restMs / unitMs);
    restMs -= count * unitMs;
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}
