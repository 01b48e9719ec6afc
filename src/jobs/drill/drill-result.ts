import { z } from "zod";

import { judgeRecord, judgeTimes, recoveryMs, type DrillRecord } from "../../core/drill-answers.ts";
import {
  DRILL_CHECKS,
  drillFindingSchema,
  drillVerdict,
  findingOf,
  type DrillFinding,
  type DrillVerdict,
} from "../../core/drill-check.ts";
import { formatDuration } from "../../core/duration.ts";
import type { Results } from "../operation.ts";
import { drillProgressSchema } from "./drill-journal.ts";
import type { DrillSettings } from "./drill-settings.ts";

export const CHOOSE = "choose the backup";
export const PROVE = "restore it and prove it";
export const CLEAR = "see that nothing is left";
export const KEEP = "keep the result";

/** Which backup, and since when it is needed. */
export const chosenSchema = z.object({
  backup: z.string(),
  from: z.string(),
  digest: z.string(),
  run: z.string(),
  snapshotAt: z.string(),
  decidedAt: z.string(),
  tookMs: z.number(),
});
export type ChosenBackup = z.output<typeof chosenSchema>;

export const provedSchema = drillProgressSchema.omit({ current: true }).extend({
  server: z.string(),
  programs: z.string(),
  places: z.array(z.string()),
  endedAt: z.string(),
});
export type ProvedBackup = z.output<typeof provedSchema>;

export type DrillResult = {
  readonly chosen: ChosenBackup;
  readonly verdict: DrillVerdict;
  /** One of every check, in their order. */
  readonly findings: readonly DrillFinding[];
  readonly recoveryMs: number | undefined;
  readonly lossMs: number;
  readonly facts: DrillRecord;
};

/** What all steps together came to; pure, so that card, entry and row say the same. */
export function drillResult(results: Results, settings: DrillSettings, tool: string): DrillResult {
  const chosen = chosenSchema.parse(results[CHOOSE]);
  const proved = provedSchema.parse(results[PROVE]);
  const cleared = drillFindingSchema.parse(results[CLEAR]);
  const lossMs = Date.parse(chosen.decidedAt) - Date.parse(chosen.snapshotAt);
  const choosing = { name: CHOOSE, startedAt: chosen.decidedAt, durationMs: chosen.tookMs };
  const phases = [{ ...choosing, isRecovery: true }, ...proved.phases];
  const isRestored = proved.findings.some(
    ({ check, status }) => check === "restore-ends-without-error" && status === "pass",
  );
  const times = findingOf(
    "times-are-within-budget",
    isRestored
      ? { kind: "seen", value: { phases, lostMs: lossMs, configuration: proved.server } }
      : { kind: "unseen", reason: "nothing was restored, so nothing was measured" },
    (value) =>
      judgeTimes({ recoveryMs: settings.recoverWithin, lossMs: settings.loseAtMost }, value),
  );
  const facts = {
    backup: chosen.backup,
    "backup-from": chosen.from,
    "backup-digest": chosen.digest,
    "backup-run": chosen.run,
    "snapshot-at": chosen.snapshotAt,
    "decided-at": chosen.decidedAt,
    "ended-at": proved.endedAt,
    server: proved.server || "none was started",
    programs: proved.programs || "none were used",
    tool,
    steps: phases
      .map(({ name, startedAt, durationMs }) => `${startedAt} ${name} ${durationMs}ms`)
      .join("; "),
    ...(isRestored ? { recovery: formatDuration(recoveryMs(phases)) } : {}),
    loss: formatDuration(Math.max(0, lossMs)),
  };
  const record = findingOf("evidence-is-complete", { kind: "seen", value: facts }, judgeRecord);
  const found = [...proved.findings, times, cleared, record];
  const culprit = found.find(({ status }) => status === "fail" || status === "unknown");
  const findings = DRILL_CHECKS.map(
    (check) =>
      found.find((finding) => finding.check === check) ?? {
        check,
        status: "unknown" as const,
        reason: `not reached${culprit ? `, after ${culprit.check}` : ""}`,
        observations: [],
      },
  );
  return {
    chosen,
    verdict: drillVerdict(findings),
    findings,
    recoveryMs: isRestored ? recoveryMs(phases) : undefined,
    lossMs,
    facts: { ...facts, ...summaryOf(findings) },
  };
}

/** What the entry keeps of the findings: names of what passed, and reasons for everything else. */
function summaryOf(findings: readonly DrillFinding[]): DrillRecord {
  const told = (status: DrillFinding["status"], tell: (finding: DrillFinding) => string): string =>
    findings
      .filter((finding) => finding.status === status)
      .map(tell)
      .join("; ");
  const withReason = (finding: DrillFinding): string =>
    `${finding.check}: ${explanationOf(finding)}`;
  const facts = {
    pass: told("pass", ({ check }) => check),
    fail: told("fail", withReason),
    unknown: told("unknown", withReason),
    "not-configured": told("not-configured", ({ check }) => check),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, text]) => text !== ""));
}

/** Why a check is not green, in one line. */
export function explanationOf({ reason, observations }: DrillFinding): string {
  const wrong = observations.filter(({ ok }) => !ok);
  if (wrong.length === 0) return reason ?? "nothing was observed";
  return wrong
    .map(({ what, expected, actual }) => `${what}: expected ${expected}, seen ${actual}`)
    .join("; ");
}
