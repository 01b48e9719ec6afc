import { formatDuration } from "./duration.ts";
import type { Role } from "./operator.ts";
import type { Status } from "./status.ts";

/** What says of an item that it is so: checks, the newest run of an operation, or a person by name. */
export type Proof =
  | { readonly kind: "checks"; readonly checks: readonly string[] }
  | {
      readonly kind: "run";
      readonly operation: string;
      readonly verdict: string;
      /** How old the run may be when the list is first opened; any that comes later is young enough. */
      readonly withinMs: number;
      /** The operation that it has to come after: what proved the release of before proves nothing of this one. */
      readonly after?: string | undefined;
    }
  | { readonly kind: "person"; readonly role: Role };

/** One thing that is looked after, regularly or in a rollout. */
export type ChecklistItem = {
  readonly name: string;
  /** What is true, or what is to be done, in the words of whoever ticks it. */
  readonly what: string;
  readonly proof: Proof;
  /** The gate at which it is demanded; a list has gates for all of its items, or for none. */
  readonly gate?: string | undefined;
  /** What a person types to bring it about, such as `backup`. */
  readonly command?: string | undefined;
};

export type Tick = { readonly item: string; readonly by: string; readonly at: Date };

/** The newest run of an operation, as it was found. */
export type FoundRun = {
  readonly operation: string;
  readonly run: string;
  /** The verdict of one that ended well; undefined for one that came to none. */
  readonly verdict?: string | undefined;
  /** The word for its end: the verdict where there is one, else its state. */
  readonly end: string;
  readonly begunAt: Date;
  readonly endedAt: Date;
  /** A preflight of a few checks alone says nothing about all of them. */
  readonly isWhole: boolean;
};

/** What was seen of a list by looking. */
export type Seen = {
  readonly reports: readonly { readonly check: string; readonly status: Status }[];
  readonly runs: readonly FoundRun[];
  /** When the list was first opened. */
  readonly since: Date;
};

/** How an item stands: by what checks or runs show, or by what a person says. */
export type ItemStanding = { readonly item: ChecklistItem } & (
  | { readonly kind: "seen"; readonly status: Status; readonly told: string }
  | { readonly kind: "not-looked" }
  | { readonly kind: "ticked"; readonly tick: Tick }
  | { readonly kind: "not-ticked" }
);

/** How every item stands, in the order of the list. Undefined stands for nobody having looked yet. */
export function standingsOf(
  items: readonly ChecklistItem[],
  seen: Seen | undefined,
  ticks: readonly Tick[],
): readonly ItemStanding[] {
  return items.map((item): ItemStanding => {
    const { proof } = item;
    if (proof.kind === "person") {
      const tick = ticks.find((one) => one.item === item.name);
      return tick ? { item, kind: "ticked", tick } : { item, kind: "not-ticked" };
    }
    if (!seen) return { item, kind: "not-looked" };
    const shown = proof.kind === "checks" ? byChecks(proof, seen) : byRun(proof, seen);
    return { item, kind: "seen", ...shown };
  });
}

type Shown = { readonly status: Status; readonly told: string };

/** An item is as good as the worst of its checks; what is not configured does not count. */
function byChecks(
  { checks }: Extract<Proof, { readonly kind: "checks" }>,
  { reports }: Seen,
): Shown {
  const told = checks.join(", ");
  const statuses = checks.map(
    (name) => reports.find(({ check }) => check === name)?.status ?? "unknown",
  );
  if (statuses.includes("fail")) return { status: "fail", told };
  if (statuses.includes("unknown")) return { status: "unknown", told };
  return { status: statuses.includes("pass") ? "pass" : "not-configured", told };
}

/** The newest run alone counts: a good one of before says nothing once a worse one came after it. */
function byRun(
  { operation, verdict, withinMs, after }: Extract<Proof, { readonly kind: "run" }>,
  { runs, since }: Seen,
): Shown {
  const found = runs.find((one) => one.operation === operation);
  if (!found) return { status: "unknown", told: `no ${operation} yet` };
  const told = `${found.run} ${found.end}`;
  if (found.endedAt.getTime() < since.getTime() - withinMs) {
    const age = withinMs === 0 ? "of before this list" : `older than ${formatDuration(withinMs)}`;
    return { status: "unknown", told: `${told}, ${age}` };
  }
  const before = runs.find((one) => one.operation === after);
  if (before && found.begunAt < before.endedAt) {
    return { status: "unknown", told: `${told}, before the ${after} ${before.run}` };
  }
  if (!found.isWhole) return { status: "unknown", told: `${told}, of some checks alone` };
  if (found.verdict === verdict) return { status: "pass", told };
  const isOpen = found.verdict === undefined && found.end !== "failed";
  return { status: isOpen ? "unknown" : "fail", told };
}

/** An item about which nothing remains to be done. */
export function isDone(standing: ItemStanding): boolean {
  if (standing.kind !== "seen") return standing.kind === "ticked";
  return standing.status === "pass" || standing.status === "not-configured";
}

/** A part of a list that has to be done before the next one counts; undefined names the only part of a list without. */
export type Gate = {
  readonly name: string | undefined;
  readonly standings: readonly ItemStanding[];
};

/** The gates of a list, in their order, up to the first that is not passed, and the names of those that come behind it. */
export function gatesOf(standings: readonly ItemStanding[]): {
  readonly passed: readonly Gate[];
  /** Undefined when all are passed. */
  readonly current: Gate | undefined;
  readonly ahead: readonly Gate[];
} {
  const names = [...new Set(standings.map(({ item }) => item.gate))];
  const gates = names.map((name) => ({
    name,
    standings: standings.filter(({ item }) => item.gate === name),
  }));
  const at = gates.findIndex((gate) => !gate.standings.every(isDone));
  if (at < 0) return { passed: gates, current: undefined, ahead: [] };
  return { passed: gates.slice(0, at), current: gates[at], ahead: gates.slice(at + 1) };
}

export type ChecklistVerdict = "GO" | "NO-GO" | "UNKNOWN";

/**
 * What the looking came to, as far as the list has got: what lies behind the gate where it stands need not be so yet. A
 * list that is left to people alone proves nothing by itself.
 */
export function verdictOf(standings: readonly ItemStanding[]): ChecklistVerdict {
  const { passed, current } = gatesOf(standings);
  const reached = [...passed, ...(current ? [current] : [])].flatMap((gate) => gate.standings);
  const seen = reached.flatMap((one) => (one.kind === "seen" ? [one.status] : []));
  const counted = seen.filter((status) => status !== "not-configured");
  if (counted.includes("fail")) return "NO-GO";
  return counted.length === 0 || counted.includes("unknown") ? "UNKNOWN" : "GO";
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

/** Why a person cannot tick an item now; undefined when it is theirs to tick. */
export function tickProblem(
  standings: readonly ItemStanding[],
  item: ChecklistItem,
): string | undefined {
  const { proof, what, gate } = item;
  if (proof.kind === "checks") {
    return `"${what}" is proved by ${proof.checks.join(", ")} alone; look again.`;
  }
  if (proof.kind === "run") {
    return `"${what}" is proved by a run of ${proof.operation} alone; look again after it.`;
  }
  const { passed, current } = gatesOf(standings);
  if (gate === undefined || current === undefined || current.name === gate) return undefined;
  if (passed.some(({ name }) => name === gate)) return undefined;
  const open = current.standings.filter((one) => !isDone(one)).map((one) => one.item.name);
  return `The gate ${gate} comes after ${current.name}, where ${open.join(", ")} is still open.`;
}
