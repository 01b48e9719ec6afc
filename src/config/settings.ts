import { z } from "zod";

import { placeSetting, telegramSettings } from "../bot/settings.ts";
import { checksSetting } from "../checks/settings.ts";
import type { ChecksSettings } from "../checks/settings.ts";
import { operatorsSetting } from "../core/operator.ts";
import { textSetting } from "../core/setting.ts";
import { smokeSetting } from "../jobs/flow-settings.ts";
import { engineSettings, redisSetting } from "../jobs/settings.ts";
import { evidenceSetting, storageSettings } from "../storage/settings.ts";
import { systemsSetting } from "../systems/settings.ts";
import type { SystemsSettings } from "../systems/settings.ts";

/** What describes one target: one line a layer. */
const targetSettings = {
  target: textSetting({
    // A button of 64 bytes carries it beside a command.
    pattern: /^[a-z0-9][a-z0-9-]{0,19}$/,
    expected: "a name of at most 20 small letters, digits and dashes",
  }).meta({ description: "The name of what is operated", examples: ["production"] }),
  timeZone: textSetting()
    .refine(isTimeZone, "expected the name of a time zone such as Europe/Berlin")
    .default("UTC")
    .meta({ description: "The time zone that the team reads", examples: ["Europe/Berlin"] }),
  place: placeSetting,
  operators: operatorsSetting,
  evidence: evidenceSetting,
  systems: systemsSetting,
  checks: checksSetting,
  smoke: smokeSetting,
};

/** The first file: its target, and what the process itself runs on. */
export const settingsSchema = z
  .strictObject({
    ...targetSettings,
    telegram: telegramSettings,
    ...storageSettings,
    redis: redisSetting,
    engine: engineSettings,
  })
  .superRefine(checksFitSystems);

/** A further file is a further target alone; the process runs on what the first file says. */
export const furtherSchema = z.strictObject(targetSettings).superRefine(checksFitSystems);

export type Settings = z.output<typeof settingsSchema>;
export type TargetSettings = z.output<typeof furtherSchema>;

/** What only the whole file shows: that a check names something which no system of the file has. */
function checksFitSystems(
  { systems, checks }: { readonly systems: SystemsSettings; readonly checks: ChecksSettings },
  context: z.RefinementCtx,
): void {
  // A check with a mistake of its own was not built; it is told first, and this afterwards.
  if (context.issues.length > 0) return;
  for (const [name, check] of Object.entries(checks)) {
    for (const { path, message } of check.problems(systems)) {
      context.addIssue({ code: "custom", path: ["checks", name, ...path], message });
    }
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name }).format();
    return true;
  } catch {
    return false;
  }
}
