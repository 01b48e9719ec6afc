import { absence, qualified, sameness } from "./drill-words.ts";
import type { Manifest } from "./manifest.ts";
import type { Observation } from "./status.ts";

type Source = Manifest["source"];

export type Soundness = {
  /** Indexes that PostgreSQL itself calls invalid or not ready. */
  readonly invalidIndexes: readonly string[];
  /** Foreign keys whose rows point at nothing, with how many do. */
  readonly orphans: readonly string[];
  /** Constraints that were never held against the rows, as the manifest names and digests them. */
  readonly unvalidated: readonly { readonly name: string; readonly digest: string }[];
};

/** Constraints hold for the rows that came back, and are not merely declared; what the source left open may be open. */
export function judgeSoundness(
  source: Pick<Source, "structure">,
  found: Soundness,
): readonly Observation[] {
  const left = new Map(
    source.structure
      .filter(({ kind }) => kind === "constraint")
      .map(({ name, digest }) => [name, digest]),
  );
  const unvalidated = found.unvalidated.filter(({ name, digest }) => left.get(name) !== digest);
  return [
    absence("invalid indexes", found.invalidIndexes),
    absence("foreign keys with rows that point at nothing", found.orphans),
    absence(
      "constraints that nobody validated",
      unvalidated.map(({ name }) => name),
    ),
  ];
}

export type RestoredSequence = {
  readonly schema: string;
  readonly name: string;
  readonly lastValue: string | null;
  /** How far it counts at a time; negative when it counts down. */
  readonly step: string;
  /** The farthest value in the column that it feeds; null without such a column, or without rows. */
  readonly farthest: string | null;
};

/** The next value of a sequence must be a new one, or the first row that anybody adds collides. */
export function judgeSequences(
  source: Pick<Source, "sequences">,
  restored: readonly RestoredSequence[],
): readonly Observation[] {
  const found = new Map(restored.map((one) => [qualified(one), one]));
  const missing = source.sequences.map(qualified).filter((name) => !found.has(name));
  const behindColumn = restored
    .filter((one) => one.farthest !== null && isBehind(one, one.farthest))
    .map((one) => `${qualified(one)} at ${one.lastValue ?? "its start"}, rows at ${one.farthest}`);
  const behindSource = source.sequences
    .filter((kept) => {
      const one = found.get(qualified(kept));
      return one !== undefined && kept.lastValue !== null && isBehind(one, kept.lastValue);
    })
    .map((kept) => `${qualified(kept)} was at ${kept.lastValue}`);
  return [
    absence(`missing ones of ${source.sequences.length} sequences`, missing),
    absence("sequences behind the rows that they number", behindColumn),
    absence("sequences behind where they stood", behindSource),
  ];
}

function isBehind({ lastValue, step }: RestoredSequence, value: string): boolean {
  if (lastValue === null) return true;
  return BigInt(step) > 0n ? BigInt(lastValue) < BigInt(value) : BigInt(lastValue) > BigInt(value);
}

/** The schema is of the generation that the code of the time knew. */
export function judgeMigration(
  source: Pick<Source, "migrationHeads">,
  heads: readonly string[],
): readonly Observation[] {
  const told = (names: readonly string[]): string =>
    names.length === 0 ? "none" : names.toSorted().join(", ");
  return [sameness("heads of the migrations", told(source.migrationHeads), told(heads))];
}

export type PageCheck = {
  readonly exitCode: number | null;
  readonly complaints: readonly string[];
  /** How the source sorted text, and how the server does on which this was restored. */
  readonly collation: string;
};

/** Heap and index agree about every row, down to their pages. */
export function judgePages(
  source: Pick<Source, "collation" | "encoding">,
  { exitCode, complaints, collation }: PageCheck,
): readonly Observation[] {
  const differs = source.collation !== collation;
  return [
    sameness("exit code of pg_amcheck", "0", exitCode === null ? "killed" : String(exitCode)),
    absence("complaints of pg_amcheck", complaints),
    {
      what: "collation",
      expected: source.collation,
      // Indexes are built anew by a restore, so another order of text is worth knowing and no fault of the backup.
      actual: differs ? `${collation}, by which the indexes were built anew` : collation,
      ok: true,
    },
  ];
}
