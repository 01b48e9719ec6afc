import { z } from "zod";

import { runName } from "../../core/run-name.ts";
import { pause } from "../../core/waiting.ts";
import type { Transaction } from "../../storage/database.ts";
import { stateChanged } from "../../storage/outbox.ts";
import { noteProgress, type JournalledStep } from "../../storage/run-step.ts";
import { holderOf, holdTarget, takeTargetFrom, type Run } from "../../storage/run.ts";
import { stopRun } from "../approval/approval-cancel.ts";
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

/** Whether something is under way that an urgent run would stop. */
export async function isInTheWay({ database, run, asking }: StepRunner): Promise<boolean> {
  if (!asking.operation.urgent) return false;
  const holder = await database.transaction(async (tx) => holderOf(tx, run.target));
  return holder !== undefined && holder.id !== run.id;
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
  if (!runner.asking.operation.urgent) return;
  let since: Date | undefined;
  for (;;) {
    const { holder, now } = await fencedOnTarget(runner, async (tx, now) => ({
      holder: await stopHolder(tx, now, runner, n),
      now,
    }));
    if (!holder) return;
    since ??= now;
    if (now.getTime() - since.getTime() > STOPS_WITHIN_MS) {
      throw new Refusal("stale", [
        `${runName(holder.id)} (${holder.operation}) was asked to stop and did not within 2 minutes.`,
      ]);
    }
    await pause(LOOK_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

/** Asks whoever holds the target to stop. Undefined when the target is free, or is by this. */
async function stopHolder(
  tx: Transaction,
  now: Date,
  { run, origin }: StepRunner,
  n: number,
): Promise<Run | undefined> {
  const holder = await holderOf(tx, run.target);
  if (!holder || holder.id === run.id) return undefined;
  if (holder.state === "unknown" && (await takeTargetFrom(tx, holder.id))) return undefined;
  if (await stopRun(tx, now, origin, holder, run.actor)) {
    const place = { runId: run.id, n, epoch: run.epoch };
    await noteProgress(tx, place, { waitsFor: runName(holder.id) } satisfies Waiting);
    await stateChanged(tx, now, subjectOf(run));
  }
  return holderOf(tx, run.target);
}

const waitingSchema = z.object({ waitsFor: z.string() });
type Waiting = z.output<typeof waitingSchema>;

/** What a run waits for that has its yes already, for its card. */
export function waitingWords(steps: readonly JournalledStep[]): string | undefined {
  const open = steps.find(({ kind, state }) => kind === "ask" && state === "started");
  const waiting = waitingSchema.safeParse(open?.progress);
  return waiting.success
    ? `⏳ ${waiting.data.waitsFor} was asked to stop; this goes on when it has.`
    : undefined;
}
