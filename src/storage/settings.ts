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
    origin: textSetting({
      // It names the key too, and the form of a signed note knows no such names.
      pattern: /^[^\s+]+$/u,
      expected: "a name without spaces and plus signs",
    })
      .optional()
      .meta({ description: "Name of this log for ever; by default flightdeck/evidence/<target>" }),
    directory: textSetting().default("comms").meta({
      description: "Folder of log.md, its closed parts and the public keys; one for each target",
    }),
    rotateAtMebibytes: integerSetting({ minimum: 1, maximum: 1_024 }).default(5).meta({
      description: "How large log.md may grow before it is closed and the next one begins",
    }),
    key: secretSetting().optional().meta({
      description:
        "Key that signs the log, for replicas that share it; made in `data` by default. One a line, newest last",
    }),
    witness: z
      .strictObject({
        repository: textSetting().meta({ description: "Folder of a git repository" }),
        branch: textSetting({
          pattern: /^(?!.*(?:\.\.|\/\/|\.lock$|\.$|\/$))[A-Za-z0-9][A-Za-z0-9._/-]*$/,
          expected: "the name of a branch such as evidence",
        }).meta({
          description: "A branch of its own; it holds the newest checkpoint and nothing else",
        }),
        remote: textSetting({
          pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
          expected: "the name of a remote such as origin",
        })
          .optional()
          .meta({ description: "Where each checkpoint is pushed to, never by force" }),
      })
      .optional()
      .meta({ description: "Keeps each checkpoint in git as well; off when left out" }),
  })
  .prefault({});

export type WitnessSettings = NonNullable<z.output<typeof evidenceSetting>["witness"]>;

/** The name of a target's log for ever. */
export function originOf({ origin }: z.output<typeof evidenceSetting>, target: string): string {
  return origin ?? `flightdeck/evidence/${target}`;
}
