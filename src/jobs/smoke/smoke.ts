import { z } from "zod";

import { defineOperation, type Operation, type Results } from "../operation.ts";
import { lessonSteps } from "../rollback/release-lesson.ts";
import type { ReleaseParts } from "../rollback/release-sight.ts";
import {
  explanationOf,
  failedCleanup,
  flowVerdict,
  leftBehind,
  reportsOf,
  stoppedAt,
  type FlowReport,
} from "./flow-report.ts";
import type { Flow, SmokeSettings } from "./flow-settings.ts";
import { flowSteps, type FlowParts } from "./flow-step.ts";
import { smokeCard, smokeDetails } from "./smoke-card.ts";

export type SmokeParts = FlowParts & {
  readonly smoke: SmokeSettings;
  /** Where what a flow proves is kept of the release that ran; undefined when nobody knows of releases. */
  readonly releases: ReleaseParts | undefined;
};

/** Which flow; the verb of `/smoke` alone means the one that the configuration names. */
const inputSchema = z.strictObject({ flow: z.string() });

/** Uses the target as somebody would, and proves by what became of it that it works. */
export function createSmoke({ smoke, releases, ...parts }: SmokeParts): Operation {
  // A run may outlive a configuration; the engine then ends it before any step.
  const flowNamed = (name: string): Flow => smoke?.flows[name] ?? { steps: [], cleanup: [] };
  return defineOperation({
    name: "smoke",
    summary: "a flow through the target, proved by effect",
    effect: "mutate",
    input: inputSchema,
    steps({ flow }) {
      const steps = flowSteps(flowNamed(flow), parts);
      const proof = releases?.rollout.flow ?? smoke?.flow;
      if (releases === undefined || flow !== proof) return steps;
      const isProved = (results: Results): boolean =>
        flowVerdict(reportsOf(results), flowNamed(flow).steps.length) === "GO";
      const { before, after } = lessonSteps(releases, "smoke-go", isProved);
      return [before, ...steps, after];
    },
    conclude({ flow }, results) {
      const reports = reportsOf(results);
      const verdict = flowVerdict(reports, flowNamed(flow).steps.length);
      return { verdict, facts: factsOf(flow, reports) };
    },
    card: (view) => smokeCard(view, flowNamed(view.input.flow)),
    details: smokeDetails,
  });
}

/** What the evidence keeps: words for each step, the one that failed as it was seen, and what is still there. */
function factsOf(flow: string, reports: readonly FlowReport[]): Readonly<Record<string, string>> {
  const named = (status: FlowReport["status"]): string =>
    reports
      .filter((report) => report.part === "steps" && report.status === status)
      .map((report) => report.step)
      .join("; ");
  const stopped = stoppedAt(reports);
  const facts = {
    flow,
    pass: named("pass"),
    fail: named("fail"),
    unknown: named("unknown"),
    because: stopped ? explanationOf(stopped) : "",
    "request-id": stopped?.requestId ?? "",
    "left-behind": leftBehind(reports)
      .map(({ text }) => text)
      .join("; "),
    "not-cleaned": failedCleanup(reports)
      .map((report) => `${report.step}: ${explanationOf(report)}`)
      .join("; "),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, text]) => text !== ""));
}
