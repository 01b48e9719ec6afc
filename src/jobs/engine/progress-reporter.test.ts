import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { Json } from "../../core/json.ts";
import { createProgressReporter } from "./progress-reporter.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function reporterThatKeeps() {
  const saved: Json[] = [];
  const reporter = createProgressReporter(async (progress) => void saved.push(progress));
  return { saved, reporter };
}

describe("a progress reporter", () => {
  test("saves the newest of what it was told, and at most every three seconds", async () => {
    const { saved, reporter } = reporterThatKeeps();
    for (let second = 0; second < 9; second += 1) {
      reporter.report(`${second}a`);
      reporter.report(`${second}b`);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(saved).toEqual(["2b", "5b", "8b"]);
  });

  test("saves the same progress once, and nothing when there is none", async () => {
    const { saved, reporter } = reporterThatKeeps();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(saved).toEqual([]);
    reporter.report("one");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(saved).toEqual(["one"]);
  });

  test("goes on after a save that failed", async () => {
    const saved: Json[] = [];
    const reporter = createProgressReporter(async (progress) => {
      if (progress === "bad") throw new Error("the database is away");
      saved.push(progress);
    });
    reporter.report("bad");
    await vi.advanceTimersByTimeAsync(3_000);
    reporter.report("good");
    await vi.advanceTimersByTimeAsync(3_000);
    expect(saved).toEqual(["good"]);
    await expect(reporter.close()).resolves.toBeUndefined();
  });

  test("never saves two things at once", async () => {
    const begun: Json[] = [];
    const first = Promise.withResolvers<void>();
    const reporter = createProgressReporter(async (progress) => {
      begun.push(progress);
      await first.promise;
    });
    reporter.report("slow");
    await vi.advanceTimersByTimeAsync(3_000);
    reporter.report("next");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(begun).toEqual(["slow"]);
    first.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toEqual(["slow", "next"]);
  });

  test("when closed waits for the save under way and drops what was not saved", async () => {
    const saving = Promise.withResolvers<void>();
    const begun: Json[] = [];
    const reporter = createProgressReporter(async (progress) => {
      begun.push(progress);
      await saving.promise;
    });
    reporter.report("under way");
    await vi.advanceTimersByTimeAsync(3_000);
    reporter.report("dropped");
    let closed = false;
    const closing = reporter.close().then(() => (closed = true));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(closed).toBe(false);
    saving.resolve();
    await closing;
    expect(begun).toEqual(["under way"]);
  });

  test("once closed hears nothing more, as of a check that answers after its step was given up", async () => {
    const { saved, reporter } = reporterThatKeeps();
    await reporter.close();
    reporter.report("late");
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(saved).toEqual([]);
  });
});
