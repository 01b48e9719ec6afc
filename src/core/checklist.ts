import type { Status } from "./status.ts";

/** One thing that is looked after regularly. Without checks only a person can say that it is as it should be. */
export type ChecklistItem = {
  readonly name: string;
  /** What is true, or what is to be done, in the words of whoever ticks it. */
  readonly what: string;
  readonly checks: readonly string[];
};

export type Tick = { readonly item: string; readonly by: string; readonly at: Date };

/** How an item stands: by what checks saw, or by what a person says. */
export type ItemStanding = { readonly item: ChecklistItem } & (
  | { readonly kind: "seen"; readonly status: Status }
  | { readonly kind: "not-looked" }
  | { readonly kind: "ticked"; readonly tick: Tick }
  | { readonly kind: "not-ticked" }
);

/** How every item stands, in the order of the list. Without reports nobody has looked yet. */
export function standingsOf(
  items: readonly ChecklistItem[],
  reports: readonly { readonly check: string; readonly status: Status }[] | undefined,
  ticks: readonly Tick[],
): readonly ItemStanding[] {
  return items.map((item): ItemStanding => {
    if (item.checks.length === 0) {
      const tick = ticks.find((one) => one.item === item.name);
      return tick ? { item, kind: "ticked", tick } : { item, kind: "not-ticked" };
    }
    if (!reports) return { item, kind: "not-looked" };
    const statuses = item.checks.map(
      (name) => reports.find(({ check }) => check === name)?.status ?? "unknown",
    );
    return { item, kind: "seen", status: worstOf(statuses) };
  });
}

/** An item is as good as the worst of its checks; what is not configured does not count. */
function worstOf(statuses: readonly Status[]): Status {
  if (statuses.includes("fail")) return "fail";
  if (statuses.includes("unknown")) return "unknown";
  return statuses.includes("pass") ? "pass" : "not-configured";
}

export type ChecklistVerdict = "GO" | "NO-GO" | "UNKNOWN";

/** What the looking came to. A list that is left to people alone proves nothing by itself. */
export function verdictOf(standings: readonly ItemStanding[]): ChecklistVerdict {
  const seen = standings.flatMap((one) => (one.kind === "seen" ? [one.status] : []));
  const counted = seen.filter((status) => status !== "not-configured");
  if (counted.includes("fail")) return "NO-GO";
  return counted.length === 0 || counted.includes("unknown") ? "UNKNOWN" : "GO";
}

/** An item about which nothing remains to be done. */
export function isDone(standing: ItemStanding): boolean {
  if (standing.kind !== "seen") return standing.kind === "ticked";
  return standing.status === "pass" || standing.status === "not-configured";
}

/** What becomes of an open list: it is complete with its last item, and expires with its period. */
export function decideChecklist(
  standings: readonly ItemStanding[],
  endsAt: Date,
  now: Date,
): "open" | "complete" | "expired" {
  if (standings.every(isDone)) return "complete";
  return now >= endsAt ? "expired" : "open";
}
