import { standingsOf, verdictOf, type ItemStanding } from "../core/checklist.ts";
import type { Json } from "../core/json.ts";
import { findChecklist, ticksOf } from "../storage/checklist.ts";
import type { Transaction } from "../storage/database.ts";
import { checklistCard } from "./checklist-card.ts";
import { checklistInput, checklistReports, standingNames } from "./checklist-view.ts";
import { defineOperation, type Operation } from "./operation.ts";
import { preflightDetails } from "./preflight-card.ts";
import { createPreflight, type PreflightParts } from "./preflight.ts";

/** Looks at what can be seen of a checklist; what is left to people is ticked after it. */
export function createChecklist(parts: PreflightParts): Operation {
  const preflight = createPreflight(parts);
  return defineOperation({
    name: "checklist",
    summary: "what is looked after regularly: seen by checks, or ticked by people",
    effect: "read",
    input: checklistInput,
    steps({ items }) {
      const checks = [...new Set(items.flatMap((item) => item.checks))];
      return checks.length > 0 ? preflight.steps({ checks }) : [];
    },
    conclude({ name, items }, results) {
      const standings = standingsOf(items, checklistReports(Object.values(results)[0] ?? []), []);
      return { verdict: verdictOf(standings), facts: { checklist: name, ...seenFacts(standings) } };
    },
    keeps: keptOf,
    card: checklistCard,
    details: preflightDetails,
  });
}

/** What the bot saw of the items, by their names. */
export function seenFacts(standings: readonly ItemStanding[]): Readonly<Record<string, string>> {
  const seen = (status: string): string =>
    standingNames(standings, (one) => one.kind === "seen" && one.status === status);
  const facts = {
    pass: seen("pass"),
    fail: seen("fail"),
    unknown: seen("unknown"),
    "not-configured": seen("not-configured"),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, names]) => names !== ""));
}

async function keptOf(tx: Transaction, runId: string): Promise<Json> {
  const kept = await findChecklist(tx, runId);
  if (!kept) return null;
  const ticks = await ticksOf(tx, runId);
  return {
    state: kept.state,
    endsAt: kept.endsAt.toISOString(),
    supersededBy: kept.supersededBy,
    ticks: ticks.map(({ item, by, at }) => ({ item, by, at: at.toISOString() })),
  };
}
