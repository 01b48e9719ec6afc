import { z } from "zod";

import type { JournalledStep } from "../../storage/run-step.ts";
import type { Results } from "../operation.ts";

/** The steps of a requeue, as the journal and its card name them. */
export const LOOK = "dead letters";
export const ASK = "approval";
export const RETURN = "put back";
export const FOLLOW = "job ended";

const lookedSchema = z.object({
  /** How many letters lay there. */
  waiting: z.number(),
  from: z.string(),
  to: z.string(),
  letter: z.object({
    hash: z.string(),
    job: z.string(),
    topic: z.string().nullable(),
    diedAt: z.iso.datetime().nullable(),
    error: z.string().nullable(),
  }),
  /** How often the job had ended before, so that its next end can be told from these. */
  ended: z.number(),
  others: z.array(z.string()),
});

const followedSchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("completed"), tookMs: z.number() }),
  z.object({ outcome: z.literal("died again"), error: z.string().nullable(), tookMs: z.number() }),
  z.object({ outcome: z.literal("not seen to end"), waited: z.string() }),
]);

/** What the look found, as the journal keeps it: nothing of a job but its name and its topic. */
export type Looked = z.output<typeof lookedSchema>;
/** What became of the job. */
export type Followed = z.output<typeof followedSchema>;

export function lookedOf(results: Results): Looked {
  return lookedSchema.parse(results[LOOK]);
}

export function followedOf(results: Results): Followed {
  return followedSchema.parse(results[FOLLOW]);
}

/** The same of a run as its card sees it, as far as it has come. */
export function requeueReport(steps: readonly JournalledStep[]): {
  readonly looked: Looked | undefined;
  readonly followed: Followed | undefined;
} {
  const result = (name: string): unknown => steps.find((step) => step.name === name)?.result;
  return {
    looked: lookedSchema.safeParse(result(LOOK)).data,
    followed: followedSchema.safeParse(result(FOLLOW)).data,
  };
}
