import type { ApprovalEnd } from "../../storage/approval.ts";

/** The run waits for people: for an answer, or for somebody who can tell whether a step's effect happened. */
export class Suspension extends Error {
  override readonly name = "Suspension";
}

/** The step failed for good; the message is fit for a card. */
export class StepFailure extends Error {
  override readonly name = "StepFailure";
}

/** What was asked is not done: the yes does not hold any more. Nothing failed, and nothing was changed. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly end: Extract<ApprovalEnd, "stale" | "expired">;
  /** Each a sentence for the card. */
  readonly changed: readonly string[];

  constructor(end: Refusal["end"], changed: readonly [string, ...string[]]) {
    super(changed.join(" "));
    this.end = end;
    this.changed = changed;
  }
}
