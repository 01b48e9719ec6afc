import { describe, expect, test } from "vitest";

import { statusOf } from "../core/status.ts";
import type { DrillsSoFar } from "./check-kind.ts";
import { restoreProven } from "./restore-proven.ts";

const now = new Date("2026-11-23T08:00:00Z");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

type Known = NonNullable<DrillsSoFar["last"]>;

const drill = (verdict: Known["verdict"], agoMs: number): Known => ({
  verdict,
  backup: "20261122T030000Z",
  endedAt: new Date(now.getTime() - agoMs),
  recoveryMs: 4_200,
});

async function look(known: Omit<DrillsSoFar, "now"> | undefined, dueFrom?: string) {
  const context = {
    systems: {},
    settings: { within: 8 * DAY_MS, dueFrom },
    drills: async () => known && { now, ...known },
  };
  return restoreProven.observe(context);
}

describe("whether a restore is proven", () => {
  test.each([
    ["a drill verified a backup yesterday", drill("VERIFIED", DAY_MS), undefined, "pass"],
    ["the proof is nine days old", drill("VERIFIED", 9 * DAY_MS), undefined, "fail"],
    ["no drill was ever made", undefined, undefined, "fail"],
    ["the last one failed", drill("VERIFIED", DAY_MS), drill("FAILED", HOUR_MS), "fail"],
    [
      "the last one could not verify and a proof is young",
      drill("VERIFIED", DAY_MS),
      drill("COULD NOT VERIFY", HOUR_MS),
      "pass",
    ],
    [
      "none could verify for too long",
      drill("VERIFIED", 9 * DAY_MS),
      drill("COULD NOT VERIFY", HOUR_MS),
      "fail",
    ],
  ] as const)("when %s", async (_what, verified, last, status) => {
    const { observations } = await look({ verified, last: last ?? verified });
    expect(statusOf(observations)).toBe(status);
  });

  test("is told with its age and how long the way back takes", async () => {
    const verified = drill("VERIFIED", DAY_MS);
    const { measurements, observations } = await look({ verified, last: verified });
    expect(measurements).toEqual([
      { name: "proofAgeMs", value: DAY_MS },
      { name: "recoveryMs", value: 4_200 },
    ]);
    expect(observations.at(-1)?.actual).toBe("20261122T030000Z, 1d ago");
  });

  test("is not asked for before it is due, and a drill that failed is told all the same", async () => {
    const tomorrow = "2026-11-24T08:00:00Z";
    const none = { last: undefined, verified: undefined };
    await expect(look(none, tomorrow)).rejects.toThrow(
      "there is no drill yet, and none is due before 2026-11-24T08:00:00Z",
    );
    const failed = { last: drill("FAILED", HOUR_MS), verified: undefined };
    expect(statusOf((await look(failed, tomorrow)).observations)).toBe("fail");
    expect(statusOf((await look(none, "2026-11-23T08:00:00Z")).observations)).toBe("fail");
  });

  test("is not configured where no backups are", async () => {
    await expect(look(undefined)).rejects.toThrow("backup is not configured");
  });
});
