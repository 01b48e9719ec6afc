import type { CheckResult, Observation } from "./status.ts";
import { shortened } from "./visible-text.ts";

const LINE_LIMIT = 120;

/** What is wrong with what a check saw, or why it could not look, in one line. */
export function troubleLine(seen: {
  readonly observations: readonly Observation[];
  readonly reason?: string | undefined;
}): string {
  const wrong = seen.observations.find((observation) => !observation.ok);
  if (seen.reason !== undefined) return shortened(seen.reason, LINE_LIMIT);
  if (wrong === undefined) return "nothing was observed";
  return shortened(`${wrong.what} should be ${wrong.expected}, is ${wrong.actual}`, LINE_LIMIT);
}

/** `down`: it was looked at and is not as it should be. `blind`: it could not be looked at. */
export type Trouble = { readonly kind: "down" | "blind"; readonly seen: string };

/** What a result has to say against its check; nothing when all is well or nothing is configured. */
export function troubleOf(result: CheckResult): Trouble | undefined {
  switch (result.status) {
    case "fail":
      return { kind: "down", seen: troubleLine(result) };
    case "unknown":
      return { kind: "blind", seen: troubleLine(result) };
    case "pass":
    case "not-configured":
      return undefined;
  }
}
