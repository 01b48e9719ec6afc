import { z } from "zod";

import { secretSetting, textSetting, urlSetting } from "../core/setting.ts";

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const NAME_EXPECTED = "small letters, digits and dashes, such as api or staging-api";
const applicationName = z.string().regex(NAME, { error: `expected ${NAME_EXPECTED}` });

/** Names an application of `systems.coolify.applications`. */
export function coolifyApplicationSetting() {
  return textSetting({ pattern: NAME, expected: NAME_EXPECTED });
}

const uuidSetting = textSetting({
  // It becomes a part of a path, so nothing may pass that could lead elsewhere.
  pattern: /^[a-z0-9][a-z0-9-]{7,63}$/,
  expected: "the uuid that Coolify shows in the address of the application",
});

export const coolifySetting = z
  .strictObject({
    url: urlSetting().meta({ description: "Where Coolify is, without /api/v1" }),
    token: secretSetting().meta({ description: "An API token that may `read` and nothing else" }),
    sensitiveToken: secretSetting()
      .optional()
      .meta({ description: "A token with `read` and `read:sensitive`, for what others hide" }),
    deployToken: secretSetting()
      .optional()
      .meta({ description: "A token with `read` and `deploy`, for /deploy and /rollback" }),
    writeToken: secretSetting().optional().meta({
      description: "A token with `read` and `write`, for auto-deploy, variables and tasks",
    }),
    applications: z
      .record(applicationName, uuidSetting)
      .refine((applications) => Object.keys(applications).length > 0, "expected at least one")
      .meta({ description: "The applications that may be touched, by the names that checks use" }),
  })
  .meta({ description: "The Coolify that runs the target" });

export type CoolifySettings = z.output<typeof coolifySetting>;
