import { describe, expect, test } from "vitest";

import { NotConfiguredError } from "../systems/not-configured-error.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckObserved } from "./check-kind.ts";
import { runCheck } from "./run-check.ts";

const signal = new AbortController().signal;
const good = { what: "status", expected: "200", actual: "200", ok: true };
const bad = { what: "status", expected: "200", actual: "503", ok: false };
const check = (
  observe: (signal: AbortSignal) => Promise<CheckObserved>,
  retryAfterFailure = 0,
) => ({
  timeoutMs: 1_000,
  retryAfterFailure,
  observe,
});
/** Answers with one outcome after the other and counts. */
const sequence = (...outcomes: (CheckObserved | Error)[]) => {
  const asked = { times: 0 };
  const observe = async (): Promise<CheckObserved> => {
    const outcome = outcomes[asked.times];
    asked.times += 1;
    if (outcome === undefined || outcome instanceof Error) throw outcome ?? new Error("no more");
    return outcome;
  };
  return { asked, observe };
};
const unreachable = new SystemError("http", "unreachable", "GET http://api: connection refused");

describe("the status is derived from what was observed", () => {
  test.each([
    ["pass", [good]],
    ["fail", [good, bad]],
    ["unknown", []],
  ] as const)("%s", async (status, observations) => {
    const result = await runCheck(
      check(async () => ({ observations })),
      signal,
    );
    expect(result.status).toBe(status);
    expect(result.observations).toEqual(observations);
    expect(result.reason).toBe(status === "unknown" ? "nothing was observed" : undefined);
  });
});

describe("what could not be looked at is unknown, with the reason", () => {
  test("a system that failed", async () => {
    const result = await runCheck(check(sequence(unreachable).observe), signal);
    expect(result).toMatchObject({ status: "unknown", reason: unreachable.message });
  });

  test("a bug of ours", async () => {
    const result = await runCheck(
      check(sequence(new TypeError("x is not a function")).observe),
      signal,
    );
    expect(result.status).toBe("unknown");
    expect(result.reason).toBe("the check itself is broken: TypeError: x is not a function");
  });

  test("something thrown that is no error", async () => {
    const observe = async (): Promise<CheckObserved> => {
      throw "out of order";
    };
    expect((await runCheck(check(observe), signal)).reason).toContain("out of order");
  });

  test("a kind that hangs and ignores its signal", async () => {
    const observe = async (): Promise<CheckObserved> => new Promise(() => {});
    const result = await runCheck({ ...check(observe), timeoutMs: 100 }, signal);
    expect(result).toMatchObject({ status: "unknown", reason: "no answer within 100ms" });
    expect(result.durationMs).toBeLessThan(2_000);
  });

  test("a system that says itself what it was waiting for", async () => {
    const observe = async (deadline: AbortSignal): Promise<CheckObserved> =>
      new Promise((_resolve, reject) => {
        const timeout = new SystemError("redis", "timeout", "Redis at r:6379 did not answer");
        deadline.addEventListener("abort", () => setTimeout(() => reject(timeout), 5));
      });
    const result = await runCheck({ ...check(observe), timeoutMs: 100 }, signal);
    expect(result.reason).toBe("Redis at r:6379 did not answer");
  });

  test("a run that was stopped", async () => {
    const stop = new AbortController();
    const observe = async (): Promise<CheckObserved> => new Promise(() => {});
    const result = runCheck(check(observe), stop.signal);
    stop.abort(new Error("cancelled"));
    expect(await result).toMatchObject({
      status: "unknown",
      reason: "stopped before it had an answer",
    });
  });
});

test("what a configuration leaves out is not configured, rather than unknown, and is asked once", async () => {
  const { asked, observe } = sequence(new NotConfiguredError("systems.coolify"));
  const result = await runCheck(check(observe, 2), signal);
  expect(result).toMatchObject({
    status: "not-configured",
    reason: "systems.coolify is not configured",
    observations: [],
  });
  expect(asked.times).toBe(1);
});

describe("a look is repeated only as the settings say", () => {
  test.each([
    ["not without the setting", 0, [{ observations: [bad] }], "fail", 1],
    ["after a failure", 1, [{ observations: [bad] }, { observations: [good] }], "pass", 2],
    ["after a system failed", 1, [unreachable, { observations: [good] }], "pass", 2],
    ["only so often", 1, [{ observations: [bad] }, { observations: [bad] }], "fail", 2],
    ["not after a pass", 2, [{ observations: [good] }], "pass", 1],
    ["not after a bug", 2, [new TypeError("bug")], "unknown", 1],
  ] as const)("%s", async (_name, retries, outcomes, status, times) => {
    const { asked, observe } = sequence(...outcomes);
    const result = await runCheck(check(observe, retries), signal);
    expect(result.status).toBe(status);
    expect(asked.times).toBe(times);
    const measured = result.measurements.find(({ name }) => name === "retries")?.value;
    expect(measured).toBe(times > 1 ? times - 1 : undefined);
  });

  test("and never beyond the timeout", async () => {
    const { asked, observe } = sequence(unreachable, { observations: [good] });
    const result = await runCheck({ ...check(observe, 1), timeoutMs: 100 }, signal);
    expect(result.status).toBe("unknown");
    expect(asked.times).toBe(1);
  });
});

test("what is shown is scrubbed, visible and short", async () => {
  const token = `7000000001:${"A".repeat(35)}`;
  const actual = `\u202E${token} known-secret ${"x".repeat(1_000)}`;
  const result = await runCheck(
    check(async () => ({ observations: [{ ...bad, actual }] })),
    signal,
    (text) => text.replaceAll("known-secret", "[secret]").replaceAll(token, "[secret]"),
  );
  const shown = result.observations[0]!.actual;
  expect(shown).toMatch(/^⟨U\+202E⟩\[secret\] \[secret\] x+…$/);
  expect(shown.length).toBeLessThanOrEqual(160);
});

test("a reason is scrubbed too", async () => {
  const leak = new SystemError("http", "unreachable", "GET http://u:hunter22@api: refused");
  const result = await runCheck(check(sequence(leak).observe), signal);
  expect(result.reason).toBe("GET http://u:[secret]@api: refused");
});
