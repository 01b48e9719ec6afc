import type { Entry } from "./entry.ts";

/** Keeps account of what was begun: every intent has exactly one outcome, and no effect has an outcome alone. */
export type IntentAccount = {
  /** What is wrong with an entry in the light of those before it. */
  take(entry: Entry): string | undefined;
  /** What was begun and has no outcome, in the order of its beginning. */
  open(): readonly { readonly seq: string; readonly what: string }[];
};

/**
 * Runs that only read have a result and no intent, so an intent is missing only where the operation is known to have
 * effects: it had one before, or one of its steps has.
 */
export function openIntentAccount(): IntentAccount {
  const runs = new Map<string, string>();
  const steps = new Map<string, Map<string, string>>();
  const mutating = new Set<string>();
  let newest = "";
  /** The newest run that was known when a person went on after a database was lost. */
  let adopted = "";

  return {
    take({ kind, seq, operation, run, step = "" }) {
      if (kind === "log.adopted") {
        // What the restored rows know of earlier runs is older than the log: they may end twice, or never.
        adopted = newest;
        runs.clear();
        steps.clear();
        return undefined;
      }
      if (run === undefined || isUpTo(run, adopted)) return undefined;
      if (!isUpTo(run, newest)) newest = run;
      switch (kind) {
        case "run.intent":
          if (runs.has(run)) return `${run} is asked for a second time.`;
          runs.set(run, seq);
          mutating.add(operation);
          return undefined;
        case "run.result": {
          const unfinished = [...(steps.get(run)?.keys() ?? [])];
          steps.delete(run);
          if (!runs.delete(run) && mutating.has(operation)) {
            return `${run} has a result, and nobody asked for it or it had ended before.`;
          }
          if (unfinished.length === 0) return undefined;
          return `${run} ended without an outcome of its step ${unfinished.join(", ")}.`;
        }
        case "step.intent": {
          if (!runs.has(run)) return `The step ${step} of ${run} begins, and nobody asked for it.`;
          const begun = steps.get(run) ?? new Map<string, string>();
          if (begun.has(step)) return `The step ${step} of ${run} begins a second time.`;
          steps.set(run, begun.set(step, seq));
          return undefined;
        }
        case "step.outcome":
          if (steps.get(run)?.delete(step)) return undefined;
          return `The step ${step} of ${run} has an outcome, and had not begun.`;
        default:
          return undefined;
      }
    },
    open() {
      const begun = [...steps].flatMap(([run, of]) =>
        [...of].map(([step, seq]) => ({ seq, what: `the step ${step} of ${run}` })),
      );
      const asked = [...runs].map(([run, seq]) => ({ seq, what: run }));
      return [...asked, ...begun].toSorted((one, other) => Number(one.seq) - Number(other.seq));
    },
  };
}

/** The names of runs are numbers that only grow, in digits that sort as they count. */
function isUpTo(run: string, other: string): boolean {
  return run.length === other.length ? run <= other : run.length < other.length;
}
