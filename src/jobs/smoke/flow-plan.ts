import { formatDuration } from "../../core/duration.ts";
import { scrub } from "../../core/redaction.ts";
import { shortened } from "../../core/visible-text.ts";
import type { Flow, FlowStep, Look, SmokeSettings } from "./flow-settings.ts";

/** What one step would do, for whoever wants to know before it is done. */
export type PlannedStep = {
  readonly name: string;
  readonly does: string;
  readonly isCleanup: boolean;
};

export type SmokePlan = {
  readonly flow: string | undefined;
  readonly flows: Readonly<Record<string, readonly PlannedStep[]>>;
};

const LINE_LIMIT = 120;

/** Every flow of a target in words. */
export function planSmoke(smoke: SmokeSettings): SmokePlan {
  const flows = Object.entries(smoke?.flows ?? {}).map(([name, flow]) => [name, planOf(flow)]);
  return { flow: smoke?.flow, flows: Object.fromEntries(flows) };
}

/** The steps of a flow in words: method, host and path, never a header, a body or a store's address. */
function planOf(flow: Flow): readonly PlannedStep[] {
  const planned =
    (isCleanup: boolean) =>
    (step: FlowStep): PlannedStep => ({ name: step.name, does: wordsOf(step), isCleanup });
  return [...flow.steps.map(planned(false)), ...flow.cleanup.map(planned(true))];
}

function wordsOf(step: FlowStep): string {
  if (step.kind === "wait-until") {
    return `up to ${formatDuration(step.within)}, every ${formatDuration(step.every)}: ${lookWords(step.look)}`;
  }
  if (step.kind === "http" && step.idempotencyHeader !== undefined) {
    return `${lookWords(step)}, with a key of its own`;
  }
  return lookWords(step);
}

function lookWords(look: Look | Exclude<FlowStep, { readonly kind: "wait-until" }>): string {
  switch (look.kind) {
    case "http":
      return `${look.method} ${hostAndPath(look.url)}`;
    case "sql":
      return shortened(scrub(look.sql).replaceAll(/\s+/g, " ").trim(), LINE_LIMIT);
    case "redis":
      return `length of ${look.list} in Redis`;
  }
}

/** A query may hold a token; where it goes says enough. */
function hostAndPath(url: string): string {
  return shortened(scrub(url.replace(/^https?:\/\//, "").replace(/[?#].*$/s, "")), LINE_LIMIT);
}
