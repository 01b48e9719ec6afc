import { z } from "zod";

import type { Facts } from "../../core/approval.ts";
import { usualDurations } from "../../storage/run-step.ts";
import { rotationOfRun } from "../../storage/secret-rotation.ts";
import { defineOperation, type Operation, type Results } from "../operation.ts";
import { againCommand, rotationCard, rotationDetails } from "./rotation-card.ts";
import { deedFacts, lookedAt } from "./rotation-report.ts";
import {
  jobProof,
  openRotationOf,
  rotationSteps,
  type RotationInput,
  type RotationParts,
} from "./rotation-steps.ts";

const ROTATE = "rotate";

const inputSchema = z.strictObject({
  secret: z.string(),
  exposed: z.boolean().optional(),
  back: z.boolean().optional(),
});

/** Replaces a secret: the new one is proved before the old one is refused, and the old one is dead before it is destroyed. */
export function createRotation(parts: RotationParts): Operation {
  return defineOperation({
    name: ROTATE,
    summary: "a secret replaced by a new one, proved at both ends",
    effect: "mutate",
    input: inputSchema,
    steps: (input) => rotationSteps(input, parts),
    conclude: (input, results) => ({
      verdict: input.back === true ? "LED BACK" : "ROTATED",
      facts: factsOf(input, results),
    }),
    again: againCommand,
    keeps: async (tx, runId) => ({
      usual: await usualDurations(tx, parts.target, ROTATE),
      new: (await rotationOfRun(tx, runId))?.newFingerprint ?? null,
    }),
    card(view) {
      if (!Object.hasOwn(parts.rotated, view.input.secret)) return rotationCard(view, undefined);
      const opened = openRotationOf(view.input, parts);
      const proofs = jobProof(opened, parts).map(({ name }) => name);
      return rotationCard(view, { ...opened.procedure, proofs });
    },
    details: rotationDetails,
  });
}

/** What the evidence keeps: fingerprints, deployments, the gap where there was one; never a value. */
function factsOf({ secret }: RotationInput, results: Results): Facts {
  const { present, parameters = {}, isExposed } = lookedAt(results) ?? {};
  return {
    secret,
    ...parameters,
    ...(isExposed === true ? { exposed: "yes" } : {}),
    ...(typeof present === "string" ? { old: present } : {}),
    ...Object.fromEntries(
      Object.keys(results)
        .flatMap((name) => Object.entries(deedFacts(results, name)))
        // An application may have a number in its name, and what the evidence calls a fact has none.
        .map(([name, fact]) => [name.replaceAll(/[^a-z-]/g, ""), fact]),
    ),
  };
}
