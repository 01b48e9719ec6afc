import type { Observation } from "./status.ts";

/** Two things that have to be equal, in words. */
export function sameness(what: string, expected: string, actual: string): Observation {
  return { what, expected, actual, ok: expected === actual };
}

/** Something of which there should be none. */
export function absence(what: string, found: readonly string[]): Observation {
  return {
    what,
    expected: "none",
    actual: found.length === 0 ? "none" : `${found.length}: ${few(found)}`,
    ok: found.length === 0,
  };
}

const SHOWN = 5;

/** The first of a list, and how many more there are. */
export function few(names: readonly string[]): string {
  const more = names.length - SHOWN;
  const shown = names.slice(0, SHOWN).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** A table or sequence as everybody names it. */
export function qualified({
  schema,
  name,
}: {
  readonly schema: string;
  readonly name: string;
}): string {
  return `${schema}.${name}`;
}
