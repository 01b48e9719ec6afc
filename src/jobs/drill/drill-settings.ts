import { z } from "zod";

import { durationSetting, integerSetting, textSetting } from "../../core/setting.ts";
import { sqlProblem } from "../smoke/flow-sql.ts";

/** A question that the application asks of its data, whose first column of the first row is judged. */
const querySetting = z
  .strictObject({
    sql: textSetting({ maximum: 4_096 }).meta({
      description: "One statement that looks; the first column of its first row is judged",
    }),
    atLeast: integerSetting().optional(),
    atMost: integerSetting().optional(),
    notOlderThan: durationSetting().optional().meta({
      description: "The answer is a moment, and may be this old when the snapshot is taken",
    }),
  })
  .superRefine(({ sql, atLeast, atMost, notOlderThan }, context) => {
    const problem = sqlProblem(sql, 0);
    if (problem !== undefined) {
      context.addIssue({ code: "custom", path: ["sql"], message: problem });
    }
    const isNumber = atLeast !== undefined || atMost !== undefined;
    if (isNumber === (notOlderThan !== undefined)) {
      const message = "expected atLeast or atMost for a number, or notOlderThan for a moment";
      context.addIssue({ code: "custom", message });
    }
  });

const HOUR_MS = 3_600_000;

/** How a restored backup is questioned, and how long a recovery may take. */
export const drillSetting = z
  .strictObject({
    queries: z
      .record(textSetting({ maximum: 80 }), querySetting)
      .default({})
      .meta({
        description: "Questions that the application asks of its data, by what they ask",
      }),
    recoverWithin: durationSetting({ minimumMs: 1_000 }).default(HOUR_MS).meta({
      description: "How long it may take from the decision until the questions are answered",
    }),
    loseAtMost: durationSetting({ minimumMs: 1_000 })
      .default(26 * HOUR_MS)
      .meta({ description: "How old the restored backup may be when somebody decides to restore" }),
    jobs: integerSetting({ minimum: 1, maximum: 32 })
      .default(2)
      .meta({ description: "How many tables are restored at once" }),
    roles: z
      .array(textSetting({ maximum: 63 }))
      .max(50)
      .default([])
      .meta({
        description: "Roles that policies of the schema name; they are made before a restore",
      }),
    superuser: z.boolean().default(false).meta({
      description:
        "Restores with the rights of a superuser, for schemas that need them: whoever may write functions in production then runs them here",
    }),
    timeout: durationSetting({ minimumMs: 10_000, maximumMs: 24 * HOUR_MS })
      .default(2 * HOUR_MS)
      .meta({ description: "A drill that has no end by then is stopped, and cleaned up after" }),
  })
  .prefault({})
  .meta({ description: "How backups are proved by restoring them" });

export type DrillSettings = z.output<typeof drillSetting>;
