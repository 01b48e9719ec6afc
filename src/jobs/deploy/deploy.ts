import { z } from "zod";

import { GATES } from "../../core/deploy-gate.ts";
import { usualDurations } from "../../storage/run-step.ts";
import { defineOperation, type Operation, type Results } from "../operation.ts";
import type { Stage } from "./change-view.ts";
import { deployCard, deployDetails, deployLine } from "./deploy-card.ts";
import { deployBeginning, DEPLOY_STEPS } from "./deploy-report.ts";
import { deploySteps, plannedStages, type DeployParts } from "./deploy-steps.ts";
import { stayedGoodSchema } from "./deploy-watch.ts";
import { areOpen } from "./gate-look.ts";
import { migratedSchema, MIGRATION_STEPS } from "./migration-steps.ts";
import type { RolloutStep } from "./rollout-settings.ts";
import { readSignOff } from "./sign-off-view.ts";

const NAME = "deploy";

/** What people call the parts of a deployment. */
const WORDS: Readonly<Record<RolloutStep, string>> = {
  freeze: "freeze",
  backup: "backup",
  api: "api",
  migrate: "schema",
  ready: "ready",
  drain: "jobs",
  worker: "worker",
  job: "a job",
  smoke: "smoke",
  watch: "watch",
};

const inputSchema = z.strictObject({
  commit: z.string().optional(),
  overrides: z.array(z.strictObject({ gate: z.enum(GATES), because: z.string() })).default([]),
});

/** Puts exactly one release in place, behind gates, by somebody's yes, and proves it before anybody signs it. */
export function createDeploy(parts: DeployParts): Operation {
  const stagesFor = (results: Results): readonly Stage[] =>
    plannedStages(parts, results).map(({ name, steps }) => ({
      name: WORDS[name],
      steps: steps.map((step) => step.name),
    }));
  return defineOperation({
    name: NAME,
    summary: "one release, behind gates: API, schema, worker, proofs, sign-off",
    effect: "mutate",
    input: inputSchema,
    steps: (input) => deploySteps(parts, input),
    conclude: (_input, results) => ({ verdict: verdictOf(results), facts: factsOf(results) }),
    again: ({ commit }) => deployLine(commit),
    keeps: async (tx, runId) => ({
      durations: await usualDurations(tx, parts.target, NAME),
      signOff: await readSignOff(tx, runId),
    }),
    card: (view) => deployCard(view, stagesFor),
    details: deployDetails,
  });
}

function verdictOf(results: Results): string {
  const { gates } = deployBeginning(results);
  return gates && !areOpen(gates) ? "BLOCKED" : "DEPLOYED";
}

/** What the evidence keeps: what was put in place of what, on which schema, and what nobody may overlook. */
function factsOf(results: Results): Readonly<Record<string, string>> {
  const { source, gates } = deployBeginning(results);
  const migrated = migratedSchema.safeParse(results[MIGRATION_STEPS.after]).data;
  const watched = stayedGoodSchema.safeParse(results[DEPLOY_STEPS.watch]).data;
  const shut = (gates?.gates ?? []).filter(({ ok }) => !ok);
  const facts = {
    release: source?.commit ?? "",
    meant: source?.meant ?? "",
    "shut-gates": shut.map(({ name, words }) => `${name}: ${words}`).join("; "),
    "passed-by-word": shut
      .filter(({ overriddenBecause }) => overriddenBecause !== undefined)
      .map(({ name }) => name)
      .join(", "),
    "schema-from": migrated?.from.join(", ") ?? "",
    "schema-to": migrated?.to.join(", ") ?? "",
    blips: watched?.blips.join(", ") ?? "",
    "not-yet": watched?.notYet.join(", ") ?? "",
  };
  return Object.fromEntries(Object.entries(facts).filter(([, text]) => text !== ""));
}
