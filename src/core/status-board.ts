import type { Limit, Measurement, Status } from "./status.ts";

/** What the board knows of a check from its configuration. */
export type BoardCheck = {
  readonly name: string;
  readonly group: string | undefined;
  readonly severity: "page" | "warn";
  readonly everyMs: number;
  readonly limits: readonly Limit[];
};

/** The newest that was read of a check. */
export type Reading = {
  readonly check: string;
  readonly status: Status;
  readonly at: Date;
  readonly durationMs: number;
  readonly reason: string | undefined;
  readonly measurements: readonly Measurement[];
};

/** What may be said of a check now. What is not current says nothing about the present, so it counts as unknown. */
export type Standing = { readonly check: BoardCheck } & (
  | { readonly kind: "current"; readonly status: Status; readonly reading: Reading }
  | { readonly kind: "stale"; readonly status: "unknown"; readonly reading: Reading }
  | { readonly kind: "not-looked"; readonly status: "unknown" }
);

/** Checks that are shown as one line: those of one group, or a check that has none. */
export type BoardGroup = { readonly name: string; readonly standings: readonly Standing[] };

/** A sample speaks for the present until the check should have been asked three times more. */
const STALE_AFTER_TURNS = 3;
const STALE_AFTER_AT_LEAST_MS = 10 * 60_000;

export function staleAfterMs({ everyMs }: Pick<BoardCheck, "everyMs">): number {
  return Math.max(STALE_AFTER_TURNS * everyMs, STALE_AFTER_AT_LEAST_MS);
}

/** How every check stands now, in the order of the configuration. */
export function standingsOf(
  checks: readonly BoardCheck[],
  readings: readonly Reading[],
  now: Date,
): readonly Standing[] {
  return checks.map((check): Standing => {
    const reading = readings.find((one) => one.check === check.name);
    if (!reading) return { check, kind: "not-looked", status: "unknown" };
    const isStale = now.getTime() - reading.at.getTime() > staleAfterMs(check);
    return isStale
      ? { check, kind: "stale", status: "unknown", reading }
      : { check, kind: "current", status: reading.status, reading };
  });
}

/** The groups in the order in which the configuration names them first. */
export function groupsOf(standings: readonly Standing[]): readonly BoardGroup[] {
  const groups = Map.groupBy(standings, ({ check }) => check.group ?? check.name);
  return [...groups].map(([name, members]) => ({ name, standings: members }));
}
