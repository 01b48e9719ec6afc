import type { z } from "zod";

import type { Check } from "../../checks/create-checks.ts";
import type { ApprovalPolicy } from "../../core/approval.ts";
import type { Override } from "../../core/deploy-gate.ts";
import { jsonSchema, type Json } from "../../core/json.ts";
import { runningCommit } from "../../core/release.ts";
import { parseRunName } from "../../core/run-name.ts";
import { stateChanged } from "../../storage/outbox.ts";
import { meetRelease } from "../../storage/release.ts";
import { findRun } from "../../storage/run.ts";
import { openSignOff } from "../../storage/sign-off.ts";
import type { Systems } from "../../systems/index.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { BackupParts } from "../backup/backup-parts.ts";
import { STEPS as BACKUP_STEPS } from "../backup/backup-report.ts";
import { createBackup } from "../backup/backup.ts";
import { record, subjectOf, type RecordOrigin } from "../engine/run-record.ts";
import type { AskStep, LookStep, Results, Step } from "../operation.ts";
import { historyBetween } from "../rollback/release-history.ts";
import { seeReleases, type ReleaseParts } from "../rollback/release-sight.ts";
import type { SmokeSettings } from "../smoke/flow-settings.ts";
import type { FlowParts } from "../smoke/flow-step.ts";
import { flowWithin } from "../smoke/flow-within.ts";
import { drainStep } from "../worker/drain-step.ts";
import {
  commitIn,
  DEPLOY_STEPS,
  deployBeginning,
  deployObserved,
  FLOW_PARTS,
  formerIn,
  type signOffSchema,
} from "./deploy-report.ts";
import { resolveSource } from "./deploy-source.ts";
import { stayGoodStep } from "./deploy-watch.ts";
import { deploymentEndsStep, deploymentIn, deployStep } from "./deployment-step.ts";
import { freezeStep } from "./freeze-step.ts";
import { areOpen, seeGates, type GateParts } from "./gate-look.ts";
import { checksPassStep } from "./health-steps.ts";
import { migrationSteps } from "./migration-steps.ts";
import type { RolloutStep } from "./rollout-settings.ts";
import { schemaRevisions } from "./schema-revision.ts";

export type DeployParts = Omit<GateParts, "hasBackups" | "checks"> &
  ReleaseParts &
  FlowParts & {
    readonly systems: Pick<
      Systems,
      "coolify" | "git" | "gitHistory" | "postgres" | "redis" | "http" | "databaseLocks"
    >;
    readonly checks: readonly Check[];
    readonly smoke: SmokeSettings;
    readonly backup: BackupParts | undefined;
    readonly policy: Exclude<ApprovalPolicy, "break-glass">;
    readonly origin: RecordOrigin;
  };

export type DeployInput = {
  /** The commit as it was typed; without one it is the head of the branch. */
  readonly commit?: string | undefined;
  readonly overrides: readonly Override[];
};

/** A part of what a deployment does, as the configuration names it, and its steps. */
type DeployStage = { readonly name: RolloutStep; readonly steps: readonly Step[] };

const SHORT_MS = 60_000;
const ACCEPTED_WITHIN_MS = 120_000;

/** What looks before anybody is asked, the question, what is done after a yes, and what opens the sign-off. */
export function deploySteps(parts: DeployParts, input: DeployInput): readonly Step[] {
  return [
    ...beginning(parts, input),
    ...[
      askStep(parts, input),
      wordStep(parts, input),
      ...deployStages(parts).flatMap(({ steps }) => steps),
      signOffStep(parts),
    ].map(whenOpen),
  ];
}

/** What is done after a yes, in the order of the configuration; what is not configured is left out. */
function deployStages(parts: DeployParts): readonly DeployStage[] {
  return parts.rollout.steps
    .map((name) => ({ name, steps: stageSteps(parts, name) }))
    .filter(({ steps }) => steps.length > 0);
}

