import { z } from "zod";

import type { Severity } from "../../checks/settings.ts";
import type { CheckResult } from "../../core/status.ts";
import type { Database } from "../../storage/database.ts";
import { keepSamples } from "../../storage/sample.ts";
import { defineOperation, type Operation } from "../operation.ts";
import { preflightCard, preflightDetails } from "./preflight-card.ts";
import { reportSchema, verdictOf, type CheckReport } from "./preflight-verdict.ts";

/** A check as preflight needs it: it can be asked, and it answers within its own timeout. */
type Askable = {
  readonly name: string;
  readonly severity: Severity;
  readonly timeoutMs: number;
  ask(signal: AbortSignal): Promise<CheckResult>;
};

export type PreflightParts = {
  readonly checks: readonly Askable[];
  readonly database: Database;
  readonly target: string;
};

/** What a step may take beyond its slowest check before it counts as hung itself. */
const SLACK_MS = 10_000;

const inputSchema = z.strictObject({ checks: z.array(z.string()).min(1) });
const STEP = "ask every check";

/** Asks checks afresh, all at once, and says whether production may be touched. */
export function createPreflight(parts: PreflightParts): Operation {
  return defineOperation({
    name: "preflight",
    summary: "every check afresh; GO, NO-GO or UNKNOWN",
    effect: "read",
    input: inputSchema,
    steps({ checks: names }) {
      const asked = parts.checks.filter((check) => names.includes(check.name));
      const slowestMs = Math.max(0, ...asked.map((check) => check.timeoutMs));
      return [
        {
          kind: "look",
          name: STEP,
          timeoutMs: slowestMs + SLACK_MS,
          async look({ signal, report }) {
            const reports: CheckReport[] = names
              .filter((name) => !asked.some((check) => check.name === name))
              .map(goneReport);
            await Promise.all(
              asked.map(async (check) => {
                reports.push(reportOf(check, await check.ask(signal)));
                report(reports);
              }),
            );
            signal.throwIfAborted();
            await parts.database.transaction(async (tx, now) =>
              keepSamples(tx, now, parts.target, reports),
            );
            return reports;
          },
        },
      ];
    },
    conclude(_input, results) {
      const reports = z.array(reportSchema).parse(results[STEP]);
      const verdict = verdictOf(reports);
      const named = (status: CheckReport["status"]): string =>
        reports
          .filter((report) => report.status === status)
          .map((report) => report.check)
          .toSorted()
          .join(" ");
      const facts = {
        asked: `${reports.length} of ${parts.checks.length} checks`,
        pass: named("pass"),
        fail: named("fail"),
        unknown: named("unknown"),
        "not-configured": named("not-configured"),
      };
      const kept = Object.entries(facts).filter(([, names]) => names !== "");
      return { verdict, facts: Object.fromEntries(kept) };
    },
    card: (view) => preflightCard(view, parts.checks.length),
    details: preflightDetails,
  });
}

function reportOf(check: Askable, result: CheckResult): CheckReport {
  return {
    check: check.name,
    severity: check.severity,
    status: result.status,
    durationMs: Math.round(result.durationMs),
    observations: [...result.observations],
    measurements: [...result.measurements],
    ...(result.reason === undefined ? {} : { reason: result.reason }),
  };
}

/** A run may outlive a configuration: what was asked for and is no longer there was not looked at. */
function goneReport(name: string): CheckReport {
  return {
    check: name,
    severity: "page",
    status: "unknown",
    reason: "the configuration has no such check any more",
    durationMs: 0,
    observations: [],
    measurements: [],
  };
}
