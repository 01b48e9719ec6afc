import { z } from "zod";

import type { Check } from "../../checks/create-checks.ts";
import { shortened } from "../../core/visible-text.ts";
import type { Database } from "../../storage/database.ts";
import { keepSamples } from "../../storage/sample.ts";
import type { Systems } from "../../systems/index.ts";
import { NotConfiguredError } from "../../systems/not-configured-error.ts";
import { SystemError } from "../../systems/system-error.ts";
import { defineOperation, type Operation } from "../operation.ts";
import type { DeadLettersSettings } from "../worker/dead-letter-settings.ts";
import { lookAtDeadLetters } from "../worker/dead-letter.ts";
import { alertDetailsCard, alertDetailsParts } from "./alert-details-card.ts";
import { alertDetailsSchema, type AlertDetails } from "./alert-details-report.ts";

export type AlertDetailsParts = {
  readonly checks: readonly Pick<
    Check,
    "name" | "severity" | "timeoutMs" | "runbook" | "application" | "ask"
  >[];
  readonly database: Database;
  readonly target: string;
  readonly systems: Pick<Systems, "coolify" | "redis">;
  readonly deadLetters: DeadLettersSettings;
  /** Masks every secret that this process holds. */
  readonly scrub: (text: string) => string;
};

const inputSchema = z.strictObject({ check: z.string() });
const STEP = "look at once";
const LOG_LINES = 30;
const LOG_LINE_LIMIT = 400;
/** For a system that is asked beside the check. */
const BESIDE_TIMEOUT_MS = 15_000;
const SLACK_MS = 10_000;

/** Everything that tells more about a check in trouble, looked at now; what could not be looked at says so. */
export function createAlertDetails(parts: AlertDetailsParts): Operation {
  return defineOperation({
    name: "alert-details",
    summary: "a check looked at afresh, with its runbook, log and the newest dead letter",
    effect: "read",
    input: inputSchema,
    steps({ check: name }) {
      const check = parts.checks.find((one) => one.name === name);
      return [
        {
          kind: "look",
          name: STEP,
          timeoutMs: Math.max(check?.timeoutMs ?? 0, BESIDE_TIMEOUT_MS) + SLACK_MS,
          look: async ({ signal }) => lookAtOnce(parts, check, signal),
        },
      ];
    },
    conclude({ check }, results) {
      const details = alertDetailsSchema.parse(results[STEP]);
      return { verdict: details.status, facts: { check } };
    },
    card: alertDetailsCard,
    details: alertDetailsParts,
  });
}

async function lookAtOnce(
  parts: AlertDetailsParts,
  check: AlertDetailsParts["checks"][number] | undefined,
  signal: AbortSignal,
): Promise<AlertDetails> {
  const gone = "the configuration has no such check any more";
  if (!check) return { status: "unknown", observations: [], measurements: [], reason: gone };
  const [result, log, deadLetters] = await Promise.all([
    check.ask(signal),
    logOf(parts, check.application, signal),
    deadLettersOf(parts, signal),
  ]);
  signal.throwIfAborted();
  const { name, runbook } = check;
  await parts.database.transaction(async (tx, now) =>
    keepSamples(tx, now, parts.target, [{ ...result, check: name }]),
  );
  return {
    status: result.status,
    observations: [...result.observations],
    measurements: [...result.measurements],
    ...(result.reason === undefined ? {} : { reason: result.reason }),
    ...(runbook === undefined ? {} : { runbook }),
    ...(log === undefined ? {} : { log }),
    ...(deadLetters === undefined ? {} : { deadLetters }),
  };
}

async function logOf(
  { systems, scrub }: AlertDetailsParts,
  application: string | undefined,
  signal: AbortSignal,
): Promise<AlertDetails["log"]> {
  if (application === undefined) return undefined;
  return orWhyNot(scrub, async () => {
    const text = await systems.coolify.log(application, LOG_LINES, deadline(signal));
    // As a whole first: a key of many lines is one only while they stand together.
    const whole = scrub(text).trimEnd();
    const lines = whole === "" ? [] : whole.split(/\r?\n/).slice(-LOG_LINES);
    return { application, lines: lines.map((line) => shortened(line, LOG_LINE_LIMIT)) };
  });
}

async function deadLettersOf(
  { systems, deadLetters, scrub }: AlertDetailsParts,
  signal: AbortSignal,
): Promise<AlertDetails["deadLetters"]> {
  if (deadLetters === undefined) return undefined;
  return orWhyNot(scrub, async () =>
    lookAtDeadLetters(systems.redis, deadLetters, scrub, deadline(signal)),
  );
}

function deadline(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(BESIDE_TIMEOUT_MS)]);
}

/** What is missing beside the check must not hide what the check saw. */
async function orWhyNot<Seen>(
  scrub: (text: string) => string,
  look: () => Promise<Seen>,
): Promise<Seen | { readonly whyNot: string }> {
  try {
    return await look();
  } catch (error) {
    const isTold = error instanceof SystemError || error instanceof NotConfiguredError;
    if (isTold) return { whyNot: scrub(error.message) };
    const isLate = error instanceof Error && error.name === "TimeoutError";
    if (isLate) return { whyNot: "no answer in time" };
    throw error;
  }
}
