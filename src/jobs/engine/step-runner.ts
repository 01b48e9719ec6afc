import { randomUUID } from "node:crypto";

import { Interruption } from "../../core/interruption.ts";
import type { Json } from "../../core/json.ts";
import { runName } from "../../core/run-name.ts";
import { pass } from "../../core/trace.ts";
import { untilAborted } from "../../core/waiting.ts";
import type { Database } from "../../storage/database.ts";
import { openSubject, progressMade, stateChanged, type Place } from "../../storage/outbox.ts";
import {
  clearStep,
  endStep,
  noteProgress,
  startStep,
  type JournalledStep,
} from "../../storage/run-step.ts";
import { suspendRun, type Run } from "../../storage/run.ts";
import { SystemError } from "../../systems/system-error.ts";
import { performAsk, type Asking } from "../approval/asking.ts";
import type { ActStep, LookStep, Occurrence, Results, Step, StepContext } from "../operation.ts";
import { fenced } from "./fenced.ts";
import type { HeldLease } from "./lease.ts";
import { createProgressReporter } from "./progress-reporter.ts";
import { record, subjectOf, type RecordOrigin } from "./run-record.ts";
import { StepFailure, Suspension } from "./step-end.ts";

const LOOK_RETRIES = 2;

export type StepRunner = {
  readonly database: Database;
  readonly origin: RecordOrigin;
  readonly run: Run;
  readonly lease: HeldLease;
  readonly stop: AbortSignal;
  /** Where a doubt is told when nobody watches the run in the chat. */
  readonly place: Place;
  readonly asking: Asking;
};

/** A step's place in its run, and what the journal already knows of it. */
export type StepPlace = {
  readonly n: number;
  readonly journalled: JournalledStep | undefined;
  readonly results: Results;
};

/**
 * Performs one step that is not done yet, and journals it.
 *
 * @throws {StepFailure} when the step failed for good
 * @throws {Suspension} when people are asked, or an effect is in doubt
 * @throws {Refusal} when a yes does not hold any more
 * @throws {Interruption} when the run was told to stop; the step stays open for whoever goes on
 */
export async function performStep(runner: StepRunner, step: Step, place: StepPlace): Promise<Json> {
  switch (step.kind) {
    case "look":
      return performLook(runner, step, place);
    case "act":
      return performAct(runner, step, place);
    case "ask":
      return performAsk(runner, step, place);
  }
}

async function performLook(runner: StepRunner, step: LookStep, place: StepPlace): Promise<Json> {
  const { stop, lease } = runner;
  const opened = await openStep(runner, step, place, null);
  const reporter = createProgressReporter((progress) => saveProgress(runner, place.n, progress));
  const halts = step.leadsBack ? [stop, lease.lost] : [stop, lease.lost, lease.cancelled];
  const signal = AbortSignal.any([...halts, deadline(step)]);
  try {
    const context = contextOf(runner, opened, place, signal, reporter.report);
    const result = await lookWithRetries(step, context);
    await reporter.close();
    await closeStep(runner, step, place, result);
    return result;
  } catch (error) {
    await reporter.close();
    throw await failed(runner, step, place, error);
  }
}

async function lookWithRetries(step: LookStep, context: StepContext): Promise<Json> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await untilAborted(step.look(context), context.signal);
    } catch (error) {
      const mayPass = error instanceof SystemError && error.kind === "unreachable";
      if (!mayPass || attempt >= LOOK_RETRIES) throw error;
    }
  }
}

async function performAct(runner: StepRunner, step: ActStep, place: StepPlace): Promise<Json> {
  const { lease, stop } = runner;
  // Cancelling or stopping never cuts an act short: that would only make its outcome doubtful.
  const signal = AbortSignal.any([lease.lost, deadline(step)]);
  const context = contextOf(
    runner,
    place.journalled ?? { key: randomUUID() },
    place,
    signal,
    () => {},
  );
  const earlier = place.journalled;
  const baseline = earlier
    ? earlier.baseline
    : ((await step.baseline?.(context).catch((error: unknown) => {
        // Nothing is journalled or intended yet, so there is nothing to close.
        throw asFailure(runner, error);
      })) ?? null);
  const withBaseline = { ...context, baseline };

  // A first attempt cannot have happened yet, and a person may have said that an earlier one did not.
  const inDoubt = earlier !== undefined && earlier.state !== "cleared";
  let occurrence: Occurrence = inDoubt ? await observe(step, withBaseline) : { kind: "absent" };
  if (occurrence.kind === "absent") {
    stop.throwIfAborted();
    const isCancelled = runner.run.cancelRequestedAt !== null || lease.cancelled.aborted;
    if (isCancelled && !step.leadsBack) {
      throw await withdrawn(runner, place);
    }
    await openStep(runner, step, place, baseline, context.key);
    pass("act.begins", `${runner.run.id}:${step.name}`);
    occurrence = await actOnce(runner, step, place, withBaseline);
    pass("act.returned", `${runner.run.id}:${step.name}`);
  }
  if (occurrence.kind === "happened") {
    await closeStep(runner, step, place, occurrence.result);
    return occurrence.result;
  }
  const reason = occurrence.kind === "unclear" ? occurrence.reason : "nobody can tell";
  await suspend(runner, step, place, reason);
  throw new Suspension(reason);
}

