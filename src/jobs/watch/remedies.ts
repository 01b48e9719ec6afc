import type { Check } from "../../checks/create-checks.ts";
import type { Remedy } from "../../core/alert-card.ts";
import type { RolloutSettings } from "../deploy/rollout-settings.ts";
import type { DeadLettersSettings } from "../worker/dead-letter-settings.ts";

/** What may be asked for because of a check, as far as the configuration knows how it is done. */
export function createRemedies({
  checks,
  rollout,
  deadLetters,
}: {
  readonly checks: readonly Pick<Check, "name" | "application">[];
  readonly rollout: Pick<RolloutSettings, "worker"> | undefined;
  readonly deadLetters: DeadLettersSettings;
}): (check: string) => readonly Remedy[] {
  return (name) => {
    const application = checks.find((check) => check.name === name)?.application;
    const isOfLetters = deadLetters?.checks.includes(name) === true;
    const isOfWorker = application !== undefined && application === rollout?.worker;
    return [
      // A worker that completes jobs is not helped against those that died.
      ...(isOfWorker && !isOfLetters ? (["restart-worker"] as const) : []),
      ...(isOfLetters && deadLetters.requeue !== undefined ? (["requeue"] as const) : []),
    ];
  };
}
