import { z } from "zod";

import { shortCommit } from "../../core/release.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import type { Results } from "../operation.ts";
import { releaseHistorySchema } from "./release-history.ts";
import type { ApplicationRole } from "./release-sight.ts";
import { rollbackPlanSchema, type PlannedApplication, type RollbackPlan } from "./rollback-plan.ts";

export const ROLLBACK_STEPS = {
  look: "what runs is looked at",
  ask: "somebody says yes",
  tell: "everybody is told",
  freeze: "auto-deploy is off",
  end: "the deployments come to their end",
  placed: "the release is in place",
  ready: "the target is ready",
  learn: "what is learnt of the releases",
} as const;

export function cancelName(role: ApplicationRole): string {
  return `what is deployed to the ${role} is cancelled`;
}

export function deployName(role: ApplicationRole): string {
  return `the ${role} is deployed`;
}

/** The flows that prove it, as parts of the run. */
export const ROLLBACK_FLOWS = ["job", "smoke"] as const;

const lookedSchema = z.object({
  plan: rollbackPlanSchema,
  observed: z.record(z.string(), z.string()),
  history: releaseHistorySchema.nullable(),
});
export type Looked = z.output<typeof lookedSchema>;

/** What the look before the question found; undefined before it has, or when it found that nothing can be done. */
export function lookedIn(results: Results): Looked | undefined {
  return lookedSchema.safeParse(results[ROLLBACK_STEPS.look]).data;
}

/** The plan that was agreed on. */
export function planIn(results: Results): RollbackPlan {
  const looked = lookedIn(results);
  if (!looked) throw new Error("what runs was not looked at");
  return looked.plan;
}

export function plannedFor(
  results: Results,
  role: ApplicationRole,
): PlannedApplication | undefined {
  return lookedIn(results)?.plan.applications.find((one) => one.role === role);
}

const endedSchema = z.record(
  z.string(),
  z.union([
    z.object({ ok: z.literal(true), deployment: z.string() }),
    z.object({ ok: z.literal(false), reason: z.string() }),
  ]),
);
export type EndedDeployments = z.output<typeof endedSchema>;

/** How each deployment that was waited for came to its end. */
export function endedIn(results: Results): EndedDeployments {
  return endedSchema.safeParse(results[ROLLBACK_STEPS.end]).data ?? {};
}

/** What the journal knows of a run. */
export function journalledResults(steps: readonly JournalledStep[]): Results {
  return Object.fromEntries(
    steps.filter(({ state }) => state === "done").map(({ name, result }) => [name, result]),
  );
}

/** Where the target stands by what was last seen: which application runs which release, and what nobody knows. */
export function standingOf(steps: readonly JournalledStep[]): readonly string[] {
  const results = journalledResults(steps);
  const looked = lookedIn(results);
  if (!looked) return [];
  return looked.plan.applications.map((application) => {
    const { role, from } = application;
    const before = from === null ? "what it ran before" : shortCommit(from);
    const to = shortCommit(looked.plan.to);
    if (!application.isRedeployed) return `${role}: ${to}, as before`;
    const ended = endedIn(results)[role];
    if (ended?.ok === true) return `${role}: ${to}`;
    if (ended) return `${role}: not ${to}, which did not end well; before it ran ${before}`;
    const asked = steps.find(({ name }) => name === deployName(role));
    switch (asked?.state) {
      case undefined:
      case "failed":
      case "cleared":
        return `${role}: ${before}, as before`;
      case "started":
      case "unknown":
        return `${role}: ${before}, or ${to} by now: nobody can tell`;
      case "done":
        return `${role}: ${to} was asked for, and its end was not waited for`;
    }
  });
}