/** What of it there is to do, by what was seen before anybody is asked. */
export function plannedStages(parts: DeployParts, results: Results): readonly DeployStage[] {
  return deployStages(parts).filter(({ steps }) =>
    steps.some((step) => step.applies?.(results) ?? true),
  );
}

/** Behind a shut gate nothing is asked and nothing done; that it is shut is what the run came to. */
function whenOpen(step: Step): Step {
  const applies = (results: Results): boolean => {
    const { gates } = deployBeginning(results);
    return gates !== undefined && areOpen(gates) && (step.applies?.(results) ?? true);
  };
  return { ...step, applies };
}

function beginning(parts: DeployParts, { commit, overrides }: DeployInput): readonly LookStep[] {
  return [
    {
      kind: "look",
      name: DEPLOY_STEPS.source,
      timeoutMs: SHORT_MS,
      look: async ({ signal }) => resolveSource(parts, commit, signal),
    },
    {
      kind: "look",
      name: DEPLOY_STEPS.sight,
      timeoutMs: SHORT_MS,
      look: async ({ signal }) => asJson(await seeReleases(parts, signal)),
    },
    {
      kind: "look",
      name: DEPLOY_STEPS.history,
      timeoutMs: SHORT_MS,
      applies: () => parts.rollout.repository !== undefined,
      async look({ results, signal }) {
        const ends = { from: formerIn(results), to: commitIn(results) };
        return { history: await historyBetween(ends, parts, signal) };
      },
    },
    {
      kind: "look",
      name: DEPLOY_STEPS.gates,
      timeoutMs: SHORT_MS,
      async look({ results }) {
        const { sight } = deployBeginning(results);
        if (sight === undefined) throw new Error("nobody knows what runs now");
        return asJson(await seeGates(gateParts(parts), sight, overrides));
      },
    },
  ];
}

function askStep(parts: DeployParts, { overrides }: DeployInput): AskStep {
  return {
    kind: "ask",
    name: DEPLOY_STEPS.ask,
    timeoutMs: SHORT_MS,
    question(results) {
      const { source, sight, gates } = deployBeginning(results);
      if (!source || !sight || !gates) throw new Error("it was not looked at before it is asked");
      const running = sight.applications.map((application): [string, string] => [
        application.role,
        `from ${runningCommit(application) ?? "nothing"}`,
      ]);
      const words = gates.gates.flatMap(({ name, overriddenBecause }): [string, string][] =>
        overriddenBecause === undefined ? [] : [[`passed-${name}`, overriddenBecause]],
      );
      return {
        policy: parts.policy,
        needsCode: false,
        parameters: {
          to: source.commit,
          meant: source.meant,
          ...Object.fromEntries(running),
          order: plannedStages(parts, results)
            .map(({ name }) => name)
            .join(", "),
          ...Object.fromEntries(words),
        },
        observed: deployObserved(sight, gates),
      };
    },
    async observe({ signal }) {
      const sight = await seeReleases(parts, signal);
      const { gates } = await seeGates(gateParts(parts), sight, overrides);
      return deployObserved(sight, { gates });
    },
  };
}

/** An entry of its own for each gate that is passed although it is shut, by whose word and why. */
function wordStep({ database, origin }: DeployParts, { overrides }: DeployInput): LookStep {
  return {
    kind: "look",
    name: DEPLOY_STEPS.word,
    timeoutMs: SHORT_MS,
    applies: () => overrides.length > 0,
    async look({ results, run: name }) {
      const passed = (deployBeginning(results).gates?.gates ?? []).filter(
        ({ overriddenBecause }) => overriddenBecause !== undefined,
      );
      await database.transaction(async (tx, now) => {
        const run = await findRun(tx, runIdOf(name));
        if (!run) return;
        for (const { name: gate, words, overriddenBecause = "" } of passed) {
          await record(tx, now, origin, run, {
            kind: "gate.overridden",
            one: gate,
            result: gate,
            facts: { gate, stands: words, because: overriddenBecause },
          });
        }
      });
      return { passed: passed.map(({ name: gate }) => gate) };
    },
  };
}

