import { describe, expect, test } from "vitest";

import type { Status } from "../../core/status.ts";
import { stayGoodStep } from "./deploy-watch.ts";

/** A check that answers these one after the other; the last one stays. */
function checkOf(name: string, ...answers: readonly Status[]) {
  let asked = 0;
  return {
    name,
    asked: () => asked,
    async ask() {
      const status = answers[Math.min(asked, answers.length - 1)] ?? "pass";
      asked += 1;
      const ok = status === "pass";
      const observations =
        status === "unknown"
          ? []
          : [{ what: "status", expected: "200", actual: ok ? "200" : "500", ok }];
      return {
        status,
        observations,
        measurements: [],
        durationMs: 1,
        ...(ok ? {} : { reason: "why" }),
      };
    },
  };
}

const watch = { lasts: 40, every: 5, badLooks: 2 };

function watching(
  checks: readonly ReturnType<typeof checkOf>[],
  settings = watch,
  mayBeginBad: (check: string) => boolean = () => false,
) {
  const reported: unknown[] = [];
  const { look } = stayGoodStep({
    name: "it stays good",
    watch: settings,
    slowestMs: 1_000,
    checksFor: () => checks,
    mayBeginBad,
  });
  const signal = new AbortController().signal;
  const context = {
    signal,
    run: "R-1",
    key: "key",
    results: {},
    report: (progress: unknown) => void reported.push(progress),
  };
  return { reported, result: look(context) };
}

describe("watching a release", () => {
  test("ends well when everything stays good for as long as it has to", async () => {
    const check = checkOf("api-is-ready", "pass");
    const { result } = watching([check]);
    const { looks, lastedMs, blips } = (await result) as {
      looks: number;
      lastedMs: number;
      blips: string[];
    };
    expect(lastedMs).toBeGreaterThanOrEqual(watch.lasts - 1);
    expect(looks).toBe(check.asked());
    expect(looks).toBeGreaterThan(1);
    expect(blips).toEqual([]);
  });

  test("bears a single bad look, and tells of it", async () => {
    const { result, reported } = watching([checkOf("api-is-ready", "pass", "fail", "pass")]);
    expect(await result).toMatchObject({ blips: ["api-is-ready"] });
    expect(reported).toContainEqual(expect.objectContaining({ bad: ["api-is-ready"] }));
  });

  test("stops as soon as a check is bad twice in a row, and says which and how", async () => {
    const check = checkOf("api-is-ready", "pass", "fail", "fail");
    const { result } = watching([check, checkOf("live", "pass")]);
    await expect(result).rejects.toThrow(
      /^it went bad after .*: api-is-ready: status should be 200, is 500$/,
    );
    expect(check.asked()).toBe(3);
  });

  test("counts each check for itself: two that blink in turn are not one that is bad", async () => {
    const { result } = watching([
      checkOf("one", "fail", "pass", "fail", "pass"),
      checkOf("other", "pass", "fail", "pass"),
    ]);
    expect(await result).toMatchObject({ blips: ["one", "other"] });
  });

  test("takes not being able to look for bad", async () => {
    const { result } = watching([checkOf("api-is-ready", "unknown")]);
    await expect(result).rejects.toThrow("api-is-ready");
  });

  test("passes over what is not configured", async () => {
    const { result } = watching([checkOf("todoist", "not-configured")]);
    expect(await result).toMatchObject({ blips: [] });
  });

  test("does not end well with a bad look, however late it comes", async () => {
    const { result } = watching([checkOf("api-is-ready", "fail")], { ...watch, lasts: 0 });
    await expect(result).rejects.toThrow("went bad");
  });

  test("only tells of what need not have been good from the beginning, and holds the rest to it", async () => {
    const isWebhook = (check: string): boolean => check === "webhook";
    const later = checkOf("webhook", "fail");
    const { result } = watching([later, checkOf("ready", "pass")], watch, isWebhook);
    expect(await result).toMatchObject({ notYet: ["webhook"], blips: [] });
    const again = watching([checkOf("webhook", "pass", "fail")], watch, isWebhook);
    await expect(again.result).rejects.toThrow("webhook");
    const ready = watching([checkOf("ready", "fail")], watch, isWebhook);
    await expect(ready.result).rejects.toThrow("ready");
  });
});
