import { z } from "zod";

import type { Check } from "../../checks/create-checks.ts";
import type { Facts } from "../../core/approval.ts";
import { runningCommit } from "../../core/release.ts";
import { usualDurations } from "../../storage/run-step.ts";
import { isActiveDeployment } from "../../systems/coolify.ts";
import type { Systems } from "../../systems/index.ts";
import type { ApprovalsSettings } from "../approval/approval-settings.ts";
import { deploymentEndsStep, deploymentIn, deployStep } from "../deploy/deployment-step.ts";
import type { RolloutSettings } from "../deploy/rollout-settings.ts";
import {
  defineOperation,
  type Conclusion,
  type Operation,
  type Results,
  type Step,
} from "../operation.ts";
import type { SmokeSettings } from "../smoke/flow-settings.ts";
import { flowWithin } from "../smoke/flow-within.ts";
import { heldJobsOf, heldJobsStep } from "./held-jobs.ts";
import { restartWorkerCard, restartWorkerDetails } from "./restart-worker-card.ts";
import {
  ASK,
  DEPLOY,
  DEPLOYED,
  HELD,
  JOB,
  LOOK,
  workerSeenOf,
  type WorkerSeen,
} from "./restart-worker-report.ts";

export type RestartWorkerParts = {
  readonly target: string;
  readonly rollout: RolloutSettings | undefined;
  readonly checks: readonly Pick<Check, "name" | "application">[];
  readonly smoke: SmokeSettings;
  readonly systems: Pick<Systems, "coolify" | "redis" | "postgres" | "http">;
  readonly approvals: ApprovalsSettings;
  /** Masks every secret that this process holds. */
  readonly scrub: (text: string) => string;
};

type Frame = RestartWorkerParts & { readonly rollout: RolloutSettings; readonly worker: string };

const NAME = "restart-worker";
const LOOK_TIMEOUT_MS = 30_000;
const ASK_TIMEOUT_MS = 15 * 60_000;
const DEPLOY_TIMEOUT_MS = 90_000;
/** Nobody restarts a worker that does well, so what it holds may never end. */
const HELD_WITHIN_MS = 60_000;

/** Makes the worker's container anew from the commit that runs, by the one call of Coolify that ships no other code. */
export function createRestartWorker(parts: RestartWorkerParts): Operation | undefined {
  const { rollout } = parts;
  if (rollout?.worker === undefined) return undefined;
  const frame: Frame = { ...parts, rollout, worker: rollout.worker };
  return defineOperation({
    name: NAME,
    summary: "the worker started anew, with the code and the settings that it has",
    effect: "mutate",
    input: z.strictObject({}),
    steps: () => stepsOf(frame),
    conclude: (_input, results) => conclude(frame, results),
    keeps: async (tx) => usualDurations(tx, parts.target, NAME),
    again: () => "restart worker",
    card: (view) => restartWorkerCard(view, { seesJobs: rollout.jobs !== undefined }),
    details: restartWorkerDetails,
  });
}

function stepsOf(frame: Frame): readonly Step[] {
  const { rollout, worker, systems, checks, smoke } = frame;
  const { coolify } = systems;
  const commitOf = (results: Results): string => workerSeenOf(results).commit;
  const disturbs = checks
    .filter(({ application }) => application === worker)
    .map(({ name }) => name);
  const flow = rollout.jobFlow === undefined ? undefined : smoke?.flows[rollout.jobFlow];
  return [
    lookStep(frame),
    askStep(frame),
    ...(rollout.jobs
      ? [heldJobsStep({ name: HELD, systems, jobs: rollout.jobs, withinMs: HELD_WITHIN_MS })]
      : []),
    deployStep({
      name: DEPLOY,
      coolify,
      application: worker,
      commitOf,
      timeoutMs: DEPLOY_TIMEOUT_MS,
      disturbs,
    }),
    deploymentEndsStep({
      name: DEPLOYED,
      coolify,
      application: worker,
      deploymentOf: (results) => deploymentIn(results[DEPLOY]),
      commitOf,
      withinMs: rollout.deploymentWithin,
      disturbs,
    }),
    ...(flow ? flowWithin(JOB, flow, frame) : []),
  ];
}

function lookStep(frame: Frame): Step {
  return {
    kind: "look",
    name: LOOK,
    timeoutMs: LOOK_TIMEOUT_MS,
    async look({ signal }): Promise<WorkerSeen> {
      const { commit, deployment, underWay } = await seeWorker(frame, signal);
      if (underWay !== undefined) {
        throw new Error(
          `Coolify is deploying ${frame.worker} already (${underWay}), which starts it anew too`,
        );
      }
      if (commit === undefined || deployment === undefined) {
        throw new Error(
          `Coolify lists no finished deployment of ${frame.worker}, so nobody knows what runs`,
        );
      }
      const { state } = await frame.systems.coolify.application(frame.worker, signal);
      return { application: frame.worker, commit, deployment, status: state };
    },
  };
}

function askStep(frame: Frame): Step {
  return {
    kind: "ask",
    name: ASK,
    timeoutMs: ASK_TIMEOUT_MS,
    question(results) {
      const { application, commit, deployment } = workerSeenOf(results);
      return {
        policy: frame.approvals[NAME] ?? "second-person",
        needsCode: false,
        parameters: { application, commit },
        observed: observed({ commit, deployment, underWay: undefined }),
      };
    },
    observe: async ({ signal }) => observed(await seeWorker(frame, signal)),
  };
}

type Deployments = {
  readonly commit: string | undefined;
  readonly deployment: string | undefined;
  readonly underWay: string | undefined;
};

async function seeWorker(
  { systems: { coolify }, worker }: Frame,
  signal: AbortSignal,
): Promise<Deployments> {
  const rows = (await coolify.deployments(worker, signal)).filter(({ isPreview }) => !isPreview);
  const finished = rows
    .filter(({ status }) => status === "finished")
    .map((row) => ({ ...row, at: row.finishedAt ?? row.createdAt }));
  return {
    commit: runningCommit({ finished }),
    deployment: finished[0]?.uuid,
    underWay: rows.find(isActiveDeployment)?.uuid,
  };
}

function observed({ commit, deployment, underWay }: Deployments): Facts {
  return {
    "running-commit": commit ?? "unknown",
    "newest-deployment": deployment ?? "none",
    "under-way": underWay ?? "nothing",
  };
}

function conclude({ worker }: Frame, results: Results): Conclusion {
  const { commit } = workerSeenOf(results);
  const held = heldJobsOf(results, HELD) ?? [];
  const deployment = deploymentIn(results[DEPLOY]);
  const facts = {
    application: worker,
    commit,
    ...(deployment === undefined ? {} : { deployment }),
    ...(held.length === 0
      ? {}
      : { lost: held.map(({ id, topic }) => `${topic} ${id}`).join(", ") }),
  };
  return { verdict: "RESTARTED", facts };
}
