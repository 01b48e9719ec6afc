import { z } from "zod";

import type { Schedule } from "../../core/schedule.ts";
import { choiceSetting, durationSetting, textSetting } from "../../core/setting.ts";
import { createCalendar } from "./schedule-calendar.ts";

const MINUTE_MS = 60_000;
const WEEK_MS = 7 * 24 * 60 * MINUTE_MS;
const EXPECTED =
  'five fields, minute, hour, day of the month, month and day of the week, such as "0 3 * * *"';

const nameSetting = z
  .string()
  .regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, {
    error: "expected small letters, digits and dashes, such as nightly-preflight",
  })
  .max(40, { error: "expected at most 40 characters" });

export const patternSetting = textSetting({
  pattern: /^\S+(?: +\S+){4}$/,
  expected: EXPECTED,
}).superRefine((pattern, context) => {
  const message = patternProblem(pattern);
  if (message !== undefined) context.addIssue({ code: "custom", message, input: pattern });
});

/** What Flightdeck does at set times, by name. */
export const schedulesSetting = z
  .record(
    nameSetting,
    z.strictObject({
      cron: patternSetting.meta({
        description: "When, in the target's time zone",
        examples: ["0 3 * * *", "30 8 * * 1-5"],
      }),
      run: textSetting({ maximum: 200 }).meta({
        description: "The command, as it is typed behind the slash",
        examples: ["preflight", "checklist daily"],
      }),
      notLaterThan: durationSetting({ minimumMs: MINUTE_MS, maximumMs: WEEK_MS })
        .default(60 * MINUTE_MS)
        .meta({ description: "How late it may still be run, after an outage for example" }),
      announce: choiceSetting(["deviations", "always"])
        .default("deviations")
        .meta({ description: "By default the chat hears only of what does not end well" }),
    }),
  )
  .default({})
  .meta({ description: "Commands that Flightdeck gives itself at set times" });

export type SchedulesSettings = z.output<typeof schedulesSetting>;

/** The schedules of a target, in the order of its file. */
export function createSchedules(
  settings: SchedulesSettings,
  timeZone: string,
): readonly Schedule[] {
  return Object.entries(settings).map(([name, { cron, run, notLaterThan, announce }]) => ({
    name,
    run,
    announce,
    notLaterThanMs: notLaterThan,
    definition: `${cron} ${timeZone}`,
    calendar: createCalendar(cron, timeZone),
  }));
}

function patternProblem(pattern: string): string | undefined {
  // Shape is the other rule's business, and its message is the better one.
  if (pattern.trim().split(/ +/).length !== 5) return undefined;
  try {
    const [next] = createCalendar(pattern, "UTC").after(new Date(), 1);
    return next === undefined ? `this is never due; expected ${EXPECTED}` : undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : "";
    // Where its words go on with a quotation, they repeat what somebody typed: that could be a secret.
    return `${reason.replace(/:?\s*[('][^]*$/, "")}; expected ${EXPECTED}`;
  }
}
