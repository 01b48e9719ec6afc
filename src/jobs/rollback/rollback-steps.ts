import type { ApprovalPolicy } from "../../core/approval.ts";
import type { Json } from "../../core/json.ts";
import type { CheckResult } from "../../core/status.ts";
import type { Systems } from "../../systems/index.ts";
import {
  cancelActiveStep,
  deploymentEndsStep,
  deploymentIn,
  deployStep,
} from "../deploy/deployment-step.ts";
import { freezeStep } from "../deploy/freeze-step.ts";
import { checksPassStep } from "../deploy/health-steps.ts";
import type { ActStep, AskStep, LookStep, Step, StepContext } from "../operation.ts";
import type { Flow, SmokeSettings } from "../smoke/flow-settings.ts";
import type { FlowParts } from "../smoke/flow-step.ts";
import { flowWithin, verdictName } from "../smoke/flow-within.ts";
import { historyBetween } from "./release-history.ts";
import { APPLICATION_ROLES, seeReleases, type ApplicationRole } from "./release-sight.ts";
import type { ReleaseParts } from "./release-sight.ts";
import type { TellOfBrokenGlass } from "./rollback-break-glass.ts";
import { learnStep } from "./rollback-lesson.ts";
import { observedOf, parametersOf, planRollback } from "./rollback-plan.ts";
import {
  cancelName,
  deployName,
  endedIn,
  lookedIn,
  plannedFor,
  planIn,
  ROLLBACK_STEPS,
  type EndedDeployments,
  type Looked,
} from "./rollback-report.ts";

export type RollbackParts = Omit<ReleaseParts, "systems"> &
  FlowParts & {
    readonly systems: FlowParts["systems"] & Pick<Systems, "coolify" | "postgres" | "gitHistory">;
    readonly smoke: SmokeSettings;
    readonly checks: readonly {
      readonly name: string;
      readonly timeoutMs: number;
      readonly application: string | undefined;
      ask(signal: AbortSignal): Promise<CheckResult>;
    }[];
    /** Who says yes on an ordinary day. */
    readonly policy: Exclude<ApprovalPolicy, "break-glass">;
    /** The rules that may act without anybody's yes. */
    readonly automaticRules: readonly string[];
    readonly tellOfBrokenGlass: TellOfBrokenGlass;
  };

/** What somebody asks for. */
export type RollbackInput = {
  /** The beginning of a commit's hash; left out, it is the newest release that is known good. */
  readonly to?: string | undefined;
  readonly why?: string | undefined;
  /** Whoever asks is alone, and says why in `why`. */
  readonly breakGlass?: boolean | undefined;
  /** The rule of the configuration that asks for it. */
  readonly rule?: string | undefined;
  /** That rule may act without anybody's yes. */
  readonly automatic?: boolean | undefined;
};

const LOOK_TIMEOUT_MS = 60_000;
/** Asking Coolify takes seconds; what comes of it is waited for elsewhere. */
const DEPLOY_TIMEOUT_MS = 90_000;
const VERDICT_TIMEOUT_MS = 10_000;
const SLACK_MS = 30_000;

/**
 * Looks, asks, and then: nothing more comes in, what hangs is ended, both applications go back side by side, and the target
 * proves that it is well. Nothing of the schema, the data and the variables is touched.
 */
export function rollbackSteps(input: RollbackInput, parts: RollbackParts): readonly Step[] {
  const applications = applicationsIn(parts);
  const flows = flowsOf(parts);
  return [
    lookStep(input, parts),
    askStep(input, parts),
    ...(input.breakGlass === true ? [tellStep(input, parts)] : []),
    freezeStep({
      name: ROLLBACK_STEPS.freeze,
      coolify: parts.systems.coolify,
      applicationsOf: (results) =>
        planIn(results)
          .applications.filter(({ freezes }) => freezes)
          .map(({ name }) => name),
    }),
    ...applications.map((application) => cancelStep(application, parts)),
    ...applications.map((application) => backStep(application, parts)),
    endStep(parts),
    placedStep(),
    checksPassStep({
      name: ROLLBACK_STEPS.ready,
      checks: parts.checks,
      names: parts.rollout.ready,
      withinMs: parts.rollout.readyWithin,
      disturbs: disturbedBy(parts),
    }),
    ...flows.flatMap(({ part, flow }) => flowWithin(part, flow, parts)),
    learnStep(parts, (results) => flows.some(({ part }) => verdictName(part) in results)),
  ];
}

type NamedApplication = { readonly role: ApplicationRole; readonly name: string };

function applicationsIn({ rollout }: RollbackParts): readonly NamedApplication[] {
  return APPLICATION_ROLES.flatMap((role) => {
    const name = rollout[role];
    return name === undefined ? [] : [{ role, name }];
  });
}

/** The flows that prove a release: that the worker completes a job, and that the whole does what it is there for. */
export function flowsOf({ rollout, smoke }: Pick<RollbackParts, "rollout" | "smoke">): readonly {
  readonly part: string;
  readonly flow: Flow;
}[] {
  const proof = rollout.flow ?? smoke?.flow;
  const named = (part: string, name: string | undefined) => {
    const flow = name === undefined ? undefined : smoke?.flows[name];
    return flow === undefined ? [] : [{ part, flow }];
  };
  const { jobFlow } = rollout;
  return [...(jobFlow === proof ? [] : named("job", jobFlow)), ...named("smoke", proof)];
}

