import { describe, expect, test } from "vitest";

import { createChecklists, checklistsSetting } from "../checklist/checklist-settings.ts";
import { createSchedules, schedulesSetting } from "./schedule-settings.ts";

const problemsOf = (schema: typeof schedulesSetting | typeof checklistsSetting, value: unknown) =>
  schema
    .safeParse(value)
    .error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];

describe("a schedule", () => {
  test("is complete with its pattern and its command", () => {
    const settings = schedulesSetting.parse({ nightly: { cron: "0 3 * * *", run: "preflight" } });
    expect(createSchedules(settings, "Europe/Berlin")[0]).toMatchObject({
      name: "nightly",
      run: "preflight",
      announce: "deviations",
      notLaterThanMs: 3_600_000,
      definition: "0 3 * * * Europe/Berlin",
    });
  });

  const FIVE =
    'five fields, minute, hour, day of the month, month and day of the week, such as "0 3 * * *"';
  test.each([
    ["four fields", { cron: "0 3 * *" }, `nightly.cron: expected ${FIVE}`],
    ["seconds", { cron: "0 0 3 * * *" }, `nightly.cron: expected ${FIVE}`],
    ["a date", { cron: "2026-11-23T03:00:00" }, `nightly.cron: expected ${FIVE}`],
    ["a nickname", { cron: "@daily" }, `nightly.cron: expected ${FIVE}`],
    [
      "an hour that is none",
      { cron: "0 25 * * *" },
      `nightly.cron: Invalid value for hour: 25; expected ${FIVE}`,
    ],
    [
      "a day that never comes",
      { cron: "0 3 31 2 *" },
      `nightly.cron: this is never due; expected ${FIVE}`,
    ],
    [
      "words, which are not repeated",
      { cron: "correct horse battery staple secret" },
      `nightly.cron: configuration entry 1; expected ${FIVE}`,
    ],
    [
      "a patience that outlasts a week",
      { notLaterThan: "8d" },
      "nightly.notLaterThan: expected a duration such as 30s, 5m or 1h30m from 1m to 7d",
    ],
    ["another word", { announce: "never" }, "nightly.announce: expected one of deviations, always"],
  ])("may not have %s", (_what, change, message) => {
    const value = { nightly: { cron: "0 3 * * *", run: "preflight", ...change } };
    expect(problemsOf(schedulesSetting, value)).toEqual([message]);
  });
});

describe("a checklist", () => {
  const item = { what: "The API is live", checks: ["api-is-live"] };

  test.each([
    ["day", "2026-10-24T22:30Z", "2026-10-25T23:00:00.000Z"],
    ["day", "2027-03-27T23:00Z", "2027-03-28T22:00:00.000Z"],
    ["week", "2026-11-22T22:59Z", "2026-11-22T23:00:00.000Z"],
    ["week", "2026-11-22T23:00Z", "2026-11-29T23:00:00.000Z"],
  ])("of a %s that is opened at %s ends at %s in Berlin", (period, opened, end) => {
    const settings = checklistsSetting.parse({ list: { period, items: { live: item } } });
    const [list] = createChecklists(settings, "Europe/Berlin");
    expect(list?.endsAfter(new Date(opened)).toISOString()).toBe(end);
  });

  test.each([
    ["no item", { period: "day", items: {} }, "list.items: expected one item or more"],
    [
      "another period",
      { period: "month", items: { live: item } },
      "list.period: expected day, week, or how long it stays open, such as 3d",
    ],
    [
      "an item with a list of checks that is empty",
      { period: "day", items: { live: { what: "x", checks: [] } } },
      "list.items.live.checks: expected one check or more; leave it out where a person ticks",
    ],
    [
      "a name that no button can carry",
      { period: "day", items: { "a-name-of-sixteen": item } },
      "list.items.a-name-of-sixteen: Invalid key in record",
    ],
  ])("may not have %s", (_what, list, message) => {
    expect(problemsOf(checklistsSetting, { list })).toEqual([message]);
  });
});
