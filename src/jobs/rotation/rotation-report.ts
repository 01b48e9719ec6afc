import { z } from "zod";

import type { Facts } from "../../core/approval.ts";
import type { Results } from "../operation.ts";

export const ROTATION_STEPS = {
  look: "what there is is looked at",
  ask: "somebody says yes",
  open: "the rotation is opened",
  askAnew: "somebody says yes to what cannot be undone",
  refused: "since when the old one is refused is written down",
  close: "the rotation is closed",
  ledBack: "the rotation is over, and nothing of it is left",
} as const;

const factsSchema = z.record(z.string(), z.string());

/** What the look before the question found, and no value. */
const lookedSchema = z.object({
  parameters: factsSchema,
  observed: factsSchema,
  /** The fingerprint of the secret in force. */
  present: z.string().nullable(),
  /** The run whose rotation was begun and is not over; its values are gone on with. */
  left: z.string().nullable(),
  /** Whether it may be known to others, by the word of whoever asks now or has begun it. */
  isExposed: z.boolean(),
  /** When the one in force was made, as far as anybody knows. */
  madeAt: z.string().nullable(),
  dueAt: z.string().nullable(),
  /** Whether the configuration of this process holds it otherwise than by the file that is kept. */
  isHeldElsewhere: z.boolean(),
});
export type LookedAtSecret = z.output<typeof lookedSchema>;

export function lookedAt(results: Results): LookedAtSecret | undefined {
  return lookedSchema.safeParse(results[ROTATION_STEPS.look]).data;
}

const deedSchema = z.object({ facts: factsSchema });

/** What a deed told of itself. */
export function deedFacts(results: Results, name: string): Facts {
  return deedSchema.safeParse(results[name]).data?.facts ?? {};
}
