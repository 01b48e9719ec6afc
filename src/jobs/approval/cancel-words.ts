import { createHash } from "node:crypto";

import { runName } from "../../core/run-name.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import type { Run } from "../../storage/run.ts";
import type { Step } from "../operation.ts";

/** What cancelling a run would mean at this moment. */
export type Stopping = {
  /** Whether something is under way outside that a stop does not stop. */
  readonly isUnsafe: boolean;
  /** What happens, what is done already and stays, and what will not be done. */
  readonly words: readonly string[];
  /** Stands for the step that was under way, so that a yes to these words is a yes to no others. */
  readonly code: string;
};

const NAMED_AT_MOST = 5;

type PlannedStep = Pick<Step, "name" | "kind" | "whenCancelled" | "leadsBack">;

/** Says truthfully what a stop stops, by what the journal knows of the run; the same journal says the same to everybody. */
export function whatStopMeans(
  run: Pick<Run, "id">,
  steps: readonly PlannedStep[],
  journal: readonly JournalledStep[],
): Stopping {
  const open = journal.find(({ state }) => state === "started");
  const goingOn = goingOnWords(steps, journal);
  return {
    isUnsafe: open?.kind === "act" || goingOn.length > 0,
    words: [
      stopWords(open, goingOn.length > 0),
      ...goingOn,
      ...doneWords(journal, steps.some(leadsBack)),
      ...notDoneWords(
        steps.map((one, n) => ({ ...one, n })).filter((one) => !leadsBack(one)),
        journal,
      ),
    ],
    code: codeOf(run, journal),
  };
}

function stopWords(open: JournalledStep | undefined, doesGoOn: boolean): string {
  switch (open?.kind) {
    case undefined:
      return "It stops before its next step.";
    case "act":
      // Whether it has happened could not be told any more.
      return `"${open.name}" is under way and is not cut short; the run stops after it.`;
    case "ask":
      return "Its question is withdrawn.";
    case "look":
      return doesGoOn
        ? `It stops waiting for "${open.name}".`
        : `It stops at "${open.name}", which only looks.`;
  }
}

/** What goes on outside: of the step that is under way, and of acts whose end is waited for by a look that is to come. */
function goingOnWords(
  steps: readonly PlannedStep[],
  journal: readonly JournalledStep[],
): readonly string[] {
  const isWaiting = ({ kind, whenCancelled }: PlannedStep): boolean =>
    kind === "look" && whenCancelled !== undefined;
  const isDone = (n: number): boolean => journal.some((one) => one.n === n && one.state === "done");
  const waitedTo = steps.findLastIndex((step, n) => isWaiting(step) && isDone(n));
  const waitsAt = steps.findIndex((step, n) => n > waitedTo && isWaiting(step) && !isDone(n));
  const going = journal.filter(
    ({ n, kind, state }) =>
      state === "started" || (kind === "act" && state === "done" && n > waitedTo && n < waitsAt),
  );
  const words = going.map(({ n }) => steps[n]?.whenCancelled);
  return [...new Set(words.filter((text) => text !== undefined))];
}

function leadsBack(step: Pick<Step, "leadsBack">): boolean {
  return step.leadsBack === true;
}

function doneWords(journal: readonly JournalledStep[], hasWayBack: boolean): readonly string[] {
  const done = journal.filter(({ kind, state }) => kind === "act" && state === "done");
  if (done.length === 0) {
    return journal.some(({ kind, state }) => kind === "act" && state === "started")
      ? []
      : ["Nothing was done yet."];
  }
  return hasWayBack
    ? [`Done already, and led back as far as that goes: ${listed(done)}.`]
    : [`Done already, and not undone: ${listed(done)}.`];
}

function notDoneWords(
  steps: readonly (Pick<Step, "name" | "kind"> & { readonly n: number })[],
  journal: readonly JournalledStep[],
): readonly string[] {
  const toCome = steps.filter(
    ({ kind, n }) =>
      kind === "act" && !journal.some((one) => one.n === n && one.state !== "cleared"),
  );
  return toCome.length === 0 ? [] : [`Will not be done: ${listed(toCome)}.`];
}

function listed(steps: readonly { readonly name: string }[]): string {
  const rest = steps.length - NAMED_AT_MOST;
  const names = steps.slice(0, NAMED_AT_MOST).map(({ name }) => name);
  return rest > 0 ? `${names.join(", ")} and ${rest} more` : names.join(", ");
}

function codeOf(run: Pick<Run, "id">, journal: readonly JournalledStep[]): string {
  const last = journal.at(-1);
  const situation = `${runName(run.id)} ${last?.n ?? "before"} ${last?.key ?? ""} ${last?.state ?? ""}`;
  return createHash("sha256").update(situation).digest("hex").slice(0, 4).toUpperCase();
}
