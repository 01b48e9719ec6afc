import { Interruption } from "../../core/interruption.ts";
import type { Json } from "../../core/json.ts";
import { stepsOf, type JournalledStep } from "../../storage/run-step.ts";
import { holdsTarget } from "../../storage/run.ts";
import { whyNotGoneOn } from "../approval/approval-proof.ts";
import type { Step } from "../operation.ts";
import { giveUp, isOpenAct, type RunEnd } from "./run-end.ts";
import { Refusal, StepFailure, Suspension } from "./step-end.ts";
import { performStep, type StepRunner } from "./step-runner.ts";
import { seizeTarget } from "./target-taking.ts";

/** A run that was claimed this often and never ended is beyond help by more tries. */
const CLAIM_LIMIT = 50;

/**
 * Performs what the journal says is left to do of a claimed run, and says how it ends.
 *
 * @throws {Suspension} when people are asked, an effect is in doubt, or the run was given up
 * @throws {Interruption} when it is to be handed over
 */
export async function performRun(runner: StepRunner): Promise<RunEnd> {
  const { database, run } = runner;
  const { operation } = runner.asking;
  const steps = operation.steps(run.input);
  const { journal, holds } = await database.transaction(async (tx) => ({
    journal: await stepsOf(tx, run.id),
    holds: await holdsTarget(tx, run.id),
  }));
  const obstacle =
    obstacleTo(runner, { steps, journal, holds }) ?? (await missingYes(runner, journal));
  if (obstacle !== undefined) {
    await giveUp(runner, obstacle);
    throw new Suspension(obstacle);
  }
  const results: Record<string, Json> = {};
  let mayChange = holds || !run.mutating;
  let ending = steps.some(leadsBack) ? endedBefore(steps, journal) : undefined;
  for (const [n, step] of steps.entries()) {
    const journalled = journal.find((earlier) => earlier.n === n);
    if (journalled?.state === "done") {
      results[step.name] = journalled.result;
      continue;
    }
    // What is in doubt is looked for even when the run is to stop: a stop must not hide an effect.
    if (run.cancelRequestedAt && !isOpenAct(journalled)) ending ??= cancelled();
    if (ending && !leadsBack(step)) continue;
    // A pure question to the results before, so whoever resumes the run comes to the same answer.
    if (!journalled && step.applies?.(results) === false) continue;
    try {
      if (!isOpenAct(journalled) && !ending) runner.lease.cancelled.throwIfAborted();
      runner.stop.throwIfAborted();
      // Where a question did not apply nobody has taken the target yet.
      if (step.kind === "act" && !mayChange) await seizeTarget(runner, n);
      mayChange ||= step.kind !== "look";
      results[step.name] = await performStep(runner, step, { n, journalled, results });
    } catch (error) {
      ending = withAnother(ending, endBy(error));
      // A yes that does not hold was not used, and is not asked for again behind its back.
      if (error instanceof Refusal) return ending;
    }
  }
  return ending ?? { state: "ok", ...operation.conclude(run.input, results) };
}

/** Whether nothing is changed before people have said yes. */
export function asksFirst(steps: readonly Step[]): boolean {
  const ask = steps.findIndex(isAsk);
  const act = steps.findIndex(({ kind }) => kind === "act");
  return ask >= 0 && (act < 0 || ask < act);
}

function isAsk({ kind }: Step): boolean {
  return kind === "ask";
}

/** Why a run must not be gone on with as it stands. */
function obstacleTo(
  { run, asking: { target } }: StepRunner,
  {
    steps,
    journal,
    holds,
  }: {
    readonly steps: readonly Step[];
    readonly journal: readonly JournalledStep[];
    readonly holds: boolean;
  },
): string | undefined {
  if (run.epoch > CLAIM_LIMIT) return `given up after ${CLAIM_LIMIT} attempts`;
  if (journal.some(({ n, name }) => steps[n]?.name !== name)) {
    return "its steps are not those of this version; ask again";
  }
  if (run.mutating && run.configHash !== target.configHash) {
    return "the configuration changed since it was asked; ask again";
  }
  const hadTarget = !asksFirst(steps) || journal.some(tookTarget);
  if (run.mutating && hadTarget && !holds) {
    return "another run has taken the target over";
  }
  return undefined;
}

/** Why what stands in the journal behind a question is not covered by a yes. */
async function missingYes(
  { database, run, asking }: StepRunner,
  journal: readonly JournalledStep[],
): Promise<string | undefined> {
  if (!journal.some(({ kind }) => kind === "ask")) return undefined;
  const keys = await asking.keys();
  return database.transaction(async (tx, now) => whyNotGoneOn(tx, now, { run, journal, keys }));
}

function leadsBack(step: Step | undefined): boolean {
  return step?.leadsBack === true;
}

/** How a run had failed already when the process ended that went on with it; it must not go forward again. */
function endedBefore(
  steps: readonly Step[],
  journal: readonly JournalledStep[],
): RunEnd | undefined {
  const failure = journal.find(({ state, n }) => state === "failed" && !leadsBack(steps[n]));
  if (failure) return { state: "failed", reason: failure.error ?? "No reason was recorded." };
  const goesBack = journal.some(({ n }) => leadsBack(steps[n]));
  return goesBack ? { state: "failed", reason: "It was led back." } : undefined;
}

/** What an error means for the run; what is no end of it is thrown on. */
function endBy(error: unknown): RunEnd {
  if (error instanceof StepFailure) return { state: "failed", reason: error.message };
  if (error instanceof Refusal) return refusedBy(error);
  if (error instanceof Interruption && error.because === "cancelled") return cancelled();
  throw error;
}

/** The first reason stays the reason; a way back that fails is told beside it. */
function withAnother(first: RunEnd | undefined, then: RunEnd): RunEnd {
  if (!first) return then;
  const reason = `${first.reason ?? "It had ended."} Leading back failed too: ${then.reason}`;
  return { ...first, reason };
}

/** Whether a run can only have come this far as the one that may change its target. */
function tookTarget({ kind, state }: JournalledStep): boolean {
  return kind === "act" || (kind === "ask" && state === "done");
}

function refusedBy({ end, changed, message }: Refusal) {
  const state = end === "expired" ? ("expired" as const) : ("refused" as const);
  return { state, reason: message, question: { approval: end, changed } };
}

function cancelled(): { readonly state: "cancelled"; readonly reason: string } {
  return { state: "cancelled", reason: "cancelled by an operator" };
}
