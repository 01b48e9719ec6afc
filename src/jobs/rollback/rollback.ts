import { z } from "zod";

import { usualDurations } from "../../storage/run-step.ts";
import { deploymentIn } from "../deploy/deployment-step.ts";
import { defineOperation, type Operation, type Results } from "../operation.ts";
import { flowWithin } from "../smoke/flow-within.ts";
import { againCommand, rollbackCard, rollbackDetails } from "./rollback-card.ts";
import { deployName, endedIn, planIn } from "./rollback-report.ts";
import {
  flowsOf,
  rollbackSteps,
  type RollbackInput,
  type RollbackParts,
} from "./rollback-steps.ts";

const inputSchema = z.strictObject({
  to: z
    .string()
    .regex(/^[0-9a-f]{4,64}$/)
    .optional(),
  why: z.string().optional(),
  breakGlass: z.boolean().optional(),
  rule: z.string().optional(),
  automatic: z.boolean().optional(),
});

export const ROLLBACK = "rollback";
const VERDICT = "ROLLED BACK";

/** Goes back to a release that ran before: the way out of a bad night, so it waits for no gate and takes over what hangs. */
export function createRollback(parts: RollbackParts): Operation {
  const { rollout, target } = parts;
  const flows = Object.fromEntries(
    flowsOf(parts).map(({ part, flow }) => [
      part,
      flowWithin(part, flow, parts).map(({ name }) => name),
    ]),
  );
  return defineOperation({
    name: ROLLBACK,
    summary: "an earlier release in place of the present one, and proved",
    effect: "mutate",
    urgent: true,
    input: inputSchema,
    steps: (input) => rollbackSteps(input, parts),
    conclude: (input, results) => ({ verdict: VERDICT, facts: factsOf(input, results) }),
    again: (input) => againCommand(input),
    keeps: async (tx) => usualDurations(tx, target, ROLLBACK),
    card: (view) => rollbackCard(view, { restoreRunbook: rollout.restoreRunbook, flows }),
    details: rollbackDetails,
  });
}

/** What the evidence keeps beside the approval's own entries: which deployments it came to, and what it rested on. */
function factsOf(
  { why, breakGlass, rule, automatic }: RollbackInput,
  results: Results,
): Readonly<Record<string, string>> {
  const { to, applications, schemaRevision, lesson } = planIn(results);
  const changed = applications.filter(({ isRedeployed }) => isRedeployed);
  return {
    to,
    ...Object.fromEntries(changed.map(({ role, from }) => [`${role}-from`, from ?? "unknown"])),
    ...Object.fromEntries(
      changed.flatMap(({ role }) => {
        const ended = endedIn(results)[role];
        const deployment = ended?.ok ? ended.deployment : deploymentIn(results[deployName(role)]);
        return deployment ? [[`${role}-deployment`, deployment] as const] : [];
      }),
    ),
    schema: schemaRevision ?? "unknown",
    "known-by": lesson?.lesson ?? "nothing",
    ...(why === undefined ? {} : { why }),
    ...(rule === undefined ? {} : { rule }),
    ...(automatic === true ? { automatic: "yes" } : {}),
    ...(breakGlass === true ? { "break-glass": "yes" } : {}),
  };
}
