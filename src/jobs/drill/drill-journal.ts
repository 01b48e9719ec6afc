import { z } from "zod";

import type { DrillPhase } from "../../core/drill-answers.ts";
import {
  drillFindingSchema,
  findingOf,
  type DrillCheck,
  type DrillFinding,
  type Looked,
} from "../../core/drill-check.ts";
import type { Observation } from "../../core/status.ts";
import { pass } from "../../core/trace.ts";

const phaseSchema = z.object({
  name: z.string(),
  isRecovery: z.boolean(),
  startedAt: z.string(),
  durationMs: z.number(),
});

/** How far a drill has come: what a card shows while it runs. */
export const drillProgressSchema = z.object({
  phases: z.array(phaseSchema),
  findings: z.array(drillFindingSchema),
  current: z.string().optional(),
});
export type DrillProgress = z.output<typeof drillProgressSchema>;

/** Keeps what a drill did and found, phase by phase, and tells whoever watches. */
export type DrillJournal = {
  /** Does a part of the drill. Its failure is something that could not be seen, unless the drill was told to stop. */
  phase<Value>(
    name: string,
    purpose: "recovery" | "proof",
    work: () => Promise<Value>,
  ): Promise<Looked<Value>>;
  /** Writes down a finding and says whether it is one to go on from. */
  judge<Value>(
    check: DrillCheck,
    looked: Looked<Value>,
    judge: (value: Value) => readonly Observation[],
  ): boolean;
  readonly progress: () => DrillProgress;
};

export function createDrillJournal(parts: {
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly scrub: (text: string) => string;
  readonly report: (progress: DrillProgress) => void;
}): DrillJournal {
  const { signal, now, scrub, report } = parts;
  const phases: DrillPhase[] = [];
  const findings: DrillFinding[] = [];
  const progress = (current?: string): DrillProgress => ({
    phases: [...phases],
    findings: [...findings],
    ...(current === undefined ? {} : { current }),
  });
  return {
    async phase(name, purpose, work) {
      signal.throwIfAborted();
      report(progress(name));
      pass("drill.phase", name);
      const startedAt = now().toISOString();
      const began = performance.now();
      try {
        return { kind: "seen", value: await work() };
      } catch (error) {
        // Who told it to stop is not to be told that something could not be seen.
        signal.throwIfAborted();
        const reason = scrub(error instanceof Error ? error.message : String(error));
        return { kind: "unseen", reason: `${name}: ${reason}` };
      } finally {
        const durationMs = Math.round(performance.now() - began);
        phases.push({ name, isRecovery: purpose === "recovery", startedAt, durationMs });
      }
    },
    judge(check, looked, judge) {
      const finding = findingOf(check, looked, judge);
      findings.push(finding);
      report(progress());
      return finding.status === "pass";
    },
    progress: () => progress(),
  };
}
