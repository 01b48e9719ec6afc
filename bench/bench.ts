/** One round: the same thing measured of Flightdeck and of what stands beside it, one right after the other. */
export type Round = { readonly ours: number; readonly beside: number };

export type Unit = "ms" | "MiB" | "/s" | "% of a core";

/** What a result has to be: our own value, its ratio to what stands beside it, or the difference of the two. */
export type Goal =
  | { readonly of: "value" | "ratio" | "difference"; readonly atMost: number }
  | { readonly of: "value" | "ratio" | "difference"; readonly atLeast: number };

/** A thing that was measured side by side, round by round. */
export type Comparison = {
  readonly what: string;
  readonly unit: Unit;
  /** What a user would have without Flightdeck, or the floor that nothing can be below. */
  readonly besideName: string;
  readonly rounds: readonly Round[];
  readonly goal?: Goal;
};

export type Conditions = {
  readonly rounds: number;
  /** Gives up the measurement; what was started is closed all the same. */
  readonly signal: AbortSignal;
};

export type Bench = {
  readonly name: string;
  /** One line for people who choose a bench. */
  readonly summary: string;
  readonly usualRounds: number;
  measure(conditions: Conditions): Promise<readonly Comparison[]>;
};
