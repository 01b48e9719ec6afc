import { z } from "zod";

import { formatDuration } from "../../core/duration.ts";
import type { CheckResult } from "../../core/status.ts";
import { pause } from "../../core/waiting.ts";
import type { LookStep, Results } from "../operation.ts";
import { troubleWords } from "./health-steps.ts";
import type { RolloutSettings } from "./rollout-settings.ts";

type Askable = {
  readonly name: string;
  ask(signal: AbortSignal): Promise<CheckResult>;
};

const SLACK_MS = 10_000;

/** What a release that stayed good leaves in the journal. */
export const stayedGoodSchema = z.object({
  looks: z.number(),
  lastedMs: z.number(),
  /** Checks that looked bad once or more and were good again, which nobody is woken for and everybody should know. */
  blips: z.array(z.string()),
  /** Checks that were not good when it began, and need not have been: on a first rollout not all can be. */
  notYet: z.array(z.string()).default([]),
});

/** What somebody reads while it is watched. */
export const watchProgressSchema = z.object({ leftMs: z.number(), bad: z.array(z.string()) });

/**
 * Asks checks again and again for as long as a release has to stay good, and fails as soon as one of them is not. A single
 * bad look is a blip; so many in a row are a release gone bad. It does not end in the middle of a bad stretch. What never
 * was good cannot stay so: where that is to be expected it is told of, and otherwise it is bad.
 */
export function stayGoodStep(parts: {
  readonly name: string;
  readonly watch: RolloutSettings["watch"];
  /** What has to stay good, by what was bad before. */
  checksFor(results: Results): readonly Askable[];
  /** Whether this one may be bad when the watch begins, and is then only told of. */
  mayBeginBad(check: string, results: Results): boolean;
  readonly slowestMs: number;
}): LookStep {
  const { name, watch, slowestMs } = parts;
  const endMs = watch.badLooks * (watch.every + slowestMs);
  return {
    kind: "look",
    name,
    timeoutMs: watch.lasts + endMs + SLACK_MS,
    async look({ signal, results: earlier, report }) {
      let checks = parts.checksFor(earlier);
      let notYet: readonly string[] = [];
      const startedAt = performance.now();
      const lastedMs = (): number => performance.now() - startedAt;
      const badLooks = new Map<string, number>();
      const blips = new Set<string>();
      for (let looks = 1; ; looks += 1) {
        const results = await Promise.all(
          checks.map(async (check) => ({ name: check.name, result: await check.ask(signal) })),
        );
        signal.throwIfAborted();
        if (looks === 1) {
          notYet = results
            .filter((one) => isBad(one.result) && parts.mayBeginBad(one.name, earlier))
            .map((one) => one.name);
          checks = checks.filter((check) => !notYet.includes(check.name));
        }
        const watched = results.filter((one) => !notYet.includes(one.name));
        const bad = watched.filter(({ result }) => isBad(result));
        for (const { name: check, result } of watched) {
          badLooks.set(check, isBad(result) ? (badLooks.get(check) ?? 0) + 1 : 0);
        }
        const worst = bad.find(({ name: check }) => (badLooks.get(check) ?? 0) >= watch.badLooks);
        if (worst) {
          const words = bad.map(troubleWords).join("; ");
          throw new Error(`it went bad after ${formatDuration(lastedMs())}: ${words}`);
        }
        for (const { name: check } of bad) blips.add(check);
        const leftMs = Math.max(0, Math.round(watch.lasts - lastedMs()));
        if (leftMs === 0 && bad.length === 0) {
          return {
            looks,
            lastedMs: Math.round(lastedMs()),
            blips: [...blips],
            notYet: [...notYet],
          };
        }
        report({ leftMs, bad: bad.map(({ name: check }) => check) });
        await pause(leftMs === 0 ? watch.every : Math.min(watch.every, leftMs), signal);
        signal.throwIfAborted();
      }
    },
  };
}

/** Not being able to look is no way of staying good. */
function isBad({ status }: CheckResult): boolean {
  return status === "fail" || status === "unknown";
}
