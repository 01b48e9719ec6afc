import { z } from "zod";

import type { CheckResult } from "../../core/status.ts";
import { shortened } from "../../core/visible-text.ts";
import { pause } from "../../core/waiting.ts";
import type { LookStep } from "../operation.ts";

/** A check as a step needs it: it can be asked, and it answers within its own timeout. */
type Askable = {
  readonly name: string;
  readonly timeoutMs: number;
  ask(signal: AbortSignal): Promise<CheckResult>;
};

const EVERY_MS = 1_000;
const SLACK_MS = 10_000;
const SEEN_LIMIT = 160;

/** What waiting for checks came to, as the journal keeps it. */
export const checksPassedSchema = z.object({
  passed: z.array(z.string()),
  tookMs: z.number(),
});

/**
 * Asks checks until all of them pass at once, and fails with what they said last when that takes too long. A check that
 * the configuration has no more was not looked at, so it never passes.
 */
export function checksPassStep(wait: {
  readonly name: string;
  readonly checks: readonly Askable[];
  readonly names: readonly string[];
  readonly withinMs: number;
  readonly disturbs?: readonly string[];
  readonly everyMs?: number;
}): LookStep {
  const { name, names, withinMs, disturbs } = wait;
  const asked = wait.checks.filter((check) => names.includes(check.name));
  const slowestMs = Math.max(0, ...asked.map(({ timeoutMs }) => timeoutMs));
  return {
    kind: "look",
    name,
    timeoutMs: withinMs + slowestMs + SLACK_MS,
    ...(disturbs === undefined ? {} : { disturbs }),
    async look({ signal, report }) {
      const startedAt = performance.now();
      const patience = AbortSignal.timeout(withinMs);
      while (true) {
        const results = await Promise.all(
          asked.map(async (check) => ({ name: check.name, result: await check.ask(signal) })),
        );
        signal.throwIfAborted();
        const wrong = [
          ...names.filter((one) => !asked.some((check) => check.name === one)).map(goneWords),
          ...results.filter(({ result }) => result.status !== "pass").map(troubleWords),
        ];
        if (wrong.length === 0) {
          const tookMs = Math.round(performance.now() - startedAt);
          return { passed: [...names], tookMs } satisfies z.input<typeof checksPassedSchema>;
        }
        if (patience.aborted) throw new Error(wrong.join("; "));
        report({ waitsFor: wrong });
        await pause(wait.everyMs ?? EVERY_MS, AbortSignal.any([signal, patience]));
      }
    },
  };
}

/** What somebody reads while it waits. */
export const checksWaitSchema = z.object({ waitsFor: z.array(z.string()) });

function goneWords(name: string): string {
  return `${name}: the configuration has no such check`;
}

/** What is wrong with a check, in one line. */
export function troubleWords({
  name,
  result: { status, observations, reason },
}: {
  readonly name: string;
  readonly result: CheckResult;
}): string {
  const wrong = observations.find(({ ok }) => !ok);
  const seen = wrong
    ? `${wrong.what} should be ${wrong.expected}, is ${wrong.actual}`
    : (reason ?? status);
  return shortened(`${name}: ${seen}`, SEEN_LIMIT);
}
