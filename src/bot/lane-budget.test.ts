import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { alertsShare, createLaneBudget, type LaneBudget, type Purpose } from "./lane-budget.ts";

const MINUTE_MS = 60_000;
const START_MS = 5_000_000;

/** When calls are made by somebody who always has one to make, and pauses now and then. */
function callsOf(
  budget: LaneBudget,
  pausesMs: readonly number[],
  untilMs: number,
  purpose: Purpose = "answer",
): number[] {
  const calls: number[] = [];
  let nowMs = START_MS;
  for (let index = 0; nowMs < START_MS + untilMs; index += 1) {
    const waitMs = budget.waitMs(nowMs, purpose);
    if (waitMs > 0) {
      nowMs += waitMs;
      continue;
    }
    budget.spend(nowMs, purpose);
    calls.push(nowMs);
    nowMs += pausesMs[index % pausesMs.length] ?? 0;
  }
  return calls;
}

/** The most calls within any stretch of time of this length. */
function mostWithin(calls: readonly number[], lengthMs: number): number {
  let most = 0;
  let first = 0;
  for (const [index, at] of calls.entries()) {
    while (at - (calls[first] ?? at) >= lengthMs) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

const pauses = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 90_000 })), {
  minLength: 1,
  maxLength: 12,
});

describe("a lane", () => {
  test("bears a burst of five and then one call a second", () => {
    const calls = callsOf(createLaneBudget(undefined), [0], 10_000);
    expect(calls.slice(0, 7).map((at) => at - START_MS)).toEqual([0, 0, 0, 0, 0, 1_000, 2_000]);
  });

  test("bears more a second in a group that bears more a minute", () => {
    const { waitMs, spend } = createLaneBudget(600);
    for (let call = 0; call < 5; call += 1) spend(0, "answer");
    expect(waitMs(0, "answer")).toBe(100);
  });

  test("never makes more than six calls within a second, whoever pauses how", () => {
    fc.assert(
      fc.property(pauses, (pausesMs) => {
        const calls = callsOf(createLaneBudget(undefined), pausesMs, 5 * MINUTE_MS);
        expect(mostWithin(calls, 1_000)).toBeLessThanOrEqual(6);
      }),
    );
  });

  test("leaves a quarter for answers, however many alerts there are", () => {
    const budget = createLaneBudget(20);
    const alerts = callsOf(budget, [0], 10 * MINUTE_MS, "alert");
    expect(mostWithin(alerts, MINUTE_MS)).toBe(15);
    expect(mostWithin(alerts, 5_000)).toBe(4);
    // Right after the last of them, whoever asks is answered at once.
    expect(budget.waitMs(alerts.at(-1) ?? 0, "answer")).toBe(0);
    expect(budget.waitMs(alerts.at(-1) ?? 0, "alert")).toBeGreaterThan(0);
  });

  test("keeps alerts out of a burst that others make", () => {
    const budget = createLaneBudget(undefined);
    for (let n = 0; n < 4; n += 1) budget.spend(START_MS + n, "answer");
    expect(budget.waitMs(START_MS + 10, "alert")).toBe(4_990);
    expect(budget.waitMs(START_MS + 10, "answer")).toBe(0);
  });

  test("always leaves alerts something, even in the quietest of groups", () => {
    expect([1, 2, 4, 20].map(alertsShare)).toEqual([1, 2, 3, 15]);
  });

  test("of a group never makes more calls within any minute than it bears", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), pauses, (perMinute, pausesMs) => {
        const calls = callsOf(createLaneBudget(perMinute), pausesMs, 5 * MINUTE_MS);
        expect(mostWithin(calls, MINUTE_MS)).toBeLessThanOrEqual(perMinute);
      }),
    );
  });

  test("of a group that always has something to say uses what it bears", () => {
    const calls = callsOf(createLaneBudget(20), [0], 10 * MINUTE_MS);
    expect(calls.length).toBeGreaterThan(10 * 20 * 0.9);
  });

  test("keeps quiet as long as Telegram asks for, and a shorter wish does not end a longer one", () => {
    const budget = createLaneBudget(20);
    budget.quietUntil(START_MS + 30_000);
    budget.quietUntil(START_MS + 10_000);
    expect(budget.waitMs(START_MS, "answer")).toBe(30_000);
    expect(budget.waitMs(START_MS + 29_999, "answer")).toBe(1);
    expect(budget.waitMs(START_MS + 30_000, "answer")).toBe(0);
  });

  test("asks for no wait that leads to another wait, beyond a rounding", () => {
    fc.assert(
      fc.property(pauses, (pausesMs) => {
        const budget = createLaneBudget(20);
        const calls = callsOf(budget, pausesMs, MINUTE_MS);
        const nowMs = (calls.at(-1) ?? START_MS) + 1;
        const waitMs = budget.waitMs(nowMs, "answer");
        expect(budget.waitMs(nowMs + waitMs, "answer")).toBeLessThanOrEqual(1);
      }),
    );
  });
});
