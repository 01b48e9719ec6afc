import { z } from "zod";

import { retentionSetting } from "../../core/retention.ts";
import { durationSetting, integerSetting, secretSetting, textSetting } from "../../core/setting.ts";
import { identityProblem, recipientProblem } from "../../systems/age.ts";
import { postgresUrlProblem } from "../../systems/postgres.ts";

const HOUR_MS = 3_600_000;

function recipientSetting() {
  return textSetting({ maximum: 4_096 }).superRefine((text, context) => {
    const problem = recipientProblem(text);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });
}

/**
 * There is no backup that only this machine can open, and none that only this machine has: whoever wants one of these has
 * no backup on the day when the machine is gone.
 */
export const backupSetting = z
  .strictObject({
    database: secretSetting({ accepts: postgresUrlProblem }).meta({
      description: "PostgreSQL URL of what is backed up, as a role with pg_read_all_data",
      examples: ["${env:BACKUP_DATABASE_URL}"],
    }),
    recipients: z
      .strictObject({
        drill: recipientSetting().meta({
          description: "Whose identity may be here, so that drills can open what they restore",
        }),
        recovery: recipientSetting().meta({
          description:
            "Whose identity is in a safe and on no server: the way back on the worst day",
        }),
      })
      .refine(({ drill, recovery }) => drill !== recovery, {
        error: "expected two different recipients; who finds the one key must not have both",
        path: ["recovery"],
      }),
    identity: secretSetting({ accepts: identityProblem })
      .optional()
      .meta({
        description:
          "The drill recipient's identity. Without it a backup is proved by its bytes, and not opened",
        examples: ["${file:/run/secrets/drill-identity}"],
      }),
    folder: textSetting().optional().meta({
      description: "Where backups are made, and the newest stay; below `data` by default",
    }),
    keepHere: integerSetting({ minimum: 0, maximum: 100 }).default(1).meta({
      description: "How many of the newest stay on this machine too",
    }),
    keep: retentionSetting,
    migrationTable: textSetting({
      pattern: /^[A-Za-z_][\w$]{0,62}(?:\.[A-Za-z_][\w$]{0,62})?$/,
      expected: "the name of a table such as alembic_version",
    })
      .default("alembic_version")
      .meta({ description: "The table in which the migration tool keeps its head" }),
    hashUpToMebibytes: integerSetting({ minimum: 0, maximum: 1_048_576 }).default(4_096).meta({
      description: "Tables up to this size are read once more for a hash over all of their rows",
    }),
    timeout: durationSetting({ minimumMs: 10_000, maximumMs: 48 * HOUR_MS })
      .default(4 * HOUR_MS)
      .meta({
        description: "How long dumping may take, and as long again for each way of the bytes",
      }),
  })
  .optional()
  .meta({ description: "How the target's database is backed up; needs systems.bucket" });

export type BackupSettings = NonNullable<z.output<typeof backupSetting>>;
