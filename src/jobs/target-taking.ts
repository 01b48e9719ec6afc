import { runName } from "../core/run-name.ts";
import { pause } from "../core/waiting.ts";
import type { Transaction } from "../storage/database.ts";
import { stateChanged } from "../storage/outbox.ts";
import { noteProgress } from "../storage/run-step.ts";
import { holderOf, holdTarget, takeTargetFrom, type Run } from "../storage/run.ts";
import { stopRun } from "./approval-cancel.ts";
import { fencedOnTarget } from "./fenced.ts";
import { subjectOf } from "./run-record.ts";
import { Refusal } from "./step-end.ts";
import type { StepRunner } from "./step-runner.ts";

const LOOK_AGAIN_MS = 500;
const STOPS_WITHIN_MS = 2 * 60_000;

/**
 * Makes a run the one that may change its target, for one that does so without asking.
 *
 * @throws {Refusal} when another one does
 */
export async function seizeTarget(runner: StepRunner, n: number): Promise<void> {
  const { lease, stop, run } = runner;
  await freeTarget(runner, n, AbortSignal.any([stop, lease.lost, lease.cancelled]));
  await fencedOnTarget(runner, async (tx) => takeTarget(tx, run));
}

/**
 * The same inside a transaction that has locked the target.
 *
 * @throws {Refusal} when another run does
 */
export async function takeTarget(tx: Transaction, run: Run): Promise<void> {
  const holder = await holderOf(tx, run.target);
  if (holder && holder.id !== run.id) {
    throw new Refusal("stale", [
      `${runName(holder.id)} (${holder.operation}) is under way; one change at a time.`,
    ]);
  }
  await holdTarget(tx, run.id);
}

/**
 * Waits for what is under way to stop, if the operation is urgent, after asking it to. What is in doubt waits for a
 * person and stops for nobody, so the target is taken from it: whatever is decided, it does nothing more.
 *
 * @throws {Refusal} when the other run does not stop in time
 */
export async function freeTarget(
  runner: StepRunner,
  n: number,
  signal: AbortSignal,
): Promise<void> {
  const { run, asking } = runner;
  if (!asking.operation.urgent) return;
  const givesUpAt = performance.now() + STOPS_WITHIN_MS;
  let told = "";
  for (;;) {
    const other = await fencedOnTarget(runner, async (tx, now) => {
      const holder = await stopHolder(tx, now, runner);
      if (holder && holder.id !== told) {
        const place = { runId: run.id, n, epoch: run.epoch };
        await noteProgress(tx, place, { waitsFor: runName(holder.id) });
        await stateChanged(tx, now, subjectOf(run));
      }
      return holder;
    });
    if (!other) return;
    told = other.id;
    if (performance.now() > givesUpAt) {
      throw new Refusal("stale", [
        `${runName(other.id)} (${other.operation}) was asked to stop and did not within 2 minutes.`,
      ]);
    }
    await pause(LOOK_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

/** The run that still has to stop; undefined when the target is free. */
async function stopHolder(
  tx: Transaction,
  now: Date,
  { run, origin }: StepRunner,
): Promise<Run | undefined> {
  const holder = await holderOf(tx, run.target);
  if (!holder || holder.id === run.id) return undefined;
  if (holder.state === "unknown") {
    if (await takeTargetFrom(tx, holder.id)) return undefined;
  } else {
    await stopRun(tx, now, origin, holder, run.actor);
  }
  return holderOf(tx, run.target);
}