function stageSteps(parts: DeployParts, stage: RolloutStep): readonly Step[] {
  const { systems, rollout, checks, scrub } = parts;
  const { api, worker, jobs, migration, schema } = rollout;
  switch (stage) {
    case "freeze":
      return [
        freezeStep({
          name: DEPLOY_STEPS.freeze,
          coolify: systems.coolify,
          applicationsOf: (results) =>
            (deployBeginning(results).sight?.applications ?? [])
              .filter(({ deploysOnPush }) => deploysOnPush)
              .map(({ name }) => name),
        }),
      ];
    case "backup":
      return backupSteps(parts);
    case "api":
      return deployment(parts, { application: api, accepted: "api", ends: "apiEnds" });
    case "migrate":
      if (migration === undefined || schema === undefined) return [];
      return migrationSteps({
        systems,
        application: api,
        migration,
        database: schema.database,
        revisions: async (signal) => schemaRevisions(systems, schema, signal),
        scrub,
      });
    case "ready":
      return [
        checksPassStep({
          name: DEPLOY_STEPS.ready,
          checks,
          names: rollout.ready,
          withinMs: rollout.readyWithin,
        }),
      ];
    case "drain":
      if (worker === undefined || jobs === undefined) return [];
      return [
        drainStep({
          name: DEPLOY_STEPS.drain,
          systems,
          jobs,
          // Without a worker there are no jobs in anybody's hands, and nothing to ask for them.
          applies: (results) =>
            (deployBeginning(results).sight?.applications ?? []).some(
              ({ role, finished }) => role === "worker" && finished.length > 0,
            ),
        }),
      ];
    case "worker":
      if (worker === undefined) return [];
      return deployment(parts, { application: worker, accepted: "worker", ends: "workerEnds" });
    case "job":
      // What the smoke flow proves anyway need not be proved twice.
      if (worker === undefined || rollout.jobFlow === proofOf(parts)) return [];
      return flow(parts, FLOW_PARTS.job, rollout.jobFlow);
    case "smoke":
      return flow(parts, FLOW_PARTS.smoke, proofOf(parts));
    case "watch":
      return [
        stayGoodStep({
          name: DEPLOY_STEPS.watch,
          watch: rollout.watch,
          checksFor: (results) => watchedChecks(parts, results),
          // What is set up only once there is an API, such as its webhook, comes after the first rollout.
          mayBeginBad: (check, results) =>
            deployBeginning(results).gates?.isFirst === true && !rollout.ready.includes(check),
          slowestMs: Math.max(0, ...checks.map(({ timeoutMs }) => timeoutMs)),
        }),
      ];
  }
}

/** All but what thins the older backups: a deployment takes nothing away that one may want to go back to. */
function backupSteps({ backup }: DeployParts): readonly Step[] {
  if (backup === undefined) return [];
  return createBackup(backup)
    .steps({})
    .filter(({ name }) => name !== BACKUP_STEPS.retention)
    .map((step): Step => ({
      ...step,
      applies: (results) => deployBeginning(results).gates?.needsBackup === true,
    }));
}

function deployment(
  { systems: { coolify }, rollout, checks }: DeployParts,
  of: {
    readonly application: string;
    readonly accepted: "api" | "worker";
    readonly ends: "apiEnds" | "workerEnds";
  },
): readonly Step[] {
  const { application, accepted, ends } = of;
  const disturbs = checks
    .filter(({ name, application: about }) => about === application || isReady(name))
    .map(({ name }) => name);
  const common = { coolify, application, commitOf: commitIn, disturbs };
  return [
    deployStep({ ...common, name: DEPLOY_STEPS[accepted], timeoutMs: ACCEPTED_WITHIN_MS }),
    deploymentEndsStep({
      ...common,
      name: DEPLOY_STEPS[ends],
      deploymentOf: (results) => deploymentIn(results[DEPLOY_STEPS[accepted]]),
      withinMs: rollout.deploymentWithin,
    }),
  ];

  function isReady(name: string): boolean {
    return of.accepted === "api" && rollout.ready.includes(name);
  }
}

