import { line, type Card, type CardAction, type CardPart } from "../../core/card.ts";
import type { DrillFinding, DrillVerdict } from "../../core/drill-check.ts";
import { formatDuration } from "../../core/duration.ts";
import { age, clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { shortened } from "../../core/visible-text.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import type { RunView } from "../operation.ts";
import { drillProgressSchema, type DrillProgress } from "./drill-journal.ts";
import { drillResult, explanationOf, PROVE, type DrillResult } from "./drill-result.ts";
import type { DrillSettings } from "./drill-settings.ts";

const MARK: Readonly<Record<DrillVerdict, string>> = {
  VERIFIED: "🟢",
  FAILED: "🔴",
  "COULD NOT VERIFY": "🟡",
};
const SIGN: Readonly<Record<DrillFinding["status"], string>> = {
  pass: "✓",
  fail: "✗",
  unknown: "?",
  "not-configured": "–",
};
const LINE_LIMIT = 200;
const SHOWN_TROUBLES = 5;

type View = RunView<{ readonly which: string }>;
/** What a result is judged by, besides the journal. */
type Known = { readonly settings: DrillSettings; readonly tool: string };

/** Target and verdict, then what is wrong, then how long a recovery takes and what it loses; what passed is folded. */
export function drillCard(view: View, known: Known): Card {
  const { run } = view;
  const name = runName(run.id);
  const details: CardAction = { label: "Details", command: `runs ${name}` };
  const again: CardAction = { label: "Run again", command: `drill ${view.input.which}` };
  if (run.state === "waiting" || run.state === "running") {
    return {
      title: `⏳ ${run.target} · drill`,
      parts: [...underWay(progressOf(view.steps)), footer(view)],
      actions: run.cancelRequestedAt ? [] : [[{ label: "Cancel", command: `cancel ${name}` }]],
    };
  }
  const result =
    run.state === "ok" ? drillResult(resultsOf(view.steps), known.settings, known.tool) : undefined;
  if (!result) {
    return {
      title: `⚪️ ${run.target} · drill ${run.state}, no verdict`,
      parts: [line(run.reason ?? "No reason was recorded."), footer(view)],
      actions: [[again, details]],
    };
  }
  return {
    title: `${MARK[result.verdict]} ${run.target} · drill ${result.verdict}`,
    parts: [...troubles(result), ...times(view, result), ...passes(result), footer(view)],
    actions: [[again, details]],
  };
}

/** Every check with all that was seen, and every phase with its time. */
export function drillDetails(view: View, known: Known): readonly CardPart[] {
  if (view.run.state !== "ok") return [];
  const { findings, facts } = drillResult(resultsOf(view.steps), known.settings, known.tool);
  return [
    ...findings.flatMap((finding) => [
      line(`${SIGN[finding.status]} `, { bold: finding.check }),
      ...detailBlock(finding),
    ]),
    { kind: "code", text: facts["steps"]?.replaceAll("; ", "\n") ?? "" },
  ];
}

function detailBlock({ reason, observations }: DrillFinding): readonly CardPart[] {
  const lines = [
    ...(reason === undefined ? [] : [reason]),
    ...observations.map(({ what, actual, expected, ok }) =>
      ok ? `✓ ${what}: ${actual}` : `✗ ${what}: ${actual}\n  expected ${expected}`,
    ),
  ];
  return lines.length > 0 ? [{ kind: "code", text: lines.join("\n") }] : [];
}

function underWay(progress: DrillProgress | undefined): readonly CardPart[] {
  if (!progress) return [];
  const { current, findings } = progress;
  const bad = findings.filter(({ status }) => status === "fail" || status === "unknown");
  const passed = findings.filter(({ status }) => status === "pass");
  return [
    ...(current === undefined ? [] : [line("⏳ ", { bold: current })]),
    ...bad.slice(0, SHOWN_TROUBLES).map(troubleLine),
    ...(passed.length > 0
      ? [{ kind: "folded" as const, lines: passed.map(({ check }) => `✓ ${check}`) }]
      : []),
  ];
}

function troubles({ findings }: DrillResult): readonly CardPart[] {
  const order = { fail: 0, unknown: 1, pass: 2, "not-configured": 3 };
  const bad = findings
    .filter(({ status }) => status === "fail" || status === "unknown")
    .toSorted((one, other) => order[one.status] - order[other.status]);
  const more = bad.length - SHOWN_TROUBLES;
  return [
    ...bad.slice(0, SHOWN_TROUBLES).map(troubleLine),
    ...(more > 0 ? [line({ faint: `and ${more} more that could not be looked at` })] : []),
  ];
}

function troubleLine(finding: DrillFinding): CardPart {
  return line(
    `${SIGN[finding.status]} `,
    { bold: finding.check },
    `: ${shortened(explanationOf(finding), LINE_LIMIT)}`,
  );
}

function times(view: View, { chosen, recoveryMs, lossMs }: DrillResult): readonly CardPart[] {
  const made = age(new Date(chosen.snapshotAt), view.now);
  return [
    line("backup ", { code: chosen.backup }, ` of ${made}, from ${chosen.from}`),
    ...(recoveryMs === undefined
      ? []
      : [
          line(
            `back in ${formatDuration(recoveryMs)}, without the last ${formatDuration(Math.max(0, lossMs))}`,
          ),
        ]),
  ];
}

function passes({ findings }: DrillResult): readonly CardPart[] {
  const lines = findings
    .filter(({ status }) => status === "pass" || status === "not-configured")
    .map(({ check, status, reason }) =>
      status === "pass" ? `✓ ${check}` : `– ${check}: not configured, ${reason ?? ""}`,
    );
  return lines.length > 0 ? [{ kind: "folded", lines }] : [];
}

function progressOf(steps: readonly JournalledStep[]): DrillProgress | undefined {
  const progress = steps.find(({ name }) => name === PROVE)?.progress;
  const parsed = drillProgressSchema.safeParse(progress);
  return parsed.success ? parsed.data : undefined;
}

function resultsOf(steps: readonly JournalledStep[]): Parameters<typeof drillResult>[0] {
  return Object.fromEntries(steps.map(({ name, result }) => [name, result ?? null]));
}

function footer({ run, now, timeZone }: View): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  const took =
    run.endedAt && run.startedAt
      ? ` · took ${formatDuration(run.endedAt.getTime() - run.startedAt.getTime())}`
      : "";
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}${took}` });
}
