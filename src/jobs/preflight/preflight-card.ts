import { z } from "zod";

import { line, type Card, type CardAction, type CardPart } from "../../core/card.ts";
import { formatDuration } from "../../core/duration.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { troubleLine } from "../../core/trouble.ts";
import type { RunView } from "../operation.ts";
import { reportSchema, VERDICTS, type CheckReport, type Verdict } from "./preflight-verdict.ts";

const TROUBLE_LINES = 8;
const MARK: Readonly<Record<Verdict, string>> = { GO: "🟢", "NO-GO": "🔴", UNKNOWN: "🟡" };

const SIGN: Readonly<Record<CheckReport["status"], string>> = {
  fail: "✗",
  unknown: "?",
  pass: "✓",
  "not-configured": "–",
};

/** Target and verdict first, then what is wrong, then the rest folded away. */
export function preflightCard(
  view: RunView<{ readonly checks: readonly string[] }>,
  checksInAll: number,
): Card {
  const { run, input } = view;
  const reports = reportsOf(view);
  const name = runName(run.id);
  switch (run.state) {
    case "waiting":
    case "running":
      return {
        title: `⏳ ${run.target} · preflight ${reports.length} of ${input.checks.length}`,
        parts: [...troubleLines(reports), footer(view)],
        actions: run.cancelRequestedAt ? [] : [[{ label: "Cancel", command: `cancel ${name}` }]],
      };
    case "ok": {
      const verdict = z.enum(VERDICTS).parse(run.verdict);
      const warnings = reports.filter(
        (report) => report.severity === "warn" && isTrouble(report),
      ).length;
      const plural = warnings === 1 ? "warning" : "warnings";
      // A verdict on some of the checks must not pass for one on the target.
      const some = input.checks.length < checksInAll;
      const suffix = [
        some ? ` · ${input.checks.length} of ${checksInAll} checks` : "",
        warnings > 0 ? ` · ${warnings} ${plural}` : "",
      ].join("");
      return {
        title: `${MARK[verdict]} ${run.target} · ${verdict}${suffix}`,
        parts: [summary(reports), ...troubleLines(reports), ...passes(reports), footer(view)],
        actions: [actionsAfter(reports, name)],
      };
    }
    case "unknown":
    case "failed":
    case "refused":
    case "expired":
    case "cancelled":
      return {
        title: `⚪️ ${run.target} · preflight ${run.state}, no verdict`,
        parts: [line(run.reason ?? "No reason was recorded."), footer(view)],
        actions: [[{ label: "Run again", command: "preflight" }]],
      };
  }
}

/** Every check with every observation, worst first. */
export function preflightDetails(view: RunView<unknown>): readonly CardPart[] {
  return reportsOf(view)
    .toSorted((a, b) => rank(a) - rank(b) || a.check.localeCompare(b.check))
    .flatMap((report) => [
      line(`${SIGN[report.status]} `, { bold: report.check }, ` · ${answered(report)}`),
      ...observationBlock(report),
    ]);
}

function answered(report: CheckReport): string {
  const took = formatDuration(report.durationMs);
  const reason = report.reason === undefined ? "" : `: ${report.reason}`;
  return `${report.status} in ${took}${reason}`;
}

function observationBlock(report: CheckReport): readonly CardPart[] {
  const seen = report.observations.map(({ what, actual, expected, ok }) =>
    ok ? `✓ ${what}: ${actual}` : `✗ ${what}: ${actual}\n  expected ${expected}`,
  );
  const measured = report.measurements.map(({ name, value }) => `  ${name} ${value}`);
  const lines = [...seen, ...measured];
  return lines.length > 0 ? [{ kind: "code", text: lines.join("\n") }] : [];
}

function reportsOf(view: RunView<unknown>): readonly CheckReport[] {
  const step = view.steps[0];
  const parsed = z.array(reportSchema).safeParse(step?.result ?? step?.progress ?? []);
  return parsed.success ? parsed.data : [];
}

function isTrouble(report: CheckReport): boolean {
  return report.status === "fail" || report.status === "unknown";
}

/** The worst first; of two equally bad the one that decides. */
function rank(report: CheckReport): number {
  const badness = ["fail", "unknown", "pass", "not-configured"].indexOf(report.status);
  return 2 * badness + (report.severity === "page" ? 0 : 1);
}

function summary(reports: readonly CheckReport[]): CardPart {
  const count = (status: CheckReport["status"]): number =>
    reports.filter((report) => report.status === status).length;
  const words = [
    [count("fail"), "failed"],
    [count("unknown"), "unknown"],
    [count("pass"), "passed"],
    [count("not-configured"), "not configured"],
  ] as const;
  const said = words.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  return line(said.length > 0 ? said.join(", ") : "no checks are configured");
}

function troubleLines(reports: readonly CheckReport[]): readonly CardPart[] {
  const troubles = reports
    .filter(isTrouble)
    .toSorted((a, b) => rank(a) - rank(b) || a.check.localeCompare(b.check));
  const shown = troubles.slice(0, TROUBLE_LINES).map((report) => {
    const severity = report.severity === "warn" ? " (warning)" : "";
    return line(
      `${SIGN[report.status]} `,
      { bold: report.check },
      `${severity}: ${troubleLine(report)}`,
    );
  });
  const rest = troubles.length - shown.length;
  return rest > 0 ? [...shown, line(`… and ${rest} more under Details`)] : shown;
}

function passes(reports: readonly CheckReport[]): readonly CardPart[] {
  const lines = reports
    .filter((report) => !isTrouble(report))
    .toSorted((a, b) => a.check.localeCompare(b.check))
    .map((report) =>
      report.status === "pass"
        ? `${SIGN.pass} ${report.check} (${formatDuration(report.durationMs)})`
        : `${SIGN["not-configured"]} ${report.check}: not configured`,
    );
  return lines.length > 0 ? [{ kind: "folded", lines }] : [];
}

function footer({ run, now, timeZone }: RunView<unknown>): CardPart {
  const asker = run.actor.name;
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  const took =
    run.endedAt && run.startedAt
      ? ` · took ${formatDuration(run.endedAt.getTime() - run.startedAt.getTime())}`
      : "";
  return line({ faint: `${runName(run.id)} · ${asker} · ${at}${took}` });
}

function actionsAfter(reports: readonly CheckReport[], name: string): readonly CardAction[] {
  const again: CardAction = reports.some(isTrouble)
    ? { label: "Re-run failed", command: `preflight --failed-of ${name}`, style: "primary" }
    : { label: "Run again", command: "preflight" };
  return [again, { label: "Details", command: `runs ${name}` }];
}
