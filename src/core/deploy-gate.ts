import { formatDuration } from "./duration.ts";
import { age } from "./moment.ts";
import type { Status } from "./status.ts";

/** What has to be so before a deployment is asked for; a rollback waits for none of it. */
export const GATES = ["preflight", "backup", "alerts", "runs"] as const;
export type GateName = (typeof GATES)[number];

export type Gate = {
  readonly name: GateName;
  readonly ok: boolean;
  /** Why, in one line, and what opens it. */
  readonly words: string;
};

/** An approver's word that a gate may be passed although it is shut. */
export type Override = { readonly gate: GateName; readonly because: string };

/** A gate that stands as it stands, and what somebody said about it. */
export type PassedGate = Gate & { readonly overriddenBecause?: string | undefined };

/** What the gates are decided by; all of it was looked at, nothing is claimed. */
export type GateFacts = {
  /** The checks that say something about this deployment: on an empty production nothing runs that could be asked. */
  readonly checks: readonly { readonly name: string; readonly severity: "page" | "warn" }[];
  /** What each check last answered to a preflight, and when. */
  readonly answers: readonly {
    readonly check: string;
    readonly status: Status;
    readonly at: Date;
  }[];
  readonly backup:
    | { readonly kind: "not-configured" | "none" | "nothing-to-lose" }
    | { readonly kind: "made"; readonly at: Date };
  /** The alerts of severity page that are not over. */
  readonly pages: readonly string[];
  /** What else changes the target now, in words. */
  readonly underWay: readonly string[];
};

export type GateLimits = { readonly preflightWithin: number; readonly backupWithin: number };

const NAMED_AT_MOST = 3;

/** How every gate stands, in the order of their names. */
export function decideGates(facts: GateFacts, limits: GateLimits, now: Date): readonly Gate[] {
  return [
    { name: "preflight", ...preflightGate(facts, limits, now) },
    { name: "backup", ...backupGate(facts, limits, now) },
    { name: "alerts", ...alertsGate(facts) },
    { name: "runs", ...runsGate(facts) },
  ];
}

/** The gates with what an approver said about those that are shut. An override of an open gate says nothing. */
export function passedGates(
  gates: readonly Gate[],
  overrides: readonly Override[],
): readonly PassedGate[] {
  return gates.map((gate) => {
    const override = overrides.find((one) => one.gate === gate.name);
    return gate.ok || !override ? gate : { ...gate, overriddenBecause: override.because };
  });
}

/** The gates that nobody may pass; none of them, and it may be asked for. */
export function shutGates(gates: readonly PassedGate[]): readonly PassedGate[] {
  return gates.filter(({ ok, overriddenBecause }) => !ok && overriddenBecause === undefined);
}

type Decided = Omit<Gate, "name">;

/** The verdict of a preflight, of answers that are young enough; a check that gave none is a blind spot. */
function preflightGate(
  { checks, answers }: GateFacts,
  { preflightWithin }: GateLimits,
  now: Date,
): Decided {
  const seen = checks.map(({ name, severity }) => {
    const answer = answers.find(({ check }) => check === name);
    const isYoung = answer && now.getTime() - answer.at.getTime() <= preflightWithin;
    return { name, severity, answer: isYoung ? answer : undefined };
  });
  const counted = seen.filter(({ answer }) => answer?.status !== "not-configured");
  const paging = counted.filter(({ severity }) => severity === "page");
  const deciding = paging.length > 0 ? paging : counted;
  if (deciding.length === 0) return shut("no check applies, so nothing is known");
  const failed = deciding.filter(({ answer }) => answer?.status === "fail");
  if (failed.length > 0) return shut(`NO-GO: ${named(failed.map(({ name }) => name))}`);
  const notAsked = deciding.filter(({ answer }) => answer === undefined);
  if (notAsked.length > 0) {
    const many = notAsked.length === deciding.length ? "no" : `${notAsked.length} without a`;
    const within = formatDuration(preflightWithin);
    return shut(`${many} preflight within ${within}; /preflight asks all`);
  }
  const unknown = deciding.filter(({ answer }) => answer?.status === "unknown");
  if (unknown.length > 0) return shut(`UNKNOWN: ${named(unknown.map(({ name }) => name))}`);
  const oldest = new Date(Math.min(...deciding.map(({ answer }) => answer?.at.getTime() ?? 0)));
  return open(`GO by ${counted.length} checks, ${age(oldest, now)}`);
}

function backupGate({ backup }: GateFacts, { backupWithin }: GateLimits, now: Date): Decided {
  switch (backup.kind) {
    case "not-configured":
      return open("not configured");
    case "nothing-to-lose":
      return open("first rollout, and the database is empty");
    case "none":
      return shut("there is none; /backup makes one");
    case "made": {
      const words = `the newest is from ${age(backup.at, now)}`;
      const isYoung = now.getTime() - backup.at.getTime() <= backupWithin;
      if (isYoung) return open(words);
      return shut(`${words}, expected within ${formatDuration(backupWithin)}; /backup`);
    }
  }
}

function alertsGate({ pages }: GateFacts): Decided {
  return pages.length === 0 ? open("no page") : shut(`firing: ${named(pages)}`);
}

function runsGate({ underWay }: GateFacts): Decided {
  return underWay.length === 0 ? open("nothing else under way") : shut(named(underWay));
}

function open(words: string): Decided {
  return { ok: true, words };
}

function shut(words: string): Decided {
  return { ok: false, words };
}

function named(names: readonly string[]): string {
  const shown = names.slice(0, NAMED_AT_MOST);
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}
