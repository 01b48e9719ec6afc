import { describe, expect, test } from "vitest";

import { openWindows, quietWindow } from "../../core/maintenance.ts";
import {
  createMaintenance,
  maintenanceProblems,
  maintenanceSetting,
} from "./maintenance-settings.ts";

const nightly = { name: "nightly-restart", cron: "0 3 * * *", lasts: "30m", checks: "all" };
const backup = {
  name: "weekly-backup",
  cron: "15 3 * * 0",
  lasts: "2h",
  checks: ["database-is-up", "api-is-ready"],
};

function openAt(at: string, timeZone = "UTC"): readonly string[] {
  const windows = createMaintenance(maintenanceSetting.parse([nightly, backup]), timeZone);
  return openWindows(windows, new Date(at)).map(
    ({ name, until }) => `${name} until ${until.toISOString()}`,
  );
}

const restart = "nightly-restart until 2026-11-23T03:30:00.000Z";

describe("a window", () => {
  test.each<[string, string, readonly string[]]>([
    ["is closed before it begins", "2026-11-23T02:59:59.999Z", []],
    ["is open from its first moment", "2026-11-23T03:00:00.000Z", [restart]],
    ["is open in its last moment", "2026-11-23T03:29:59.999Z", [restart]],
    ["is closed from its end on", "2026-11-23T03:30:00.000Z", []],
    [
      "stands behind one that is open for longer",
      "2026-11-22T03:20:00.000Z",
      [
        "weekly-backup until 2026-11-22T05:15:00.000Z",
        "nightly-restart until 2026-11-22T03:30:00.000Z",
      ],
    ],
  ])("%s", (_what, at, open) => {
    expect(openAt(at)).toEqual(open);
  });

  test("goes by the clock of the team", () => {
    expect(openAt("2026-11-23T02:10:00Z", "Europe/Berlin")).toEqual([
      "nightly-restart until 2026-11-23T02:30:00.000Z",
    ]);
    expect(openAt("2026-07-23T01:10:00Z", "Europe/Berlin")).toEqual([
      "nightly-restart until 2026-07-23T01:30:00.000Z",
    ]);
  });

  test.each([
    ["2026-11-23T03:10:00Z", "redis-is-up", "nightly-restart"],
    ["2026-11-22T03:20:00Z", "redis-is-up", "nightly-restart"],
    ["2026-11-22T03:20:00Z", "database-is-up", "weekly-backup"],
    ["2026-11-22T04:20:00Z", "database-is-up", "weekly-backup"],
    ["2026-11-22T04:20:00Z", "redis-is-up", undefined],
  ])("at %s keeps %s quiet: %s", (at, check, name) => {
    const windows = createMaintenance(maintenanceSetting.parse([nightly, backup]), "UTC");
    expect(quietWindow(windows, check, new Date(at))?.name).toBe(name);
  });
});

describe("the setting", () => {
  test.each<[string, object, string]>([
    ["a pattern that is none", { cron: "61 3 * * *" }, "cron: "],
    ["a pattern with too few fields", { cron: "0 3" }, "cron: expected five fields"],
    ["a name in capitals", { name: "Nightly" }, "name: expected small letters"],
    ["another word for all", { checks: "everything" }, "checks: expected a list of checks, or all"],
    ["an empty list", { checks: [] }, "checks: "],
    [
      "a window that never ends",
      { cron: "*/10 * * * *", lasts: "10m" },
      "lasts: lasts until it begins again, so it would never end",
    ],
    ["a window of days", { lasts: "2d" }, "lasts: expected a duration"],
  ])("refuses %s", (_what, change, problem) => {
    const { error } = maintenanceSetting.safeParse([{ ...nightly, ...change }]);
    const problems = (error?.issues ?? []).map(
      ({ path, message }) => `${path.slice(1).join(".")}: ${message}`,
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  test("refuses a name that is there twice", () => {
    const { error } = maintenanceSetting.safeParse([nightly, backup, { ...backup, lasts: "1h" }]);
    expect(error?.issues).toMatchObject([
      { path: [2, "name"], message: "there is another window weekly-backup already" },
    ]);
  });

  test("refuses checks that are not there, each at its place", () => {
    const settings = maintenanceSetting.parse([nightly, backup]);
    expect(maintenanceProblems(settings, ["database-is-up", "api-is-readi"])).toEqual([
      {
        path: [1, "checks", 1],
        message: "there is no check api-is-ready; did you mean api-is-readi?",
      },
    ]);
  });
});
