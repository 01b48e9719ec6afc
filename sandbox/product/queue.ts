import { randomUUID } from "node:crypto";

import { z } from "zod";

import type { Product } from "./product.ts";

export const queues = { default: "default_queue", dead: "dead_letter_queue" } as const;

/** `attempt` is absent on the first try. */
export const jobSchema = z.object({
  job_id: z.string(),
  topic: z.string(),
  payload: z.record(z.string(), z.unknown()),
  attempt: z.int().positive().optional(),
});
export type Job = z.output<typeof jobSchema>;

export function newJob(topic: string, payload: Record<string, unknown>): Job {
  return { job_id: randomUUID(), topic, payload };
}

export async function enqueue(
  { redis, effects }: Pick<Product, "redis" | "effects">,
  job: Job,
): Promise<void> {
  await redis.run((redis) => redis.rpush(queues.default, JSON.stringify(job)));
  effects.add("jobsEnqueued");
}
