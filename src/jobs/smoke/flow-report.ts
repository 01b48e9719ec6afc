import { z } from "zod";

import { scrub } from "../../core/redaction.ts";
import type { Observation } from "../../core/status.ts";
import { shortened, visibleText } from "../../core/visible-text.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import type { Results } from "../operation.ts";
import type { Verdict } from "../preflight/preflight-verdict.ts";

/** What one step of a flow came to, as the journal keeps it: all that a card or an entry will ever tell of it. */
const flowReportSchema = z.object({
  step: z.string(),
  part: z.enum(["steps", "cleanup"]),
  status: z.enum(["pass", "fail", "unknown"]),
  observations: z.array(
    z.object({ what: z.string(), expected: z.string(), actual: z.string(), ok: z.boolean() }),
  ),
  /** Why nothing was observed, or what is to be said beside it. */
  reason: z.string().optional(),
  /** The other side's name of the request. */
  requestId: z.string().optional(),
  durationMs: z.number(),
  captured: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  left: z.array(z.object({ thing: z.string(), text: z.string() })),
  removes: z.string().optional(),
  proves: z.string().optional(),
  lookAt: z.string().optional(),
});

export type FlowReport = z.output<typeof flowReportSchema>;

const TEXT_LIMIT = 160;
const REASON_LIMIT = 300;

/** Text that is fit to be kept and shown. Scrubbed before it is cut, for half a secret would pass unrecognised. */
export function shownText(text: string, scrubText: (text: string) => string, limit = TEXT_LIMIT) {
  return shortened(visibleText(scrubText(text)), limit);
}

export function shownReason(reason: string, scrubText: (text: string) => string = scrub): string {
  return shownText(reason, scrubText, REASON_LIMIT);
}

export function shownObservation(
  { what, expected, actual, ok }: Observation,
  scrubText: (text: string) => string,
): Observation {
  const shown = (text: string): string => shownText(text, scrubText);
  return { what: shown(what), expected: shown(expected), actual: shown(actual), ok };
}

/** The reports of a flow's steps that have ended, in their order. */
export function reportsOf(results: Results): readonly FlowReport[] {
  return Object.entries(results).flatMap(([step, result]) => reportOf(step, result) ?? []);
}

/** The same, of a run as its card sees it. */
export function journalledReports(steps: readonly JournalledStep[]): readonly FlowReport[] {
  return steps
    .filter((step) => step.state === "done")
    .flatMap((step) => reportOf(step.name, step.result) ?? []);
}

const decidedSchema = z.object({ decidedBy: z.string() });

/** Undefined for what is no step of a flow: a run may look at other things around it. */
function reportOf(step: string, result: unknown): FlowReport | undefined {
  const report = flowReportSchema.safeParse(result);
  if (report.success) return report.data;
  if (!decidedSchema.safeParse(result).success) return undefined;
  // A person's word on an effect in doubt stands where the report would; it says nothing of what the step expects.
  return {
    step,
    part: "steps",
    status: "unknown",
    observations: [],
    reason: "a person decided that it happened; what came of it was not looked at",
    durationMs: 0,
    captured: {},
    left: [],
  };
}

/** Cleaning up is no question to the target, so it decides nothing. */
export function flowVerdict(reports: readonly FlowReport[], stepCount: number): Verdict {
  const steps = reports.filter((report) => report.part === "steps");
  if (steps.some((report) => report.status === "fail")) return "NO-GO";
  const isWhole = steps.length >= stepCount && steps.every((report) => report.status === "pass");
  return isWhole ? "GO" : "UNKNOWN";
}

/** Where a flow came to its end before its end. */
export function stoppedAt(reports: readonly FlowReport[]): FlowReport | undefined {
  return reports.find((report) => report.part === "steps" && report.status !== "pass");
}

export function failedCleanup(reports: readonly FlowReport[]): readonly FlowReport[] {
  return reports.filter((report) => report.part === "cleanup" && report.status !== "pass");
}

/** What is still in the target, as far as is known. */
export function leftBehind(reports: readonly FlowReport[]): FlowReport["left"] {
  const removed = new Set(
    reports.filter((report) => report.status === "pass").map((report) => report.removes),
  );
  return reports.flatMap((report) => report.left).filter(({ thing }) => !removed.has(thing));
}

/** What was wrong, in one line. */
export function explanationOf(report: FlowReport): string {
  const wrong = report.observations.find((observation) => !observation.ok);
  const seen = wrong && `${wrong.what} should be ${wrong.expected}, is ${wrong.actual}`;
  return (
    [seen, report.reason].filter((text) => text !== undefined).join("; ") || "nothing was observed"
  );
}
