import { z } from "zod";

import { durationSetting, secretSetting, textSetting } from "../core/setting.ts";
import { coolifyApplicationSetting } from "../systems/coolify-settings.ts";
import { postgresUrlProblem } from "../systems/postgres.ts";

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
    restoreRunbook: textSetting().default("ops/RESTORE_RUNBOOK.md").meta({
      description: "What to read when the data may be damaged too",
    }),
  })
  .optional()
  .meta({ description: "How releases are rolled out and back; without it there is no /deploy" });

export type RolloutSettings = NonNullable<z.output<typeof rolloutSetting>>;
