import { z } from "zod";

import { backupIdSchema } from "../../core/manifest.ts";
import type { Results } from "../operation.ts";

/** The names of the steps, in their order; the journal and the card know them by these. */
export const STEPS = {
  prepare: "prepare",
  dump: "dump",
  upload: "upload",
  readBack: "read back",
  commit: "commit",
  retention: "retention",
} as const;

export const preparedSchema = z.object({
  /** How many backups there were. */
  known: z.number(),
  /** What the last one was like, for an estimate. */
  last: z.object({ bytes: z.number(), tookMs: z.number().nullable() }).nullable(),
});

export const dumpedSchema = z.object({
  id: backupIdSchema,
  bytes: z.number(),
  sha256: z.string(),
  tookMs: z.number(),
  snapshotAt: z.string(),
  serverVersionNumber: z.number(),
  tables: z.number(),
  rows: z.number(),
});

export const readBackSchema = z.object({ listed: z.number().nullable() });

const committedSchema = z.object({ id: backupIdSchema, manifestSha256: z.string() });

export const prunedSchema = z.object({
  removed: z.array(z.string()),
  /** What the bucket does not let go of. */
  locked: z.array(z.string()),
  failed: z.array(z.object({ id: z.string(), reason: z.string() })),
});

/** What a step says while it is under way. */
export const progressSchema = z.object({
  bytes: z.number(),
  /** How many it will be: exact for what exists, the last one's for a dump; null when nobody can guess. */
  of: z.number().nullable(),
  sinceMs: z.number(),
});

export type Progress = z.output<typeof progressSchema>;

export type BackupReport = {
  readonly dumped: z.output<typeof dumpedSchema> | undefined;
  readonly readBack: z.output<typeof readBackSchema> | undefined;
  readonly committed: z.output<typeof committedSchema> | undefined;
  readonly pruned: z.output<typeof prunedSchema> | undefined;
};

/** As far as a run has come. A person may have said of a step that it happened; it then tells nothing. */
export function reportOf(results: Results): BackupReport {
  return {
    dumped: dumpedSchema.safeParse(results[STEPS.dump]).data,
    readBack: readBackSchema.safeParse(results[STEPS.readBack]).data,
    committed: committedSchema.safeParse(results[STEPS.commit]).data,
    pruned: prunedSchema.safeParse(results[STEPS.retention]).data,
  };
}
