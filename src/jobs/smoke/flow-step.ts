import { spelt, valueAt } from "../../checks/json-expectation.ts";
import { formatDuration } from "../../core/duration.ts";
import type { Observation } from "../../core/status.ts";
import { pause } from "../../core/waiting.ts";
import { storableText } from "../../storage/storable.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { Results, Step, StepContext } from "../operation.ts";
import { see, type FlowSystems, type Sight } from "./flow-look.ts";
import { isReading } from "./flow-problems.ts";
import {
  leftBehind,
  reportsOf,
  shownObservation,
  shownReason,
  shownText,
  type FlowReport,
} from "./flow-report.ts";
import type { Flow, FlowStep, WaitStep } from "./flow-settings.ts";
import {
  filledText,
  namesIn,
  RUN_VARIABLE,
  UnfitValueError,
  type Scalar,
  type Variables,
} from "./flow-variables.ts";

export type FlowParts = {
  readonly systems: FlowSystems;
  /** Masks every secret that this process holds. */
  readonly scrub: (text: string) => string;
};

/** What a step may take beyond its own deadline before it counts as hung itself. */
const SLACK_MS = 10_000;
/** One look of many: a server that hangs must not use up all the time in which what is awaited may come. */
const EACH_LOOK_MS = 5_000;
const CAPTURE_LIMIT = 512;

/** A flow as steps of a run. They go on only as long as all is well; then comes what can be cleaned. */
export function flowSteps(flow: Flow, parts: FlowParts): readonly Step[] {
  return [
    ...flow.steps.map((step) => engineStep(step, "steps", parts)),
    ...flow.cleanup.map((step) => engineStep(step, "cleanup", parts)),
  ];
}

function engineStep(step: FlowStep, part: FlowReport["part"], parts: FlowParts): Step {
  const perform = async (context: StepContext): Promise<FlowReport> =>
    report(step, part, parts, context);
  const frame = {
    name: step.name,
    timeoutMs: step.within + SLACK_MS,
    applies: (results: Results) =>
      part === "steps" ? isAllWell(results) : isToBeCleaned(step, results),
  };
  if (!hasEffect(step)) return { kind: "look", ...frame, look: perform };
  return {
    kind: "act",
    ...frame,
    // Sending it again does no harm: with its key it is answered as before, or twice is the same as once.
    observe: async () => ({ kind: "absent" }),
    act: perform,
    outcomeOf: (result) => outcomeWord(result as FlowReport),
  };
}

/** Without an answer nobody knows whether it was done; an answer that is not as it should be was an answer. */
function outcomeWord({ status, observations }: FlowReport): string {
  if (status === "pass") return "ok";
  return observations.length > 0 ? "failed" : "unknown";
}

/** Whether a step may change the target, and so is an act of its own in journal and log. */
function hasEffect(step: FlowStep): boolean {
  return step.kind === "http" && !isReading(step.method) && step.effect !== "none";
}

function isAllWell(results: Results): boolean {
  return reportsOf(results).every((report) => report.status === "pass");
}

/** What was never made, or is gone already, needs no cleaning. */
function isToBeCleaned(step: FlowStep, results: Results): boolean {
  const reports = reportsOf(results);
  const known = variablesOf(reports, "");
  const { capture: _capture, leaves: _leaves, ...input } = step;
  if (!namesIn(input).every((name) => Object.hasOwn(known, name))) return false;
  return (
    step.removes === undefined || leftBehind(reports).some(({ thing }) => thing === step.removes)
  );
}

function variablesOf(reports: readonly FlowReport[], run: string): Variables {
  return Object.assign({ [RUN_VARIABLE]: run }, ...reports.map((report) => report.captured));
}

/** What came of looking or asking, whoever is to blame. */
type Outcome = {
  readonly status: FlowReport["status"];
  readonly observations: readonly Observation[];
  readonly reason?: string | undefined;
  readonly sight?: Sight | undefined;
};

async function report(
  step: FlowStep,
  part: FlowReport["part"],
  parts: FlowParts,
  context: StepContext,
): Promise<FlowReport> {
  const startedAt = performance.now();
  const variables = variablesOf(reportsOf(context.results), context.run);
  const outcome =
    step.kind === "wait-until"
      ? await waitFor(step, parts, variables, context)
      : await askOnce(step, parts, variables, context);
  context.signal.throwIfAborted();
  const { captured, problems } = capture(step, outcome.sight, parts.scrub);
  const observations = [...outcome.observations, ...problems];
  const status = outcome.status === "pass" && problems.length > 0 ? "fail" : outcome.status;
  const { reason, sight } = outcome;
  return {
    step: step.name,
    part,
    status,
    observations: observations.map((each) => shownObservation(each, parts.scrub)),
    durationMs: Math.round(performance.now() - startedAt),
    captured,
    left: left(step, { ...variables, ...captured }, parts.scrub),
    ...(reason === undefined ? {} : { reason: shownReason(reason, parts.scrub) }),
    ...(sight?.requestId === undefined ? {} : { requestId: sight.requestId }),
    ...(step.removes === undefined ? {} : { removes: step.removes }),
    ...(step.proves === undefined ? {} : { proves: step.proves }),
    ...(step.lookAt === undefined ? {} : { lookAt: step.lookAt }),
  };
}

