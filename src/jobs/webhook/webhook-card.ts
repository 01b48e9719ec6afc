import { z } from "zod";

import { line, type Card, type CardAction, type CardPart } from "../../core/card.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import type { RunView } from "../operation.ts";
import { VERDICTS, type Verdict } from "../preflight/preflight-verdict.ts";
import { blindSpotsOf, LOOK, observationsOf, webhookReport } from "./webhook-report.ts";

const MARK: Readonly<Record<Verdict, string>> = { GO: "🟢", "NO-GO": "🔴", UNKNOWN: "🟡" };

/** The product's webhook as it was found: what is wrong first, then what is not known, then what is well. */
export function webhookCard(view: RunView<unknown>): Card {
  const { run, steps } = view;
  const report = webhookReport(steps.find((step) => step.name === LOOK)?.result);
  const parts = [...(report ? reportLines(report) : []), footer(view)];
  switch (run.state) {
    case "waiting":
    case "running":
      return { title: `⏳ ${run.target} · ${run.operation}`, parts, actions: [] };
    case "ok": {
      const verdict = z.enum(VERDICTS).parse(run.verdict);
      return {
        title: `${MARK[verdict]} ${run.target} · webhook ${verdict}`,
        parts,
        actions: [again],
      };
    }
    case "unknown":
    case "failed":
    case "refused":
    case "expired":
    case "cancelled":
      return {
        title: `⚪️ ${run.target} · ${run.operation} ${run.state}`,
        parts: [line(run.reason ?? "No reason was recorded."), ...parts],
        actions: [again],
      };
  }
}

const again: readonly CardAction[] = [{ label: "Look again", command: "webhook" }];

/** Everything that was seen, and what it should have been. */
export function webhookDetails({ steps }: RunView<unknown>): readonly CardPart[] {
  const report = webhookReport(steps.find((step) => step.name === LOOK)?.result);
  if (!report) return [];
  const seen = observationsOf(report).map(({ what, actual, expected, ok }) =>
    ok ? `✓ ${what}: ${actual}` : `✗ ${what}: ${actual}\n  expected ${expected}`,
  );
  return [{ kind: "code", text: [...seen, ...blindSpotsOf(report).map(unknown)].join("\n") }];
}

function reportLines(report: NonNullable<ReturnType<typeof webhookReport>>): readonly CardPart[] {
  const observations = observationsOf(report);
  return [
    ...observations
      .filter(({ ok }) => !ok)
      .map(({ what, actual, expected }) => `✗ ${what} should be ${expected}, is ${actual}`),
    ...blindSpotsOf(report).map(unknown),
    ...observations.filter(({ ok }) => ok).map(({ what, actual }) => `✓ ${what}: ${actual}`),
  ].map((text) => line(text));
}

function unknown(blindSpot: string): string {
  return `? ${blindSpot}`;
}

function footer({ run, now, timeZone }: RunView<unknown>): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}` });
}
