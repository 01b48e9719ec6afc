import { z } from "zod";

import type { ChecklistItem } from "../core/checklist.ts";
import { choiceSetting, textSetting } from "../core/setting.ts";
import { createCalendar } from "./schedule-calendar.ts";

/** A button carries both names beside a target and a run. */
const nameSetting = z.string().regex(/^[a-z][a-z0-9-]{0,14}$/, {
  error: "expected at most 15 small letters, digits and dashes, such as daily",
});

/** What is looked after every day or every week, by the name that is typed. */
export const checklistsSetting = z
  .record(
    nameSetting,
    z.strictObject({
      period: choiceSetting(["day", "week"]).meta({
        description: "When it expires: at midnight, or in the night to Monday",
      }),
      items: z
        .record(
          nameSetting,
          z.strictObject({
            what: textSetting({ maximum: 80 }).meta({
              description: "What is true, or what is to be done",
              examples: ["The API is live", "Read the worker's log"],
            }),
            checks: z
              .array(textSetting())
              .min(1, { error: "expected one check or more; leave it out where a person ticks" })
              .optional()
              .meta({ description: "Checks that prove it; without any, a person ticks it" }),
          }),
        )
        .refine((items) => Object.keys(items).length > 0, "expected one item or more"),
    }),
  )
  .default({})
  .meta({ description: "What people look after regularly, proved by checks where it can be" });

export type ChecklistsSettings = z.output<typeof checklistsSetting>;

export type Checklist = {
  readonly name: string;
  readonly items: readonly ChecklistItem[];
  /** The end of the period in which a moment lies, in the target's time zone. */
  endsAfter(moment: Date): Date;
};

const PERIOD_ENDS = { day: "0 0 * * *", week: "0 0 * * 1" } as const;

/** The checklists of a target, in the order of its file. */
export function createChecklists(
  settings: ChecklistsSettings,
  timeZone: string,
): readonly Checklist[] {
  return Object.entries(settings).map(([name, { period, items }]) => {
    const ends = createCalendar(PERIOD_ENDS[period], timeZone);
    return {
      name,
      items: Object.entries(items).map(([item, { what, checks = [] }]) => ({
        name: item,
        what,
        checks,
      })),
      endsAfter(moment) {
        const [end] = ends.after(moment, 1);
        if (!end) throw new Error(`No ${period} ends after ${moment.toISOString()}.`);
        return end;
      },
    };
  });
}
