import { z } from "zod";

import { secretSetting, textSetting } from "../core/setting.ts";
import { shortened, visibleText } from "../core/visible-text.ts";
import { redisUrlProblem, type Redis } from "../systems/redis.ts";
import { SystemError } from "../systems/system-error.ts";

/** The list in which jobs end that nobody tries again. */
export const deadLettersSetting = z
  .strictObject({
    url: secretSetting({ accepts: redisUrlProblem }).meta({
      description: "Redis URL of a user that may only read",
      examples: ["${env:REDIS_URL}"],
    }),
    list: textSetting({ maximum: 256 }).meta({ examples: ["dead_letter_queue"] }),
  })
  .optional()
  .meta({ description: "Where the details of an alert find the newest job that was given up" });

export type DeadLettersSettings = z.output<typeof deadLettersSetting>;

/** What may be told of a job that was given up; its payload belongs to the product's users. */
export const deadLetterSchema = z.object({
  waiting: z.number(),
  newest: z
    .object({
      topic: z.string().optional(),
      attempt: z.number().optional(),
      error: z.string().optional(),
    })
    .optional(),
});

export type DeadLetters = z.output<typeof deadLetterSchema>;

const jobSchema = z.object({
  topic: z.string().optional().catch(undefined),
  attempt: z.number().optional().catch(undefined),
  error: z.string().optional().catch(undefined),
});

const TOPIC_LIMIT = 60;
const ERROR_LIMIT = 120;

/** How many lie there, and the newest by what is fit to be shown. What cannot be parsed is told as one without a topic. */
export async function lookAtDeadLetters(
  redis: Redis,
  { url, list }: NonNullable<DeadLettersSettings>,
  scrub: (text: string) => string,
  signal: AbortSignal,
): Promise<DeadLetters> {
  const commands = [["llen", list] as const, ["lindex", list, -1] as const];
  const [length, newest] = await redis.read({ url, commands }, signal);
  if (!length?.ok || !newest?.ok || typeof length.value !== "number") {
    throw new SystemError("redis", "malformed", `${list} is no list`);
  }
  if (typeof newest.value !== "string") return { waiting: length.value };
  const job = jobSchema.safeParse(parsed(newest.value));
  const { topic, attempt, error } = job.success ? job.data : {};
  const shown = (text: string, limit: number): string => shortened(visibleText(scrub(text)), limit);
  return {
    waiting: length.value,
    newest: {
      ...(topic === undefined ? {} : { topic: shown(topic, TOPIC_LIMIT) }),
      ...(attempt === undefined ? {} : { attempt }),
      ...(error === undefined ? {} : { error: shown(error, ERROR_LIMIT) }),
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
