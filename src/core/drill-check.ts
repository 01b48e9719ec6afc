import { z } from "zod";

import { statusOf, type Observation } from "./status.ts";

/** What a drill asks of a backup, by the statement that is true on a good day, in the order in which it is asked. */
export const DRILL_CHECKS = [
  "artifact-is-what-was-kept",
  "artifact-opens-with-its-key",
  "archive-is-whole",
  "server-is-fresh-and-apart",
  "restore-ends-without-error",
  "structure-is-the-same",
  "row-counts-are-the-same",
  "row-contents-are-the-same",
  "constraints-and-indexes-are-sound",
  "sequences-are-ahead",
  "migration-is-the-same",
  "index-pages-are-sound",
  "application-queries-answer",
  "times-are-within-budget",
  "nothing-is-left-behind",
  "evidence-is-complete",
] as const;
export type DrillCheck = (typeof DRILL_CHECKS)[number];

/** What one check came to. `unknown` says that it could not be looked at, and is never shown as green. */
export const drillFindingSchema = z.object({
  check: z.enum(DRILL_CHECKS),
  status: z.enum(["pass", "fail", "unknown", "not-configured"]),
  reason: z.string().optional(),
  observations: z.array(
    z.object({ what: z.string(), expected: z.string(), actual: z.string(), ok: z.boolean() }),
  ),
});
export type DrillFinding = z.output<typeof drillFindingSchema>;

/** What was looked at, or why nobody could. */
export type Looked<Value> =
  | { readonly kind: "seen"; readonly value: Value }
  | { readonly kind: "unseen"; readonly reason: string }
  /** Nobody asked for it, so there is nothing to be known. */
  | { readonly kind: "unasked"; readonly reason: string };

/** The one way to a finding: a status is derived from what was observed, and nothing seen is nothing known. */
export function findingOf<Value>(
  check: DrillCheck,
  looked: Looked<Value>,
  judge: (value: Value) => readonly Observation[],
): DrillFinding {
  if (looked.kind === "unseen") {
    return { check, status: "unknown", reason: looked.reason, observations: [] };
  }
  if (looked.kind === "unasked") {
    return { check, status: "not-configured", reason: looked.reason, observations: [] };
  }
  const observations = [...judge(looked.value)];
  return { check, status: statusOf(observations), observations };
}

export const DRILL_VERDICTS = ["VERIFIED", "FAILED", "COULD NOT VERIFY"] as const;
export type DrillVerdict = (typeof DRILL_VERDICTS)[number];

/**
 * A failure outweighs a blind spot, and a blind spot is never VERIFIED: every check must have been answered. What is not
 * configured is listed and not counted.
 */
export function drillVerdict(
  findings: readonly Pick<DrillFinding, "check" | "status">[],
): DrillVerdict {
  if (findings.some(({ status }) => status === "fail")) return "FAILED";
  const answered = new Map(findings.map(({ check, status }) => [check, status]));
  const isBlind = DRILL_CHECKS.some((check) => (answered.get(check) ?? "unknown") === "unknown");
  const isEmpty = findings.every(({ status }) => status === "not-configured");
  return isBlind || isEmpty ? "COULD NOT VERIFY" : "VERIFIED";
}