/** The flow that proves a release. */
function proofOf({ rollout, smoke }: DeployParts): string | undefined {
  return rollout.flow ?? smoke?.flow;
}

function flow(parts: DeployParts, part: string, name: string | undefined): readonly Step[] {
  const flows = parts.smoke?.flows ?? {};
  if (name === undefined || !Object.hasOwn(flows, name)) return [];
  return flowWithin(part, flows[name]!, parts);
}

/** What says that a release is up, and whatever wakes people; but for what woke them before it was deployed. */
function watchedChecks({ checks, rollout }: DeployParts, results: Results): readonly Check[] {
  const before = deployBeginning(results).gates?.pages ?? [];
  return checks.filter(
    ({ name, severity, appliesTo }) =>
      rollout.ready.includes(name) ||
      (severity === "page" && appliesTo.includes("running") && !before.includes(name)),
  );
}

/** Opens what people have to say of it, and keeps that this release was seen to be good. */
function signOffStep(parts: DeployParts): LookStep {
  const { database, target, systems, rollout } = parts;
  return {
    kind: "look",
    name: DEPLOY_STEPS.signOff,
    timeoutMs: SHORT_MS,
    async look({ results, run, signal }) {
      const former = formerIn(results) ?? null;
      const isKept = former === null ? null : await isImageKept(parts, former, signal);
      const schemaRevision =
        rollout.schema && (await schemaRevisions(systems, rollout.schema, signal)).join(" ");
      const runId = runIdOf(run);
      await database.transaction(async (tx, now) => {
        const superseded = await openSignOff(tx, now, target, runId);
        for (const id of superseded) await stateChanged(tx, now, subjectOf({ id }));
        const isProved = deployStages(parts).some(({ name }) => name === "smoke");
        if (!isProved) return;
        const commit = commitIn(results);
        await meetRelease(tx, now, target, { commit, lesson: "smoke-go", schemaRevision, runId });
      });
      const smokeProvesJobs = rollout.jobFlow === proofOf(parts);
      const alone = parts.policy === "confirm";
      return {
        former,
        isKept,
        smokeProvesJobs,
        alone,
        schemaRevision: schemaRevision ?? null,
      } satisfies z.input<typeof signOffSchema>;
    },
  };
}

/** Whether every application can go back without being built anew; null when nobody can see that. */
async function isImageKept(
  { systems: { coolify }, rollout: { api, worker } }: DeployParts,
  commit: string,
  signal: AbortSignal,
): Promise<boolean | null> {
  const names = worker === undefined ? [api] : [api, worker];
  try {
    const kept = await Promise.all(names.map(async (name) => coolify.rollbackImages(name, signal)));
    // What runs has an image, so an empty list only says that the server could not be asked.
    if (kept.some((images) => images.length === 0)) return null;
    return kept.every((images) => images.includes(commit));
  } catch (error) {
    if (error instanceof SystemError) return null;
    throw error;
  }
}

function gateParts({ database, target, checks, rollout, backup }: DeployParts): GateParts {
  return { database, target, checks, rollout, hasBackups: backup !== undefined };
}

/** As it will be read back by whoever goes on with the run. */
function asJson(seen: object): Json {
  return jsonSchema.parse(JSON.parse(JSON.stringify(seen)));
}

function runIdOf(name: string): string {
  const runId = parseRunName(name);
  if (runId === undefined) throw new Error(`${name} is no name of a run.`);
  return runId;
}
