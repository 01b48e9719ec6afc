import { z } from "zod";

import { missingIn, type VariableStanding } from "../../core/secret-plan.ts";
import type { Secret } from "../../core/secret.ts";
import { defineOperation, type Conclusion, type Operation, type Results } from "../operation.ts";
import { secretsCard, secretsDetails } from "./secrets-init-card.ts";
import {
  applicationsOf,
  factsOf,
  LOOK,
  lookAtVariables,
  standingsFrom,
  standingsSchema,
  verdictOn,
  type SecretsParts,
} from "./secrets-init-report.ts";
import { createMissing, stepNameOf } from "./secrets-init-step.ts";

const nothing = z.strictObject({});

/** Looks at what the target needs in Coolify, and puts it there; nothing where no variables are configured. */
export function createSecrets(parts: SecretsParts): readonly Operation[] {
  return parts.variables.length > 0 ? [createSecretsLook(parts), createSecretsInit(parts)] : [];
}

/** Says which variables of the target are set in Coolify, and how what is missing would come about; changes nothing. */
function createSecretsLook(parts: SecretsParts): Operation {
  return defineOperation({
    name: "secrets",
    summary: "which variables of the product are set; no value is read into anything",
    effect: "read",
    input: nothing,
    steps: () => [lookAtVariables(parts)],
    conclude: (_input, results) => conclude(results),
    card: secretsCard,
    details: secretsDetails,
  });
}

/** What was found missing, by names alone. */
const inputSchema = z.strictObject({
  missing: standingsSchema.transform((standings): readonly VariableStanding[] => standings),
});

/**
 * Puts what is missing into Coolify, and overwrites nothing. Whoever admits it holds the values that were typed: a run
 * that another process goes on with can only make, copy or take from the configuration.
 */
function createSecretsInit(parts: SecretsParts): Operation {
  return defineOperation({
    name: "secrets-init",
    summary: "puts the variables that are missing into Coolify",
    effect: "mutate",
    input: inputSchema,
    steps({ missing }) {
      const made = new Map<string, Secret>();
      const lacking = applicationsOf(parts.variables).filter(
        (application) => missingIn(missing, application).length > 0,
      );
      return [
        ...lacking.map((application) => {
          const names = missingIn(missing, application).map(({ name }) => name);
          return createMissing(parts, made, application, names);
        }),
        lookAtVariables(parts),
      ];
    },
    conclude({ missing }, results) {
      const { verdict, facts } = conclude(results);
      const lacking = [...new Set(missing.flatMap((one) => one.missing))];
      const created = lacking.flatMap((application) => {
        const names = z.array(z.string()).safeParse(results[stepNameOf(application)]).data ?? [];
        return names.length === 0 ? [] : [`${application}: ${names.join(" ")}`];
      });
      return { verdict, facts: { created: created.join("; ") || "none", ...facts } };
    },
    card: secretsCard,
    details: secretsDetails,
  });
}

function conclude(results: Results): Conclusion {
  const standings = standingsFrom(results[LOOK]);
  return { verdict: verdictOn(standings), facts: standings ? factsOf(standings) : {} };
}
