import { formatDuration } from "../core/duration.ts";
import { scrub } from "../core/redaction.ts";
import { statusOf } from "../core/status.ts";
import type { CheckResult, Observation } from "../core/status.ts";
import { shortened, visibleText } from "../core/visible-text.ts";
import { pause, untilAborted } from "../core/waiting.ts";
import { NotConfiguredError } from "../systems/not-configured-error.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckObserved } from "./check-kind.ts";

/** What runCheck needs to know of a check. */
export type Runnable = {
  readonly timeoutMs: number;
  /** How often a look that failed, or could not be had, is repeated within the timeout. */
  readonly retryAfterFailure: number;
  observe(signal: AbortSignal): Promise<CheckObserved>;
};

const RETRY_PAUSE_MS = 200;
/** What a system gets to say in its own words what it was waiting for when the time ran out. */
const LAST_WORDS_MS = 50;
const TEXT_LIMIT = 160;
const REASON_LIMIT = 300;

/**
 * Asks a check and always has an answer within its timeout, even when its kind ignores the signal. Whatever goes wrong
 * with the asking is `unknown`, a bug of ours included: nothing but an observation can make a check pass.
 */
export async function runCheck(
  check: Runnable,
  signal: AbortSignal,
  scrubText: (text: string) => string = scrub,
): Promise<CheckResult> {
  const startedAt = performance.now();
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(check.timeoutMs)]);
  const lastMoment = AbortSignal.any([
    signal,
    AbortSignal.timeout(check.timeoutMs + LAST_WORDS_MS),
  ]);
  const shown = (text: string, limit: number): string =>
    shortened(visibleText(scrubText(text)), limit);
  try {
    const { observed, retries } = await untilAborted(observe(check, deadline), lastMoment);
    const observations = observed.observations.map((each) => shownObservation(each, shown));
    const measurements = [...(observed.measurements ?? [])];
    if (retries > 0) measurements.push({ name: "retries", value: retries });
    const status = statusOf(observations);
    const durationMs = performance.now() - startedAt;
    const result = { status, observations, measurements, durationMs };
    return status === "unknown"
      ? { ...result, reason: shown(observed.reason ?? "nothing was observed", REASON_LIMIT) }
      : result;
  } catch (error) {
    return {
      status: error instanceof NotConfiguredError ? "not-configured" : "unknown",
      observations: [],
      measurements: [],
      reason: shown(reasonOf(error, check, signal), REASON_LIMIT),
      durationMs: performance.now() - startedAt,
    };
  }
}

type Observed = { readonly observed: CheckObserved; readonly retries: number };

async function observe(check: Runnable, deadline: AbortSignal): Promise<Observed> {
  for (let retries = 0; ; retries += 1) {
    const outcome = await look(check, deadline);
    const isWorthAnother = retries < check.retryAfterFailure && mayChange(outcome);
    if (isWorthAnother) await pause(RETRY_PAUSE_MS, deadline);
    if (isWorthAnother && !deadline.aborted) continue;
    if ("error" in outcome) throw outcome.error;
    return { observed: outcome, retries };
  }
}

type Outcome = CheckObserved | { readonly error: unknown };

async function look(check: Runnable, deadline: AbortSignal): Promise<Outcome> {
  try {
    return await check.observe(deadline);
  } catch (error) {
    return { error };
  }
}

/** A pass is a pass, and a bug gives the same answer every time. */
function mayChange(outcome: Outcome): boolean {
  if ("error" in outcome) return outcome.error instanceof SystemError;
  return statusOf(outcome.observations) !== "pass";
}

function shownObservation(
  { what, expected, actual, ok }: Observation,
  shown: (text: string, limit: number) => string,
): Observation {
  return {
    what: shown(what, TEXT_LIMIT),
    expected: shown(expected, TEXT_LIMIT),
    actual: shown(actual, TEXT_LIMIT),
    ok,
  };
}

function reasonOf(error: unknown, check: Runnable, signal: AbortSignal): string {
  if (signal.aborted) return "stopped before it had an answer";
  if (error instanceof SystemError || error instanceof NotConfiguredError) return error.message;
  if (error instanceof Error && error.name === "TimeoutError") {
    return `no answer within ${formatDuration(check.timeoutMs)}`;
  }
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `the check itself is broken: ${words}`;
}