async function askOnce(
  step: Exclude<FlowStep, WaitStep>,
  { systems }: FlowParts,
  variables: Variables,
  { signal, key }: StepContext,
): Promise<Outcome> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(step.within)]);
  try {
    const sight = await see(systems, step, variables, { signal: deadline, key });
    const observations = judged(step, sight);
    return { status: statusOf(observations), observations, reason: repeats(sight), sight };
  } catch (error) {
    const outcome = withoutAnswer(error, step.kind);
    return hasEffect(step) && outcome.status === "fail"
      ? { ...outcome, reason: `${outcome.reason}; whether it was done is not known` }
      : outcome;
  }
}

async function waitFor(
  { look, every, within, giveUp }: WaitStep,
  { systems }: FlowParts,
  variables: Variables,
  { signal }: StepContext,
): Promise<Outcome> {
  const patience = AbortSignal.timeout(within);
  const deadline = AbortSignal.any([signal, patience]);
  let last: Outcome | undefined;
  while (!deadline.aborted) {
    try {
      const each = AbortSignal.any([deadline, AbortSignal.timeout(EACH_LOOK_MS)]);
      const sight = await see(systems, look, variables, { signal: each });
      const observations = judged(look, sight);
      const status = statusOf(observations);
      if (status === "pass") return { status, observations, sight };
      if (giveUp && sight.judge(giveUp.when).every(({ ok }) => ok)) {
        const told =
          giveUp.telling === undefined ? undefined : valueAt(sight.value, giveUp.telling);
        const reason = `waiting is over: ${told === undefined ? "it will not come any more" : spelt(told)}`;
        return { status, observations, reason, sight };
      }
      const reason = `it did not come within ${formatDuration(within)}`;
      last = { status, observations, reason, sight };
    } catch (error) {
      // A look that the end of patience cut short says nothing against what was seen before it.
      if (last === undefined || !patience.aborted) last = withoutAnswer(error, look.kind);
    }
    await pause(every, deadline);
  }
  return last ?? { status: "unknown", observations: [], reason: "there was no time to look" };
}

function judged(asked: Parameters<typeof see>[1], sight: Sight): readonly Observation[] {
  return asked.expect === undefined ? [] : sight.judge(asked.expect);
}

/** Unlike a check's, a look without an expectation passes by being answered. */
function statusOf(observations: readonly Observation[]): "pass" | "fail" {
  return observations.every(({ ok }) => ok) ? "pass" : "fail";
}

function repeats({ attempts }: Sight): string | undefined {
  return attempts > 1 ? `asked ${attempts} times until it answered` : undefined;
}

/** The product owes us an answer; our own windows into its stores do not. */
function withoutAnswer(error: unknown, kind: "http" | "sql" | "redis"): Outcome {
  if (error instanceof UnfitValueError) {
    return { status: "fail", observations: [], reason: error.message };
  }
  if (!(error instanceof SystemError)) throw error;
  const isOurs = kind !== "http" || error.kind === "rate-limited" || error.kind === "rejected";
  return { status: isOurs ? "unknown" : "fail", observations: [], reason: error.message };
}

/** Variables from an answer. What cannot be kept in the journal fails the step, for what needs it could not be resumed. */
function capture(
  step: FlowStep,
  sight: Sight | undefined,
  scrub: (text: string) => string,
): { readonly captured: Record<string, Scalar>; readonly problems: readonly Observation[] } {
  const captured: Record<string, Scalar> = {};
  const problems: Observation[] = [];
  if (sight === undefined) return { captured, problems };
  for (const [name, path] of Object.entries(step.capture)) {
    const value = valueAt(sight.value, path);
    const problem = unfitness(value, scrub);
    if (problem === undefined) captured[name] = value as Scalar;
    else problems.push({ what: path, expected: `a value for ${name}`, actual: problem, ok: false });
  }
  return { captured, problems };
}

function unfitness(value: unknown, scrub: (text: string) => string): string | undefined {
  if (typeof value === "boolean") return undefined;
  if (typeof value === "number") {
    // JSON's numbers have no end and ours do: what was rounded would name something else.
    const isExact = Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
    return isExact ? undefined : "a number too large to be kept exactly";
  }
  if (typeof value !== "string") return spelt(value);
  if (value === "") return "empty";
  if (storableText(value) !== value) return "a text with half a character or a NUL in it";
  if (value.length > CAPTURE_LIMIT) return `a text of ${value.length} characters`;
  return scrub(value) === value ? undefined : "something that looks like a secret, and is not kept";
}

/** Told even of a step that failed: what is named by what was learnt is there. */
function left(
  { leaves = [] }: FlowStep,
  variables: Variables,
  scrub: (text: string) => string,
): FlowReport["left"] {
  return leaves
    .filter((thing) => namesIn(thing).every((name) => Object.hasOwn(variables, name)))
    .map((thing) => ({ thing, text: shownText(filledText(thing, variables), scrub) }));
}
