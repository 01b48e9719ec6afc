import { z } from "zod";

import type { Results } from "../operation.ts";

/** The steps of a restart, as the journal and its card name them. */
export const LOOK = "worker now";
export const ASK = "approval";
export const HELD = "jobs in hand";
export const DEPLOY = "restart";
export const DEPLOYED = "worker up";
/** The flow that proves that a job is completed. */
export const JOB = "job";

const workerSeenSchema = z.object({
  application: z.string(),
  /** What runs, in full, and the deployment that brought it. */
  commit: z.string(),
  deployment: z.string(),
  /** As Coolify has it. */
  status: z.string(),
});

export type WorkerSeen = z.output<typeof workerSeenSchema>;

export function workerSeenOf(results: Results): WorkerSeen {
  return workerSeenSchema.parse(results[LOOK]);
}

/** The same of a run that may not have come so far. */
export function workerSeen(result: unknown): WorkerSeen | undefined {
  return workerSeenSchema.safeParse(result).data;
}
