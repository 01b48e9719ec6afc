import { z } from "zod";

import { integerSetting, secretSetting, textSetting } from "../core/setting.ts";
import { postgresUrlProblem } from "../systems/postgres.ts";

/** Where Flightdeck keeps its own state. Without `database` it starts a PostgreSQL of its own in `data`. */
export const storageSettings = {
  data: textSetting().default("data").meta({ description: "Folder for state that must survive" }),
  database: secretSetting({ accepts: postgresUrlProblem })
    .optional()
    .meta({ description: "PostgreSQL URL; never production's" }),
  sealKey: secretSetting().optional().meta({
    description: "32 bytes in base64 that seal stored updates; made in `data` by default",
  }),
};

export const evidenceSetting = z
  .strictObject({
    origin: textSetting()
      .optional()
      .meta({ description: "Name of this log for ever; by default flightdeck/evidence/<target>" }),
    directory: textSetting().default("comms").meta({
      description: "Folder of log.md, its closed parts and the public keys; one for each target",
    }),
    rotateAtMebibytes: integerSetting({ minimum: 1, maximum: 1_024 })
      .default(5)
      .meta({
        description: "How large log.md may grow before it is closed and the next one begins",
      }),
  })
  .prefault({});
