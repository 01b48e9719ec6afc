import { z } from "zod";

import { pause } from "../../core/waiting.ts";
import type { Systems } from "../../systems/index.ts";
import type { LookStep, Results } from "../operation.ts";
import {
  jobsBetweenAttempts,
  jobsInQueue,
  notEnded,
  type JobsPlace,
  type KnownJob,
} from "./drain-step.ts";

export type HeldJobsParts = {
  readonly name: string;
  readonly systems: Pick<Systems, "redis" | "postgres">;
  readonly jobs: JobsPlace;
  readonly withinMs: number;
  readonly everyMs?: number;
};

const heldSchema = z.object({
  /** What the worker still held when patience was over: stopped now, it loses them for good. */
  held: z.array(z.object({ id: z.string(), topic: z.string() })),
});

const EVERY_MS = 1_000;
const SLACK_MS = 15_000;

/**
 * Waits for a moment in which a worker holds no job that we know of, and goes on without one when it does not come: a worker
 * that has to be restarted may be stuck. A job in its hands is in no list; it is known by having left the queue while we
 * looked, or by the row of an attempt that another one follows. What waits in the queue is safe there.
 */
export function heldJobsStep({ name, systems, jobs, withinMs, ...parts }: HeldJobsParts): LookStep {
  return {
    kind: "look",
    name,
    timeoutMs: withinMs + SLACK_MS,
    async look({ signal, report }) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
      const seen = new Map<string, KnownJob>();
      const note = (known: readonly KnownJob[]): void =>
        known.forEach((job) => void seen.set(job.id, job));
      note(await jobsInQueue(systems, jobs, signal));
      for (;;) {
        // Between these two a job that is taken shows as held, which its next look mends.
        await pause(parts.everyMs ?? EVERY_MS, patience);
        signal.throwIfAborted();
        note(await jobsBetweenAttempts(systems, jobs, signal));
        const waiting = await jobsInQueue(systems, jobs, signal);
        const queued = new Set(waiting.map(({ id }) => id));
        const taken = [...seen.values()].filter(({ id }) => !queued.has(id));
        const held = await notEnded(systems, jobs, taken, signal);
        if (held.length === 0 || patience.aborted) {
          return { held: held.map(({ id, topic }) => ({ id, topic })) };
        }
        report({ held: held.length });
        seen.clear();
        note([...held, ...waiting]);
      }
    },
  };
}

/** What it came to; undefined where it was not looked at. */
export function heldJobsOf(
  results: Results,
  name: string,
): z.output<typeof heldSchema>["held"] | undefined {
  return heldSchema.safeParse(results[name]).data?.held;
}

/** What is told of it while it waits. */
export const heldProgressSchema = z.object({ held: z.number() });
