import { describe, expect, test } from "vitest";

import type { JournalledStep } from "../../storage/run-step.ts";
import { whatStopMeans } from "./cancel-words.ts";

const steps = [
  { kind: "look", name: "what runs" },
  { kind: "ask", name: "approval" },
  { kind: "act", name: "worker", whenCancelled: "Coolify deploys the worker all the same." },
  { kind: "look", name: "worker runs", whenCancelled: "Coolify goes on with the worker." },
  { kind: "act", name: "api", whenCancelled: "Coolify deploys the API all the same." },
  { kind: "look", name: "ready" },
] as const;

/** So many steps are done, and the next one stands like this. */
function journal(done: number, next?: JournalledStep["state"]): readonly JournalledStep[] {
  const shown = next === undefined ? done : done + 1;
  return steps.slice(0, shown).map(({ kind, name }, n): JournalledStep => ({
    n,
    name,
    kind,
    state: n < done ? "done" : (next ?? "done"),
    key: `key-${n}`,
    baseline: null,
    progress: null,
    result: null,
    error: null,
    startedAt: new Date(0),
    endedAt: null,
  }));
}

const told = (...given: Parameters<typeof journal>) => {
  const { isUnsafe, words } = whatStopMeans({ id: "7" }, steps, journal(...given));
  return [isUnsafe ? "unsafe" : "safe", ...words];
};

describe("what cancelling means", () => {
  test("before anything was looked at: nothing was done, and nothing will be", () => {
    expect(told(0)).toEqual([
      "safe",
      "It stops before its next step.",
      "Nothing was done yet.",
      "Will not be done: worker, api.",
    ]);
  });

  test("while it looks: it stops at once", () => {
    expect(told(0, "started")).toEqual([
      "safe",
      'It stops at "what runs", which only looks.',
      "Nothing was done yet.",
      "Will not be done: worker, api.",
    ]);
  });

  test("while people are asked: the question is withdrawn", () => {
    expect(told(1, "started")).toEqual([
      "safe",
      "Its question is withdrawn.",
      "Nothing was done yet.",
      "Will not be done: worker, api.",
    ]);
  });

  test("in the middle of an act: it goes on, here and outside, and only then the run stops", () => {
    expect(told(2, "started")).toEqual([
      "unsafe",
      '"worker" is under way and is not cut short; the run stops after it.',
      "Coolify deploys the worker all the same.",
      "Will not be done: api.",
    ]);
  });

  test("while it waits for what it asked for: that goes on outside", () => {
    expect(told(3, "started")).toEqual([
      "unsafe",
      'It stops waiting for "worker runs".',
      "Coolify deploys the worker all the same.",
      "Coolify goes on with the worker.",
      "Done already, and not undone: worker.",
      "Will not be done: api.",
    ]);
  });

  test("between asking for something and waiting for it: that goes on all the same", () => {
    expect(told(3)).toEqual([
      "unsafe",
      "It stops before its next step.",
      "Coolify deploys the worker all the same.",
      "Done already, and not undone: worker.",
      "Will not be done: api.",
    ]);
  });

  test("once its end was waited for, nothing of it goes on", () => {
    expect(told(4)).toEqual([
      "safe",
      "It stops before its next step.",
      "Done already, and not undone: worker.",
      "Will not be done: api.",
    ]);
  });

  test("when all is done but a look that nothing is waited for at: what was done stays", () => {
    expect(told(5, "started")).toEqual([
      "safe",
      'It stops at "ready", which only looks.',
      "Done already, and not undone: worker, api.",
    ]);
  });

  test("the same words of several steps are said once", () => {
    const same = "Coolify goes on.";
    const twice = [
      { kind: "act", name: "worker", whenCancelled: same },
      { kind: "look", name: "worker runs", whenCancelled: same },
    ] as const;
    const [act, look] = journal(3, "started").slice(2);
    const open = [
      { ...act!, n: 0 },
      { ...look!, n: 1 },
    ];
    expect(whatStopMeans({ id: "7" }, twice, open).words.filter((text) => text === same)).toEqual([
      same,
    ]);
  });

  test("an act that surely did not happen is not said to be done", () => {
    expect(told(2, "cleared")).toContain("Nothing was done yet.");
  });

  test("has another code for every step, so that a yes to one is no yes to another", () => {
    const codes = [0, 1, 2, 3, 4].map(
      (done) => whatStopMeans({ id: "7" }, steps, journal(done, "started")).code,
    );
    expect(new Set(codes).size).toBe(codes.length);
    expect(whatStopMeans({ id: "7" }, steps, journal(2, "started")).code).toBe(codes[2]);
    expect(whatStopMeans({ id: "8" }, steps, journal(2, "started")).code).not.toBe(codes[2]);
  });

  test("names no more acts than a card has room for", () => {
    const many = Array.from({ length: 9 }, (_, n) => ({ kind: "act", name: `act ${n}` }) as const);
    expect(whatStopMeans({ id: "7" }, many, []).words.at(-1)).toBe(
      "Will not be done: act 0, act 1, act 2, act 3, act 4 and 4 more.",
    );
  });
});
