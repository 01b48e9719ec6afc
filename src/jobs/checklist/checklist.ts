import { standingsOf, verdictOf, type ItemStanding } from "../../core/checklist.ts";
import type { Json } from "../../core/json.ts";
import { findChecklist, ticksOf } from "../../storage/checklist.ts";
import type { Transaction } from "../../storage/database.ts";
import { defineOperation, type Operation } from "../operation.ts";
import { preflightDetails } from "../preflight/preflight-card.ts";
import { createPreflight, type PreflightParts } from "../preflight/preflight.ts";
import { checklistCard } from "./checklist-card.ts";
import { lookForRuns } from "./checklist-runs.ts";
import { checklistInput, checksIn, operationsIn, seenIn, standingNames } from "./checklist-view.ts";

/** Looks at what can be seen of a checklist; what is left to people is ticked after it. */
export function createChecklist(parts: PreflightParts): Operation {
  const preflight = createPreflight(parts);
  return defineOperation({
    name: "checklist",
    summary: "what is looked after regularly or in a rollout: seen, or ticked by people",
    effect: "read",
    input: checklistInput,
    steps({ items }) {
      const checks = [...checksIn(items)];
      const operations = operationsIn(items);
      return [
        ...(checks.length > 0 ? preflight.steps({ checks }) : []),
        ...(operations.length > 0 ? [lookForRuns(parts, operations)] : []),
      ];
    },
    conclude(input, results) {
      // Who ticked it is told by the entry of the list's end; here it only matters how far the list has got.
      const ticks = input.ticked.map((item) => ({ item, by: "", at: new Date(input.since) }));
      const standings = standingsOf(input.items, seenIn(input, results), ticks);
      const facts = { checklist: input.name, ...seenFacts(standings) };
      return { verdict: verdictOf(standings), facts };
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
  const runs = standings
    .flatMap((one) => (one.kind === "seen" && one.item.proof.kind === "run" ? [one] : []))
    .map(({ item, told }) => `${item.name}: ${told}`)
    .join("; ");
  const facts = {
    pass: seen("pass"),
    fail: seen("fail"),
    unknown: seen("unknown"),
    "not-configured": seen("not-configured"),
    runs,
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