function lookStep(input: RollbackInput, parts: RollbackParts): LookStep {
  return {
    kind: "look",
    name: ROLLBACK_STEPS.look,
    timeoutMs: LOOK_TIMEOUT_MS,
    async look({ signal }) {
      const sight = await seeReleases(parts, signal);
      const planned = planRollback(sight, input.to);
      if (!planned.ok) throw new Error(planned.problem);
      const { plan } = planned;
      const observed = observedOf(sight, plan.schemaRevision !== null);
      const from = plan.applications.find((one) => one.isRedeployed && one.from !== null)?.from;
      const ends = { from: from ?? undefined, to: plan.to };
      const history = await historyBetween(ends, parts, signal);
      return asJson({ plan, observed, history } satisfies Looked);
    },
  };
}

/** Dates as they will be read back from the journal. */
function asJson(looked: Looked): Json {
  return JSON.parse(JSON.stringify(looked)) as Json;
}

function askStep(
  { why, breakGlass, rule, automatic }: RollbackInput,
  parts: RollbackParts,
): AskStep {
  // A rule cannot confirm what it asks for itself.
  const policy = rule === undefined ? parts.policy : "second-person";
  // Whether a rule has to ask is for the configuration to say: a row in the database asks for anything.
  const isAlone = automatic === true && parts.automaticRules.includes(rule ?? "");
  return {
    kind: "ask",
    name: ROLLBACK_STEPS.ask,
    timeoutMs: LOOK_TIMEOUT_MS,
    applies: () => !isAlone,
    question(results) {
      const looked = lookedIn(results);
      if (!looked) throw new Error("what runs was not looked at");
      return {
        policy: breakGlass === true ? "break-glass" : policy,
        needsCode: breakGlass === true,
        parameters: parametersOf(looked.plan, why),
        observed: looked.observed,
      };
    },
    async observe({ results, signal }) {
      const sight = await seeReleases(parts, signal);
      return observedOf(sight, planIn(results).schemaRevision !== null);
    },
  };
}

function tellStep({ why = "" }: RollbackInput, parts: RollbackParts): LookStep {
  return {
    kind: "look",
    name: ROLLBACK_STEPS.tell,
    timeoutMs: LOOK_TIMEOUT_MS,
    look: async ({ run, results }) => parts.tellOfBrokenGlass({ run, to: planIn(results).to, why }),
  };
}

function cancelStep({ role, name }: NamedApplication, { systems }: RollbackParts): ActStep {
  return cancelActiveStep({
    name: cancelName(role),
    coolify: systems.coolify,
    application: name,
    deploymentsOf: (results) => plannedFor(results, role)?.cancels ?? [],
  });
}

function backStep({ role, name }: NamedApplication, parts: RollbackParts): ActStep {
  return deployStep({
    name: deployName(role),
    coolify: parts.systems.coolify,
    application: name,
    commitOf: (results) => planIn(results).to,
    timeoutMs: DEPLOY_TIMEOUT_MS,
    disturbs: disturbedBy(parts),
    applies: (results) => plannedFor(results, role)?.isRedeployed === true,
  });
}

/** Waits for both, whatever comes of one of them: where the target stands is known only when both have ended. */
function endStep(parts: RollbackParts): LookStep {
  const ends = applicationsIn(parts).map(({ role, name }) => ({
    role,
    step: deploymentEndsStep({
      name: ROLLBACK_STEPS.end,
      coolify: parts.systems.coolify,
      application: name,
      deploymentOf: (results) => deploymentIn(results[deployName(role)]),
      commitOf: (results) => planIn(results).to,
      withinMs: parts.rollout.deploymentWithin,
    }),
  }));
  return {
    kind: "look",
    name: ROLLBACK_STEPS.end,
    timeoutMs: Math.max(...ends.map(({ step }) => step.timeoutMs)) + SLACK_MS,
    whenCancelled: "Coolify goes on with the deployments that were asked for",
    async look(context) {
      const { results, signal, report } = context;
      const awaited = ends.filter(({ role }) => plannedFor(results, role)?.isRedeployed === true);
      const progress: Record<string, Json> = {};
      const ended = awaited.map(async ({ role, step }) => {
        const reportOwn: StepContext["report"] = (own) => {
          progress[role] = own;
          report({ ...progress });
        };
        return [role, await endOf(step, { ...context, report: reportOwn }, parts)] as const;
      });
      const outcomes: EndedDeployments = Object.fromEntries(await Promise.all(ended));
      signal.throwIfAborted();
      return outcomes;
    },
  };
}

async function endOf(
  step: LookStep,
  context: StepContext,
  { scrub }: RollbackParts,
): Promise<EndedDeployments[string]> {
  try {
    const ended = await step.look(context);
    return { ok: true, deployment: deploymentIn(ended) ?? "" };
  } catch (error) {
    context.signal.throwIfAborted();
    return { ok: false, reason: scrub(error instanceof Error ? error.message : String(error)) };
  }
}

function placedStep(): LookStep {
  return {
    kind: "look",
    name: ROLLBACK_STEPS.placed,
    timeoutMs: VERDICT_TIMEOUT_MS,
    async look({ results }) {
      const reasons = Object.values(endedIn(results)).flatMap((one) =>
        one.ok ? [] : [one.reason],
      );
      if (reasons.length > 0) throw new Error(reasons.join("; "));
      return { commit: planIn(results).to };
    },
  };
}

/** What cannot be well while containers are replaced. */
function disturbedBy({ checks, rollout }: RollbackParts): readonly string[] {
  const own: readonly (string | undefined)[] = [rollout.api, rollout.worker];
  return checks
    .filter(
      ({ name, application }) =>
        rollout.ready.includes(name) || (application !== undefined && own.includes(application)),
    )
    .map(({ name }) => name);
}
