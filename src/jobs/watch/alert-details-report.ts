import { z } from "zod";

import { deadLetterSchema } from "../worker/dead-letter.ts";

const whyNotSchema = z.object({ whyNot: z.string() });

/** What the look came to, as the journal keeps it. */
export const alertDetailsSchema = z.object({
  status: z.enum(["pass", "fail", "unknown", "not-configured"]),
  observations: z.array(
    z.object({ what: z.string(), expected: z.string(), actual: z.string(), ok: z.boolean() }),
  ),
  measurements: z.array(z.object({ name: z.string(), value: z.number() })),
  reason: z.string().optional(),
  runbook: z.string().optional(),
  /** Of the application that the check names. */
  log: z
    .union([z.object({ application: z.string(), lines: z.array(z.string()) }), whyNotSchema])
    .optional(),
  deadLetters: z.union([deadLetterSchema, whyNotSchema]).optional(),
});

export type AlertDetails = z.output<typeof alertDetailsSchema>;
