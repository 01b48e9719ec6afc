import { expect, test } from "vitest";

import { checkpointDue } from "./checkpoint-due.ts";

const now = new Date("2026-11-23T12:00:00Z");
const minutesAgo = (minutes: number): Date => new Date(now.getTime() - minutes * 60_000);

test.each([
  ["nothing is new", 0, undefined, false],
  ["one entry is new and young", 1, minutesAgo(14.9), false],
  ["one entry has waited for a quarter of an hour", 1, minutesAgo(15), true],
  ["many are new and young", 49, minutesAgo(0), false],
  ["fifty are new", 50, minutesAgo(0), true],
  ["more than fifty are new", 4_000, minutesAgo(0), true],
  ["one entry is of the future, for the clock was set back", 1, minutesAgo(-60), false],
])("a log is signed or not when %s", (_when, count, oldestAt, due) => {
  expect(checkpointDue({ count, oldestAt }, now)).toBe(due);
});
