import { z } from "zod";

import {
  isComplete,
  VARIABLE_WAYS,
  variableStandings,
  type VariableStanding,
} from "../../core/secret-plan.ts";
import type { Secret } from "../../core/secret.ts";
import type { Coolify } from "../../systems/coolify.ts";
import type { LookStep } from "../operation.ts";
import type { ConfiguredVariable } from "./secrets-init-settings.ts";

/** The variables of a target, and the Coolify that holds them. */
export type SecretsParts = {
  readonly coolify: Pick<Coolify, "variables" | "createVariable">;
  readonly variables: readonly ConfiguredVariable[];
  /** Values that a terminal holds ready, by the name of the variable; in its process alone, and in no other place. */
  readonly supplied: ReadonlyMap<string, Secret>;
  /** How long to wait when Coolify says that it was asked too often; its own measure is a minute. */
  readonly allowedAgainMs?: number;
};

export const LOOK = "look at the variables";
const LOOK_TIMEOUT_MS = 30_000;

export const standingsSchema = z.array(
  z.strictObject({
    name: z.string(),
    set: z.array(z.string()),
    missing: z.array(z.string()),
    way: z.enum(VARIABLE_WAYS),
    problem: z.string().optional(),
  }),
);

export function applicationsOf(variables: SecretsParts["variables"]): readonly string[] {
  return [...new Set(variables.flatMap(({ applications }) => applications))];
}

/** Reads what is there. What it gives back are names: a value is compared here, and goes nowhere. */
export function lookAtVariables({ coolify, variables, supplied }: SecretsParts): LookStep {
  return {
    kind: "look",
    name: LOOK,
    timeoutMs: LOOK_TIMEOUT_MS,
    async look({ signal }) {
      const found = await Promise.all(
        applicationsOf(variables).map(async (name) => {
          const there = await coolify.variables(name, signal);
          return [name, there] as const;
        }),
      );
      return variableStandings(variables, new Map(found), supplied).map((standing) => ({
        ...standing,
      }));
    },
  };
}

/** How all variables stood when they were looked at; undefined when they were not. */
export function standingsFrom(result: unknown): readonly VariableStanding[] | undefined {
  return standingsSchema.safeParse(result).data;
}

/** GO when nothing is left to do, NO-GO when something is. */
export function verdictOn(standings: readonly VariableStanding[] | undefined): string {
  if (standings === undefined) return "UNKNOWN";
  return isComplete(standings) ? "GO" : "NO-GO";
}

/** What the evidence keeps: names by application, and what is wrong. */
export function factsOf(standings: readonly VariableStanding[]): Readonly<Record<string, string>> {
  const listed = (where: "set" | "missing"): string =>
    [...new Set(standings.flatMap((standing) => standing[where]))]
      .map((application) => {
        const names = standings.filter((one) => one[where].includes(application));
        return `${application}: ${names.map(({ name }) => name).join(" ")}`;
      })
      .join("; ");
  const problems = standings.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [`${name} ${problem}`],
  );
  const facts = { set: listed("set"), missing: listed("missing"), problems: problems.join("; ") };
  return Object.fromEntries(Object.entries(facts).filter(([, text]) => text !== ""));
}
