import { z } from "zod";

import {
  choiceSetting,
  durationSetting,
  integerSetting,
  secretSetting,
  textSetting,
} from "../../core/setting.ts";
import { coolifyApplicationSetting } from "../../systems/coolify-settings.ts";
import { postgresUrlProblem } from "../../systems/postgres.ts";
import { redisUrlProblem } from "../../systems/redis.ts";

/**
 * What a deployment may consist of, in the order that suits a product whose migrations come with its API: they run in
 * the deployed runtime, so the API goes first, and the worker waits until the schema is the new one.
 */
const ROLLOUT_STEPS = [
  "freeze",
  "backup",
  "api",
  "migrate",
  "ready",
  "drain",
  "worker",
  "job",
  "smoke",
  "watch",
] as const;
export type RolloutStep = (typeof ROLLOUT_STEPS)[number];

/** Keeps the exit code, which a pipe in plain sh would lose, and the end of what was said. */
const MIGRATION_COMMAND =
  "alembic upgrade head >/tmp/flightdeck-migration 2>&1; rc=$?; tail -c 8000 /tmp/flightdeck-migration; " +
  "alembic heads 2>&1; alembic current 2>&1; echo RC=$rc; exit $rc";

/** How a release gets onto the target and off it again: what `/deploy` and `/rollback` share. */
export const rolloutSetting = z
  .strictObject({
    api: coolifyApplicationSetting().meta({
      description: "The application of systems.coolify that answers requests",
    }),
    worker: coolifyApplicationSetting().optional().meta({
      description: "The application of systems.coolify that works off the queue",
    }),
    ready: z
      .array(textSetting())
      .min(1)
      .meta({
        description: "The checks that pass when a release is up",
        examples: [["api-is-live", "api-is-ready"]],
      }),
    readyWithin: durationSetting().default(120_000).meta({
      description: "How long a release may take from its deployment until these pass",
    }),
    jobFlow: textSetting().optional().meta({
      description: "The smoke flow that proves that the worker completes a job",
    }),
    flow: textSetting().optional().meta({
      description: "The smoke flow that proves a release; by default the one that /smoke means",
    }),
    schema: z
      .strictObject({
        database: secretSetting({ accepts: postgresUrlProblem }).meta({
          description: "URL of the target's PostgreSQL, for a role that may read the table",
        }),
        table: textSetting({
          pattern: /^[a-z_][a-z0-9_]*$/,
          expected: "the name of a table such as alembic_version",
        }).default("alembic_version"),
      })
      .optional()
      .meta({ description: "Where the target's database says which migrations it has had" }),
    repository: textSetting().optional().meta({
      description: "Folder of a git clone of the target's source, for commit subjects",
    }),
    deploymentWithin: durationSetting()
      .default(20 * 60_000)
      .meta({
        description: "How long one deployment may take, waiting in Coolify's queue included",
      }),
    steps: z
      .array(choiceSetting(ROLLOUT_STEPS))
      .min(1)
      .refine((steps) => new Set(steps).size === steps.length, "expected every step once at most")
      .refine((steps) => steps.includes("api"), "expected api to be among them")
      .default([...ROLLOUT_STEPS])
      .meta({
        description:
          "What a deployment does, in this order; what is not configured is left out of it",
      }),
    source: z
      .strictObject({
        remote: textSetting({
          // A user in an address of the web holds a password too, which belongs in no file.
          pattern: /^(?:(?:https?|git|file):\/\/[^\s@]+|ssh:\/\/\S+)$/,
          expected: "the address of a git repository such as https://github.com/owner/name",
        }),
        branch: textSetting({
          pattern: /^[A-Za-z0-9][\w./-]{0,200}$/,
          expected: "the name of a branch such as main",
        }),
      })
      .optional()
      .meta({
        description: "Whose head /deploy means; by default what Coolify says of the application",
      }),
    gates: z
      .strictObject({
        preflightWithin: durationSetting({ minimumMs: 60_000 })
          .default(30 * 60_000)
          .meta({ description: "How old the answers of the checks may be when it is asked" }),
        backupWithin: durationSetting({ minimumMs: 60_000 })
          .default(26 * 3_600_000)
          .meta({ description: "How old the newest backup may be when it is asked" }),
      })
      .prefault({})
      .meta({ description: "What has to be so before a deployment is asked for" }),
    backupFreshFor: durationSetting()
      .default(3_600_000)
      .meta({ description: "A deployment makes a backup of its own unless one is younger" }),
    migration: z
      .strictObject({
        task: textSetting({ maximum: 60 }).default("flightdeck-migration").meta({
          description: "The name of the scheduled task in Coolify, which is never enabled",
        }),
        command: textSetting({ maximum: 1_000 })
          .default(MIGRATION_COMMAND)
          .meta({ description: "What it runs in the API's container; has to end with RC=<code>" }),
        within: durationSetting({ minimumMs: 10_000 })
          .default(10 * 60_000)
          .meta({ description: "How long the migrations may take" }),
      })
      .optional()
      .meta({ description: "How the schema gets to its head; needs rollout.schema" }),
    jobs: z
      .strictObject({
        redis: secretSetting({ accepts: redisUrlProblem }).meta({
          description: "Redis URL of a user that may only read; here jobs wait",
        }),
        queue: textSetting().meta({ description: "The list in which they wait" }),
        database: secretSetting({ accepts: postgresUrlProblem }).meta({
          description: "PostgreSQL URL of a role that may only read; here is told how they ended",
        }),
        within: durationSetting()
          .default(5 * 60_000)
          .meta({ description: "How long the jobs that are known may take to end" }),
      })
      .optional()
      .meta({
        description:
          "Where the worker's jobs are seen: one in its hands is lost when it is replaced",
      }),
    watch: z
      .strictObject({
        lasts: durationSetting()
          .default(10 * 60_000)
          .meta({
            description: "How long a release has to stay good before it can be signed",
          }),
        every: durationSetting({ minimumMs: 100 }).default(15_000),
        badLooks: integerSetting({ minimum: 1, maximum: 20 })
          .default(2)
          .meta({ description: "So many bad looks at a check in a row, and the release is bad" }),
      })
      .prefault({})
      .meta({ description: "What is looked at after everything is deployed" }),
    restoreRunbook: textSetting().default("ops/RESTORE_RUNBOOK.md").meta({
      description: "What to read when the data may be damaged too",
    }),
  })
  .optional()
  .meta({ description: "How releases are rolled out and back; without it there is no /deploy" });

export type RolloutSettings = NonNullable<z.output<typeof rolloutSetting>>;
