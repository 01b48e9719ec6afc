import { z } from "zod";

import { nearest } from "../../core/nearest.ts";
import { durationSetting, secretSetting, textSetting } from "../../core/setting.ts";
import { postgresUrlProblem } from "../../systems/postgres.ts";
import { redisUrlProblem } from "../../systems/redis.ts";

const listSetting = () => textSetting({ maximum: 256 });
const memberSetting = (name: string) => textSetting({ maximum: 64 }).default(name);

/** How a job that was given up is put back, and followed until it has ended again. */
const requeueSetting = z.strictObject({
  url: secretSetting({ accepts: redisUrlProblem }).meta({
    description:
      "Redis URL of a user that may write these two lists, and keys that begin with flightdeck:returned:",
    examples: ["${env:REDIS_REQUEUE_URL}"],
  }),
  queue: listSetting().meta({
    description: "The list that the worker reads",
    examples: ["default_queue"],
  }),
  attempt: memberSetting("attempt").meta({
    description: "The member of a letter that counts its tries, and is taken out",
  }),
  within: durationSetting({ minimumMs: 1_000, maximumMs: 30 * 60_000 })
    .default(120_000)
    .meta({ description: "How long the job is followed" }),
});

/** Where it is written down what became of a job. */
const eventsSetting = z.strictObject({
  url: secretSetting({ accepts: postgresUrlProblem }).meta({
    description: "PostgreSQL URL of a role that may only read",
    examples: ["${env:DATABASE_URL}"],
  }),
  sql: textSetting({ maximum: 8_192 }).meta({
    description:
      "One select for the job $1: a row of event, error and at for all that befell it, in any order",
  }),
  completed: textSetting().meta({
    description: "The event of a job that is done",
    examples: ["worker_topic_completed"],
  }),
  died: textSetting().meta({
    description: "The event of a job that was given up",
    examples: ["worker_moved_to_dlq"],
  }),
});

/** The list in which jobs end that nobody tries again. */
export const deadLettersSetting = z
  .strictObject({
    url: secretSetting({ accepts: redisUrlProblem }).meta({
      description: "Redis URL of a user that may only read",
      examples: ["${env:REDIS_URL}"],
    }),
    list: listSetting().meta({ examples: ["dead_letter_queue"] }),
    job: memberSetting("job_id").meta({ description: "The member of a letter that names its job" }),
    topic: memberSetting("topic"),
    events: eventsSetting.optional(),
    requeue: requeueSetting.optional().meta({
      description: "How a job is put back, for /requeue; without it there is no such command",
    }),
    checks: z
      .array(textSetting())
      .default([])
      .meta({ description: "The checks whose alerts offer to put the newest one back" }),
  })
  .refine(({ events, requeue }) => requeue === undefined || events !== undefined, {
    error: "needs events too: a job that is put back has to be followed",
    path: ["requeue"],
  })
  .optional()
  .meta({ description: "Where jobs lie that were given up" });

export type DeadLettersSettings = z.output<typeof deadLettersSetting>;

/** Names of checks that no check has, by the path below the setting. */
export function deadLetterProblems(
  settings: DeadLettersSettings,
  checks: readonly string[],
): readonly { readonly path: readonly (string | number)[]; readonly message: string }[] {
  return (settings?.checks ?? []).flatMap((name, index) => {
    if (checks.includes(name)) return [];
    const meant = nearest(name, checks);
    const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
    return [{ path: ["checks", index], message: `there is no check ${name}${hint}` }];
  });
}
