import { z } from "zod";

/** What one check answered, as the journal keeps it. */
export const reportSchema = z.object({
  check: z.string(),
  severity: z.enum(["page", "warn"]),
  status: z.enum(["pass", "fail", "unknown", "not-configured"]),
  reason: z.string().optional(),
  durationMs: z.number(),
  observations: z.array(
    z.object({ what: z.string(), expected: z.string(), actual: z.string(), ok: z.boolean() }),
  ),
  measurements: z.array(z.object({ name: z.string(), value: z.number() })),
});
export type CheckReport = z.output<typeof reportSchema>;

export const VERDICTS = ["GO", "NO-GO", "UNKNOWN"] as const;
export type Verdict = (typeof VERDICTS)[number];

/**
 * A failure outweighs a blind spot, and a blind spot is never GO. Checks of severity `warn` are shown but decide only
 * when nothing else was asked, and what is not configured does not count; if nothing at all was asked, nothing is known.
 */
export function verdictOf(reports: readonly Pick<CheckReport, "severity" | "status">[]): Verdict {
  const counted = reports.filter((report) => report.status !== "not-configured");
  const paging = counted.filter((report) => report.severity === "page");
  const deciding = paging.length > 0 ? paging : counted;
  if (counted.length === 0) return "UNKNOWN";
  if (deciding.some((report) => report.status === "fail")) return "NO-GO";
  if (deciding.some((report) => report.status === "unknown")) return "UNKNOWN";
  return "GO";
}
