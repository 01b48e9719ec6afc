import { formatDuration } from "./duration.ts";
import type { Observation } from "./status.ts";

/** A question that the application asks of its data, and what a good answer is. */
type QueryExpectation = {
  readonly name: string;
  readonly atLeast?: number | undefined;
  readonly atMost?: number | undefined;
  /** The answer is a moment, and this is how old it may be when the snapshot is taken. */
  readonly notOlderThanMs?: number | undefined;
};

export type QueryAnswer = {
  readonly expectation: QueryExpectation;
  /** The first column of the first row; undefined when there was no row. */
  readonly value: string | undefined;
  /** What PostgreSQL said instead of an answer. */
  readonly error?: string | undefined;
};

/** Sums of rows prove that all came back; these prove that it is what the application needs. */
export function judgeAnswers(
  snapshotAt: Date,
  answers: readonly QueryAnswer[],
): readonly Observation[] {
  return answers.map(({ expectation, value, error }) => {
    const expected = expectationText(expectation);
    const what = expectation.name;
    if (error !== undefined) return { what, expected, actual: error, ok: false };
    if (value === undefined) return { what, expected, actual: "no row", ok: false };
    return expectation.notOlderThanMs === undefined
      ? { what, expected, actual: value, ok: isWithin(expectation, value) }
      : { what, expected, ...ageOf(value, snapshotAt, expectation.notOlderThanMs) };
  });
}

function isWithin({ atLeast, atMost }: QueryExpectation, value: string): boolean {
  const number = Number(value);
  return (
    value.trim() !== "" &&
    Number.isFinite(number) &&
    number >= (atLeast ?? -Infinity) &&
    number <= (atMost ?? Infinity)
  );
}

function ageOf(
  value: string,
  snapshotAt: Date,
  notOlderThanMs: number,
): Pick<Observation, "actual" | "ok"> {
  const at = new Date(value);
  if (Number.isNaN(at.getTime())) return { actual: `${value}, which is no moment`, ok: false };
  const ageMs = snapshotAt.getTime() - at.getTime();
  return {
    actual: `${at.toISOString()}, ${formatDuration(Math.max(0, ageMs))} before the snapshot`,
    ok: ageMs <= notOlderThanMs,
  };
}

function expectationText({ atLeast, atMost, notOlderThanMs }: QueryExpectation): string {
  const words = [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
    ...(notOlderThanMs === undefined
      ? []
      : [`not older than ${formatDuration(notOlderThanMs)} at the snapshot`]),
  ];
  return words.join(", ");
}

/** A stretch of a drill. Only those that a real recovery goes through count for how long one takes. */
export type DrillPhase = {
  readonly name: string;
  readonly isRecovery: boolean;
  readonly startedAt: string;
  readonly durationMs: number;
};

export type DrillTimes = {
  readonly phases: readonly DrillPhase[];
  /** From the snapshot to the moment at which somebody decided to restore. */
  readonly lostMs: number;
  /** What the throw-away server was set to, because it decides how long a restore takes. */
  readonly configuration: string;
};

export type DrillBudget = { readonly recoveryMs: number; readonly lossMs: number };

/** From the decision until the application's questions were answered. */
export function recoveryMs(phases: readonly DrillPhase[]): number {
  return phases
    .filter(({ isRecovery }) => isRecovery)
    .reduce((sum, { durationMs }) => sum + durationMs, 0);
}

export function judgeTimes(
  budget: DrillBudget,
  { phases, lostMs, configuration }: DrillTimes,
): readonly Observation[] {
  const tookMs = recoveryMs(phases);
  return [
    {
      what: "recovery time",
      expected: `at most ${formatDuration(budget.recoveryMs)}`,
      actual: formatDuration(tookMs),
      ok: tookMs <= budget.recoveryMs,
    },
    {
      what: "age of what would have been restored",
      expected: `at most ${formatDuration(budget.lossMs)}`,
      actual: formatDuration(Math.max(0, lostMs)),
      ok: lostMs <= budget.lossMs,
    },
    // A time says nothing without what it was measured on; a durable server takes longer.
    { what: "measured on", expected: "said", actual: configuration, ok: configuration !== "" },
  ];
}

/** What somebody who was not there needs to believe a drill. */
export type DrillRecord = Readonly<Record<string, string>>;

const NEEDED = [
  "backup",
  "backup-digest",
  "backup-run",
  "snapshot-at",
  "decided-at",
  "ended-at",
  "server",
  "programs",
  "tool",
  "steps",
] as const;

/** An entry with a gap proves less than it seems to, so a gap is told. */
export function judgeRecord(record: DrillRecord): readonly Observation[] {
  const missing = NEEDED.filter((name) => (record[name] ?? "") === "");
  return [
    {
      what: "what the entry keeps",
      expected: NEEDED.join(", "),
      actual: missing.length === 0 ? NEEDED.join(", ") : `without ${missing.join(", ")}`,
      ok: missing.length === 0,
    },
  ];
}
