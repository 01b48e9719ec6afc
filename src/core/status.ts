/** `unknown` means that we could not look. It is never shown as green. */
export type Status = "pass" | "fail" | "unknown" | "not-configured";

/** One thing that a check looked at: what it is, what was expected, and what was seen, in words for an operator. */
export type Observation = {
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
  readonly ok: boolean;
};

/** A number that was read on the way, kept as a sample. The unit is the last word of the name: `latencyMs`. */
export type Measurement = { readonly name: string; readonly value: number };

/** A measurement that may not be higher than this. */
export type Limit = { readonly measurement: string; readonly atMost: number };

export type CheckResult = {
  readonly status: Status;
  readonly observations: readonly Observation[];
  readonly measurements: readonly Measurement[];
  /** Why the check could not look, in one line; only with `unknown` and `not-configured`. */
  readonly reason?: string;
  readonly durationMs: number;
};

/** A status is derived from what was observed, never claimed. Nothing observed is `unknown`. */
export function statusOf(observations: readonly Observation[]): "pass" | "fail" | "unknown" {
  if (observations.length === 0) return "unknown";
  return observations.every((observation) => observation.ok) ? "pass" : "fail";
}