/** Acts; after any doubt looks whether it happened. A surely absent effect is a failure, never a second try. */
async function actOnce(
  runner: StepRunner,
  step: ActStep,
  place: StepPlace,
  context: StepContext & { readonly baseline: Json },
): Promise<Occurrence> {
  runner.lease.confirm();
  try {
    return { kind: "happened", result: await untilAborted(step.act(context), context.signal) };
  } catch (error) {
    runner.lease.lost.throwIfAborted();
    const after = { ...context, signal: AbortSignal.any([runner.lease.lost, deadline(step)]) };
    const occurrence = await observe(step, after);
    if (occurrence.kind !== "absent") return occurrence;
    throw await failed(runner, step, place, error);
  }
}

async function observe(
  step: ActStep,
  context: StepContext & { readonly baseline: Json },
): Promise<Occurrence> {
  try {
    return await untilAborted(step.observe(context), context.signal);
  } catch (error) {
    if (error instanceof Interruption && error.because === "fenced") throw error;
    return { kind: "unclear", reason: `it could not be looked for: ${messageOf(error)}` };
  }
}

async function openStep(
  runner: StepRunner,
  step: Step,
  place: StepPlace,
  baseline: Json,
  key: string = randomUUID(),
): Promise<JournalledStep> {
  const { run } = runner;
  const opened = await fenced(runner, async (tx, now) => {
    const journalled = await startStep(tx, now, {
      runId: run.id,
      epoch: run.epoch,
      n: place.n,
      name: step.name,
      kind: step.kind,
      key,
      baseline,
      disturbs: step.disturbs && {
        checks: step.disturbs,
        until: new Date(now.getTime() + step.timeoutMs),
      },
    });
    // That a look began is no news; that something is about to be done is.
    if (step.kind === "act") {
      await stateChanged(tx, now, subjectOf(run));
      await record(tx, now, runner.origin, run, { kind: "step.intent", step: step.name });
    }
    return journalled;
  });
  pass("step.opened", `${run.id}:${step.name}`);
  return opened;
}

async function closeStep(
  runner: StepRunner,
  step: Step,
  place: StepPlace,
  result: Json,
): Promise<void> {
  const { run } = runner;
  await fenced(runner, async (tx, now) => {
    await endStep(tx, now, { runId: run.id, n: place.n }, { state: "done", result });
    await stateChanged(tx, now, subjectOf(run));
    if (step.kind === "act") {
      await record(tx, now, runner.origin, run, {
        kind: "step.outcome",
        step: step.name,
        result: step.outcomeOf?.(result) ?? "ok",
      });
    }
  });
  pass("step.closed", `${run.id}:${step.name}`);
}

/** A failure of the step, unless the run was told to stop or nothing can be recorded: these are not the step's. */
function asFailure({ origin }: StepRunner, error: unknown): Error {
  if (error instanceof Interruption && error.because !== "deadline") return error;
  if (error instanceof SystemError && error.system === "storage") return error;
  return new StepFailure(origin.scrub(messageOf(error)), { cause: error });
}

/** Journals a failure and gives back what to throw; an interruption passes through and leaves the step open. */
async function failed(
  runner: StepRunner,
  step: Step,
  place: StepPlace,
  error: unknown,
): Promise<Error> {
  const failure = asFailure(runner, error);
  if (!(failure instanceof StepFailure)) return failure;
  const { run } = runner;
  await fenced(runner, async (tx, now) => {
    await endStep(
      tx,
      now,
      { runId: run.id, n: place.n },
      { state: "failed", error: failure.message },
    );
    await stateChanged(tx, now, subjectOf(run));
    if (step.kind === "act") {
      await record(tx, now, runner.origin, run, {
        kind: "step.outcome",
        step: step.name,
        result: "failed",
        facts: { reason: failure.message },
      });
    }
  });
  return failure;
}

/** A cancelled act that surely did not happen is no longer in doubt when the run ends. */
async function withdrawn(runner: StepRunner, place: StepPlace): Promise<Interruption> {
  if (place.journalled) {
    await fenced(runner, async (tx) => clearStep(tx, runner.run.id));
  }
  return new Interruption("cancelled", "cancelled by an operator");
}

/** Leaves the run to a person, and sees to it that somebody hears of it. */
export async function suspend(
  runner: StepRunner,
  step: { readonly name: string },
  place: { readonly n: number },
  why: string,
): Promise<void> {
  const { run, origin } = runner;
  const reason = origin.scrub(why);
  await fenced(runner, async (tx, now) => {
    await suspendRun(tx, run.id, reason);
    await endStep(tx, now, { runId: run.id, n: place.n }, { state: "unknown", error: reason });
    await openSubject(tx, now, subjectOf(run), runner.place);
    await stateChanged(tx, now, subjectOf(run));
    await record(tx, now, origin, run, {
      kind: "run.unknown",
      step: step.name,
      result: "unknown",
      facts: { reason },
    });
  });
}

async function saveProgress(runner: StepRunner, n: number, progress: Json): Promise<void> {
  const { run } = runner;
  await runner.database.transaction(async (tx, now) => {
    await noteProgress(tx, { runId: run.id, n, epoch: run.epoch }, progress);
    await progressMade(tx, now, subjectOf(run));
  });
}

function contextOf(
  { run }: StepRunner,
  journalled: { readonly key: string },
  place: StepPlace,
  signal: AbortSignal,
  report: (progress: Json) => void,
): StepContext {
  return { signal, run: runName(run.id), key: journalled.key, results: place.results, report };
}

function deadline(step: Step): AbortSignal {
  const controller = new AbortController();
  const seconds = Math.round(step.timeoutMs / 1000);
  setTimeout(
    () => controller.abort(new Interruption("deadline", `${step.name}: no end within ${seconds}s`)),
    step.timeoutMs,
  ).unref();
  return controller.signal;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
