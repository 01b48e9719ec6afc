import { z } from "zod";

import { line, type Card, type CardAction, type CardPart } from "../../core/card.ts";
import { formatDuration } from "../../core/duration.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { shortened } from "../../core/visible-text.ts";
import type { RunView } from "../operation.ts";
import { VERDICTS, type Verdict } from "../preflight/preflight-verdict.ts";
import {
  failedCleanup,
  explanationOf,
  journalledReports,
  leftBehind,
  stoppedAt,
  type FlowReport,
} from "./flow-report.ts";
import type { Flow } from "./flow-settings.ts";

const MARK: Readonly<Record<Verdict, string>> = { GO: "🟢", "NO-GO": "🔴", UNKNOWN: "🟡" };
const SIGN: Readonly<Record<FlowReport["status"], string>> = { pass: "✓", fail: "✗", unknown: "?" };
const LINE_LIMIT = 160;
const LEFT_LINES = 3;

type View = RunView<{ readonly flow: string }>;

/** Target and verdict first, then the step at which it ended, then what is left in the target, then the rest folded. */
export function smokeCard(view: View, flow: Flow): Card {
  const { run } = view;
  const name = runName(run.id);
  const reports = journalledReports(view.steps);
  const done = reports.filter((report) => report.part === "steps");
  const details: CardAction = { label: "Details", command: `runs ${name}` };
  const again: CardAction = { label: "Run again", command: `smoke ${view.input.flow}` };
  switch (run.state) {
    case "waiting":
    case "running":
      return {
        title: `⏳ ${run.target} · smoke ${done.length} of ${flow.steps.length}`,
        parts: [...trouble(reports), ...underWay(view, flow, reports), footer(view)],
        actions: run.cancelRequestedAt ? [] : [[{ label: "Cancel", command: `cancel ${name}` }]],
      };
    case "ok": {
      const verdict = z.enum(VERDICTS).parse(run.verdict);
      return {
        title: `${MARK[verdict]} ${run.target} · smoke ${verdict}`,
        parts: [
          ...trouble(reports),
          summary(view, done, Math.max(flow.steps.length, done.length)),
          ...leftLines(reports),
          ...passes(reports),
          footer(view),
        ],
        actions: [[again, details]],
      };
    }
    case "unknown":
    case "failed":
    case "refused":
    case "expired":
    case "cancelled":
      return {
        title: `⚪️ ${run.target} · smoke ${run.state}, no verdict`,
        parts: [
          line(run.reason ?? "No reason was recorded."),
          ...leftLines(reports),
          ...passes(reports),
          footer(view),
        ],
        actions: [[again, details]],
      };
  }
}

/** Every step with all that was seen of it. */
export function smokeDetails(view: RunView<unknown>): readonly CardPart[] {
  return journalledReports(view.steps).flatMap((report) => [
    line(`${SIGN[report.status]} `, { bold: report.step }, ` · ${told(report)}`),
    ...detailBlock(report),
  ]);
}

function told(report: FlowReport): string {
  const cleaning = report.part === "cleanup" ? " (cleaning up)" : "";
  const reason = report.reason === undefined ? "" : `: ${report.reason}`;
  return `${report.status} in ${formatDuration(report.durationMs)}${cleaning}${reason}`;
}

function detailBlock(report: FlowReport): readonly CardPart[] {
  const lines = [
    ...report.observations.map(({ what, actual, expected, ok }) =>
      ok ? `✓ ${what}: ${actual}` : `✗ ${what}: ${actual}\n  expected ${expected}`,
    ),
    ...Object.entries(report.captured).map(([name, value]) => `  ${name} = ${value}`),
    ...(report.requestId === undefined ? [] : [`  request ${report.requestId}`]),
  ];
  return lines.length > 0 ? [{ kind: "code", text: lines.join("\n") }] : [];
}

/** The step at which it ended: what was expected and seen, which request it was, and where to look. */
function trouble(reports: readonly FlowReport[]): readonly CardPart[] {
  const stopped = stoppedAt(reports);
  const uncleaned = failedCleanup(reports).map((report) =>
    line(
      `${SIGN[report.status]} cleaning up: `,
      { bold: report.step },
      `: ${shortened(explanationOf(report), LINE_LIMIT)}`,
    ),
  );
  if (!stopped) return uncleaned.slice(0, 2);
  const { status, requestId, lookAt, reason } = stopped;
  const wrong = stopped.observations.find((observation) => !observation.ok);
  return [
    line(`${SIGN[status]} `, { bold: stopped.step }),
    ...(wrong ? [line(shortened(`expected ${wrong.what}: ${wrong.expected}`, LINE_LIMIT))] : []),
    ...(wrong ? [line(shortened(`seen: ${wrong.actual}`, LINE_LIMIT))] : []),
    ...(reason === undefined ? [] : [line(shortened(reason, LINE_LIMIT))]),
    ...(requestId === undefined ? [] : [line("request ", { code: requestId })]),
    ...(lookAt === undefined ? [] : [line(shortened(`look at ${lookAt}`, LINE_LIMIT))]),
    ...uncleaned.slice(0, 1),
  ];
}

/** While it runs: what has passed, what is being done, and how much is to come. */
function underWay(view: View, flow: Flow, reports: readonly FlowReport[]): readonly CardPart[] {
  const ended = new Set(reports.map((report) => report.step));
  const open = view.steps.find((step) => step.state === "started" && !ended.has(step.name));
  const isStopped = stoppedAt(reports) !== undefined;
  const next = isStopped ? undefined : flow.steps.find((step) => !ended.has(step.name));
  const current = open?.name ?? next?.name;
  return [...(current === undefined ? [] : [line("⏳ ", { bold: current })]), ...passes(reports)];
}

function summary(view: View, done: readonly FlowReport[], stepCount: number): CardPart {
  const passed = done.filter((report) => report.status === "pass").length;
  const notTried = stepCount - done.length;
  const rest = notTried > 0 ? `, ${notTried} not tried` : "";
  return line(`${view.input.flow}: ${passed} of ${stepCount} steps passed${rest}`);
}

function leftLines(reports: readonly FlowReport[]): readonly CardPart[] {
  const left = leftBehind(reports);
  if (left.length === 0) return [];
  const shown = left.slice(0, LEFT_LINES).map(({ text }) => text);
  const rest = left.length - shown.length;
  const more = rest > 0 ? ` and ${rest} more` : "";
  return [line({ faint: `left behind: ${shown.join(", ")}${more}` })];
}

function passes(reports: readonly FlowReport[]): readonly CardPart[] {
  const lines = reports
    .filter((report) => report.status === "pass")
    .map((report) => {
      const proof = report.proves === undefined ? "" : `: ${report.proves}`;
      return `✓ ${report.step} (${formatDuration(report.durationMs)})${proof}`;
    });
  return lines.length > 0 ? [{ kind: "folded", lines }] : [];
}

function footer({ run, now, timeZone }: RunView<unknown>): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  const took =
    run.endedAt && run.startedAt
      ? ` · took ${formatDuration(run.endedAt.getTime() - run.startedAt.getTime())}`
      : "";
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}${took}` });
}
