import { describe, expect, test } from "vitest";

import { bareValueText, measurementName, measurementText } from "./measurement-text.ts";

describe("a measurement", () => {
  test.each([
    ["latencyMs", 41, "latency 41ms"],
    ["latencyMs", 4_200, "latency 4.2s"],
    ["usedMemoryBytes", 1_234_567_890, "used memory 1.23 GB"],
    ["sizeBytes", 0, "size 0 B"],
    ["sizeBytes", 999, "size 999 B"],
    ["diskUsedPercent", 71.256, "disk used 71.26 %"],
    ["default_queue.jobs", 3, "default_queue 3 jobs"],
    ["default_queue.jobs", 1, "default_queue 1 job"],
    ["a.b.jobs", 2, "a.b 2 jobs"],
    ["openConnections", 12, "open connections 12"],
    ["daysLeft", 40, "days left 40"],
    ["retries", 1, "retries 1"],
  ])("%s of %d is said as it is thought", (name, value, said) => {
    expect(measurementText({ name, value })).toBe(said);
  });

  test("has its unit as the last word of its name", () => {
    expect(measurementName("usedMemoryBytes")).toEqual({ what: "used memory", unit: "Bytes" });
    expect(measurementName("emails.sent.jobs")).toEqual({ what: "emails.sent", unit: "jobs" });
    expect(measurementName("retries")).toEqual({ what: "retries", unit: "" });
  });

  test.each([
    [0, "Ms", "0"],
    [600, "Ms", "600ms"],
    [2_000_000, "Bytes", "2 MB"],
    [64, "jobs", "64"],
  ])("%d %s stands on an axis as %s", (value, unit, said) => {
    expect(bareValueText(value, unit)).toBe(said);
  });
});
