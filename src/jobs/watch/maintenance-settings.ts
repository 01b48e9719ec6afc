import { z } from "zod";

import type { MaintenanceWindow } from "../../core/maintenance.ts";
import { nearest } from "../../core/nearest.ts";
import { durationSetting, textSetting } from "../../core/setting.ts";
import { createCalendar } from "../schedule/schedule-calendar.ts";
import { patternSetting } from "../schedule/schedule-settings.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** As many beginnings in a row are looked at as a pattern needs to show its shortest pause. */
const LOOKED_AHEAD = 100;

const windowSetting = z
  .strictObject({
    name: textSetting({
      pattern: /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/,
      expected: "small letters, digits and dashes, such as nightly-restart",
      maximum: 40,
    }),
    cron: patternSetting.meta({
      description: "When it begins, in the target's time zone",
      examples: ["0 3 * * *"],
    }),
    lasts: durationSetting({ minimumMs: MINUTE_MS, maximumMs: DAY_MS }),
    checks: z
      .union([z.literal("all"), z.array(textSetting()).min(1)], {
        error: "expected a list of checks, or all",
      })
      .meta({ description: "Whose alerts are not spoken of meanwhile" }),
  })
  .superRefine(({ cron, lasts }, context) => {
    // A pattern with a mistake has no beginnings.
    if (context.issues.length > 0) return;
    if (lasts < shortestPauseMs(cron)) return;
    const message = "lasts until it begins again, so it would never end";
    context.addIssue({ code: "custom", path: ["lasts"], message });
  });

/** Windows in which work goes on and alerts are expected. */
export const maintenanceSetting = z
  .array(windowSetting)
  .superRefine((windows, context) => {
    for (const [index, { name }] of windows.entries()) {
      if (windows.findIndex((other) => other.name === name) === index) continue;
      const message = `there is another window ${name} already`;
      context.addIssue({ code: "custom", path: [index, "name"], message });
    }
  })
  .default([])
  .meta({ description: "Times that come again, in which alerts are kept but not spoken of" });

export type MaintenanceSettings = z.output<typeof maintenanceSetting>;

/** The windows of a target, in the order of its file. */
export function createMaintenance(
  settings: MaintenanceSettings,
  timeZone: string,
): readonly MaintenanceWindow[] {
  return settings.map(({ name, cron, lasts, checks }) => ({
    name,
    checks,
    lastsMs: lasts,
    calendar: createCalendar(cron, timeZone),
  }));
}

/** Names in windows that no check has, by the path below the setting. */
export function maintenanceProblems(
  settings: MaintenanceSettings,
  checks: readonly string[],
): readonly { readonly path: readonly (string | number)[]; readonly message: string }[] {
  return settings.flatMap((window, index) => {
    const named = window.checks === "all" ? [] : window.checks;
    return named.flatMap((name, place) => {
      if (checks.includes(name)) return [];
      const meant = nearest(name, checks);
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      return [{ path: [index, "checks", place], message: `there is no check ${name}${hint}` }];
    });
  });
}

function shortestPauseMs(cron: string): number {
  const starts = createCalendar(cron, "UTC").after(new Date(0), LOOKED_AHEAD);
  const pauses = starts
    .slice(1)
    .map((start, index) => start.getTime() - (starts[index] ?? start).getTime());
  return Math.min(Number.POSITIVE_INFINITY, ...pauses);
}
