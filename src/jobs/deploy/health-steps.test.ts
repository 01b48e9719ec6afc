import { describe, expect, test } from "vitest";

import type { Json } from "../../core/json.ts";
import type { CheckResult } from "../../core/status.ts";
import { checksPassStep, checksPassedSchema } from "./health-steps.ts";

const passes: CheckResult = { status: "pass", observations: [], measurements: [], durationMs: 1 };
const fails: CheckResult = {
  ...passes,
  status: "fail",
  observations: [{ what: "status", expected: "200", actual: "503", ok: false }],
};
const unknown: CheckResult = { ...passes, status: "unknown", reason: "no answer within 5s" };

/** Gives one result after another, and the last one for ever. */
function check(name: string, ...results: readonly [CheckResult, ...CheckResult[]]) {
  let asked = 0;
  return {
    name,
    timeoutMs: 5_000,
    ask: async () => results[Math.min(asked++, results.length - 1)]!,
    asked: () => asked,
  };
}

type Given = Partial<Parameters<typeof checksPassStep>[0]>;

async function wait(given: Given, signal = new AbortController().signal) {
  const reported: Json[] = [];
  const step = checksPassStep({
    name: "ready",
    checks: [],
    names: [],
    withinMs: 5_000,
    everyMs: 1,
    ...given,
  });
  const report = (progress: Json): void => void reported.push(progress);
  const result = step.look({ signal, run: "R-1", key: "", results: {}, report });
  return { result: await result, reported };
}

describe("waiting for checks", () => {
  test("ends as soon as all of them pass in one look", async () => {
    const live = check("api-is-live", passes);
    const ready = check("api-is-ready", fails, unknown, passes);
    const names = ["api-is-live", "api-is-ready"];
    const { result, reported } = await wait({ checks: [live, ready], names });
    expect(checksPassedSchema.parse(result).passed).toEqual(names);
    expect(ready.asked()).toBe(3);
    expect(reported).toEqual([
      { waitsFor: ["api-is-ready: status should be 200, is 503"] },
      { waitsFor: ["api-is-ready: no answer within 5s"] },
    ]);
  });

  test("asks nobody but those that are named", async () => {
    const other = check("xai-key-works", fails);
    await wait({ checks: [check("api-is-live", passes), other], names: ["api-is-live"] });
    expect(other.asked()).toBe(0);
  });

  test("fails at its end with what each of them said last", async () => {
    const checks = [check("a", fails, unknown), check("b", passes), check("c", fails)];
    await expect(wait({ checks, names: ["a", "b", "c"], withinMs: 50 })).rejects.toThrow(
      "a: no answer within 5s; c: status should be 200, is 503",
    );
  });

  test("never takes a check that is gone for one that passes", async () => {
    const given = { checks: [check("a", passes)], names: ["a", "gone"], withinMs: 20 };
    await expect(wait(given)).rejects.toThrow("gone: the configuration has no such check");
  });

  test("ends at once when the run is told to stop", async () => {
    const stop = new AbortController();
    stop.abort(new Error("stopped"));
    await expect(wait({ checks: [check("a", fails)], names: ["a"] }, stop.signal)).rejects.toThrow(
      "stopped",
    );
  });
});
