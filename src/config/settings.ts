import { z } from "zod";

import { telegramSettings } from "../bot/settings.ts";
import { checksSetting } from "../checks/settings.ts";
import { operatorsSetting } from "../core/operator.ts";
import { textSetting } from "../core/setting.ts";
import { engineSettings, redisSetting } from "../jobs/settings.ts";
import { evidenceSetting, storageSettings } from "../storage/settings.ts";
import { systemsSetting } from "../systems/settings.ts";

/** The whole file, composed of what each layer says about its own settings: one line a layer. */
export const settingsSchema = z.strictObject({
  target: textSetting({
    pattern: /^[a-z0-9][a-z0-9-]{0,62}$/,
    expected: "a short name of small letters, digits and dashes",
  }).meta({ description: "The name of what is operated", examples: ["production"] }),
  timeZone: textSetting()
    .refine(isTimeZone, "expected the name of a time zone such as Europe/Berlin")
    .default("UTC")
    .meta({ description: "The time zone that the team reads", examples: ["Europe/Berlin"] }),
  telegram: telegramSettings,
  operators: operatorsSetting,
  ...storageSettings,
  redis: redisSetting,
  evidence: evidenceSetting,
  engine: engineSettings,
  systems: systemsSetting,
  checks: checksSetting,
});

export type Settings = z.output<typeof settingsSchema>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name }).format();
    return true;
  } catch {
    return false;
  }
}
