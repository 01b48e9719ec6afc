import type { ActStep, LookStep, Results, Step, StepContext } from "../operation.ts";
import { explanationOf, flowVerdict, reportsOf, stoppedAt } from "./flow-report.ts";
import type { Flow } from "./flow-settings.ts";
import { flowSteps, type FlowParts } from "./flow-step.ts";

const VERDICT_TIMEOUT_MS = 10_000;

/**
 * A flow as a part of a longer run. Its steps carry the part's name before their own, so that two flows may have steps of
 * the same name, and they see nothing of the run but what they did themselves. Behind them stands a look that fails the
 * run unless the flow proved what it was there to prove.
 */
export function flowWithin(part: string, flow: Flow, parts: FlowParts): readonly Step[] {
  return [
    ...flowSteps(flow, parts).map((step) => within(part, step)),
    verdictStep(part, flow.steps.length),
  ];
}

/** The step that says whether a flow proved it. */
export function verdictName(part: string): string {
  return `${part} is GO`;
}

function verdictStep(part: string, stepCount: number): LookStep {
  return {
    kind: "look",
    name: verdictName(part),
    timeoutMs: VERDICT_TIMEOUT_MS,
    async look({ results }) {
      const reports = reportsOf(ownResults(part, results));
      const verdict = flowVerdict(reports, stepCount);
      if (verdict === "GO") return { verdict };
      const stopped = stoppedAt(reports);
      const where = stopped ? ` at "${stopped.step}": ${explanationOf(stopped)}` : "";
      throw new Error(`${part} is ${verdict}${where}`);
    },
  };
}

function within(part: string, step: Step): Step {
  const named = {
    name: nameWithin(part, step.name),
    applies: (results: Results) => step.applies?.(ownResults(part, results)) ?? true,
  };
  const seen = <Context extends StepContext>(context: Context): Context => ({
    ...context,
    results: ownResults(part, context.results),
  });
  if (step.kind === "ask") throw new Error(`A flow asks nobody, and "${step.name}" does.`);
  if (step.kind === "look") {
    const look: LookStep["look"] = async (context) => step.look(seen(context));
    return { ...step, ...named, look };
  }
  const observe: ActStep["observe"] = async (context) => step.observe(seen(context));
  const act: ActStep["act"] = async (context) => step.act(seen(context));
  return { ...step, ...named, observe, act };
}

function nameWithin(part: string, name: string): string {
  return `${part}: ${name}`;
}

/** What the part's own steps came to, by the names that they have in their flow. */
export function ownResults(part: string, results: Results): Results {
  const prefix = nameWithin(part, "");
  return Object.fromEntries(
    Object.entries(results)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, result]) => [name.slice(prefix.length), result]),
  );
}
