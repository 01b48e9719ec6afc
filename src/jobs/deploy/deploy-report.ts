import { z } from "zod";

import type { Facts } from "../../core/approval.ts";
import { runningCommit } from "../../core/release.ts";
import type { Results } from "../operation.ts";
import { releaseHistorySchema, type ReleaseHistory } from "../rollback/release-history.ts";
import { releaseSightSchema, type ReleaseSight } from "../rollback/release-sight.ts";
import { observedOf } from "../rollback/rollback-plan.ts";
import { gatesSchema, type SeenGates } from "./gate-look.ts";

/** The steps around what a deployment does; what it does lies between the word and the sign-off. */
export const DEPLOY_STEPS = {
  source: "what is to be deployed",
  sight: "what runs now",
  history: "what lies between",
  gates: "how the gates stand",
  ask: "somebody says yes",
  word: "the gates that were passed",
  freeze: "nothing deploys by itself",
  api: "the API is deployed",
  apiEnds: "the API runs the release",
  ready: "the release is live and ready",
  drain: "the known jobs have ended",
  worker: "the worker is deployed",
  workerEnds: "the worker runs the release",
  watch: "the release stays good",
  signOff: "the sign-off is open",
} as const;

/** The parts of a deployment that are flows, whose steps carry these names before their own. */
export const FLOW_PARTS = { job: "job", smoke: "smoke" } as const;

const sourceSchema = z.object({ commit: z.string(), meant: z.string() });
const historySchema = z.object({ history: releaseHistorySchema.nullable() });

/** What the last step of a deployment leaves: what is known of the way back, for whoever signs. */
export const signOffSchema = z.object({
  former: z.string().nullable(),
  /** Null when nobody can see the images now. */
  isKept: z.boolean().nullable(),
  /** Whether the smoke flow is the one that proves that the worker completes a job. */
  smokeProvesJobs: z.boolean(),
  /** Whether the team is one person, who reviews what it asked for. */
  alone: z.boolean(),
  /** Where the schema stood then; null where that is not configured. */
  schemaRevision: z.string().nullable(),
});

/** What the looks before the question have seen, as far as they have got. */
export function deployBeginning(results: Results): {
  readonly source: z.output<typeof sourceSchema> | undefined;
  readonly sight: ReleaseSight | undefined;
  readonly gates: SeenGates | undefined;
  readonly history: ReleaseHistory | undefined;
} {
  return {
    source: sourceSchema.safeParse(results[DEPLOY_STEPS.source]).data,
    sight: releaseSightSchema.safeParse(results[DEPLOY_STEPS.sight]).data,
    gates: gatesSchema.safeParse(results[DEPLOY_STEPS.gates]).data,
    history: historySchema.safeParse(results[DEPLOY_STEPS.history]).data?.history ?? undefined,
  };
}

/** What the API runs before it; undefined on a first rollout. */
export function formerIn(results: Results): string | undefined {
  const { sight } = deployBeginning(results);
  const api = sight?.applications.find(({ role }) => role === "api");
  return api && runningCommit(api);
}

/** The commit that people said yes to. */
export function commitIn(results: Results): string {
  return sourceSchema.parse(results[DEPLOY_STEPS.source]).commit;
}

/** By what a rollout is signed, beside its fields. */
export function signedOn(results: Results): {
  readonly alone: boolean;
  readonly schemaRevision: string | undefined;
} {
  const { alone, schemaRevision } = signOffSchema.parse(results[DEPLOY_STEPS.signOff]);
  return { alone, schemaRevision: schemaRevision ?? undefined };
}

/** What a yes rests on: what runs, the schema, and that every gate stands as it did. */
export function deployObserved(sight: ReleaseSight, { gates }: Pick<SeenGates, "gates">): Facts {
  const standings = gates.map(({ name, ok, overriddenBecause }): [string, string] => [
    `gate-${name}`,
    ok ? "open" : overriddenBecause === undefined ? "shut" : "passed by word",
  ]);
  return { ...observedOf(sight, true), ...Object.fromEntries(standings) };
}
