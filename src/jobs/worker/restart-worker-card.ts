import { line, type Card, type CardPart } from "../../core/card.ts";
import { changeCard } from "../../core/change-card.ts";
import { shortCommit } from "../../core/release.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import { changeRun, stagesOf, type Stage } from "../deploy/change-view.ts";
import type { RunView } from "../operation.ts";
import { verdictName } from "../smoke/flow-within.ts";
import { heldJobsOf, heldProgressSchema } from "./held-jobs.ts";
import {
  DEPLOY,
  DEPLOYED,
  HELD,
  JOB,
  LOOK,
  workerSeen,
  type WorkerSeen,
} from "./restart-worker-report.ts";

const NAMED_AT_MOST = 3;

/** One card from the question until a job of the new worker is completed. */
export function restartWorkerCard(
  view: RunView<unknown>,
  { seesJobs }: { readonly seesJobs: boolean },
): Card {
  const { run, approval, steps, now, timeZone } = view;
  const seen = workerSeen(resultOf(steps, LOOK));
  return changeCard({
    target: run.target,
    operation: "restart worker",
    done: "worker restarted",
    run: changeRun(run),
    approval,
    change:
      seen === undefined
        ? []
        : [
            [{ bold: seen.application }, ` anew, same code ${shortCommit(seen.commit)}`],
            [standing(seen)],
          ],
    why: undefined,
    steps: stagesOf(stages(seesJobs), view).map((stage) =>
      stage.name === HELD ? { ...stage, progress: heldWords(steps) } : stage,
    ),
    cautions: cautions(steps, seesJobs),
    notUndone: undefined,
    standing: seen === undefined ? [] : [standing(seen)],
    advice: lostWords(steps),
    again: { label: "Ask again", command: "restart worker" },
    now,
    timeZone,
  });
}

/** What was seen before, and what was lost by it. */
export function restartWorkerDetails({ steps }: RunView<unknown>): readonly CardPart[] {
  const seen = workerSeen(resultOf(steps, LOOK));
  return [
    ...(seen === undefined
      ? []
      : [line(standing(seen)), line({ faint: "commit " }, { code: seen.commit })]),
    ...lostWords(steps).map((text) => line(text)),
  ];
}

function stages(seesJobs: boolean): readonly Stage[] {
  return [
    ...(seesJobs ? [{ name: HELD, steps: [HELD] }] : []),
    { name: DEPLOY, steps: [DEPLOY, DEPLOYED] },
    { name: "job completed", steps: [verdictName(JOB)] },
  ];
}

function standing({ application, status }: WorkerSeen): string {
  return `${application} was ${status} in Coolify.`;
}

/** Stopped, a worker loses the job in its hands; what is in the queue stays there. */
function cautions(steps: readonly JournalledStep[], seesJobs: boolean): readonly string[] {
  if (steps.some(({ name }) => name === DEPLOY)) return [];
  const held = heldJobsOf({ [HELD]: resultOf(steps, HELD) ?? null }, HELD);
  if (held !== undefined && held.length > 0) return [`It still holds ${named(held)}: lost by it.`];
  return seesJobs
    ? ["Waits up to a minute for the jobs in its hands; one that does not end then is lost."]
    : ["A job in its hands is lost; which, nobody can see: rollout.jobs is not configured."];
}

function lostWords(steps: readonly JournalledStep[]): readonly string[] {
  const held = heldJobsOf({ [HELD]: resultOf(steps, HELD) ?? null }, HELD) ?? [];
  const wasStopped = steps.some(({ name, state }) => name === DEPLOY && state === "done");
  return held.length > 0 && wasStopped ? [`Lost in its hands: ${named(held)}.`] : [];
}

/** What the worker still holds while that is waited for. */
function heldWords(steps: readonly JournalledStep[]): string | undefined {
  const progress = steps.find(({ name }) => name === HELD)?.progress;
  const held = heldProgressSchema.safeParse(progress).data?.held;
  if (held === undefined) return undefined;
  return held === 1 ? "It holds 1 job." : `It holds ${held} jobs.`;
}

function named(held: readonly { readonly id: string; readonly topic: string }[]): string {
  const shown = held.slice(0, NAMED_AT_MOST).map(({ id, topic }) => `${topic} ${id.slice(0, 8)}`);
  const rest = held.length - shown.length;
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}

function resultOf(steps: readonly JournalledStep[], name: string): JournalledStep["result"] {
  return steps.find((step) => step.name === name)?.result ?? null;
}
