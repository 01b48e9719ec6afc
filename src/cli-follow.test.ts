import { expect, test } from "vitest";

import { exitCodeOf, terminalText } from "./cli-follow.ts";
import { line } from "./core/card.ts";
import type { RunState } from "./storage/run.ts";

test.each<[string, RunState, string | null, boolean, number]>([
  ["GO", "ok", "GO", false, 0],
  ["a change that was made", "ok", "DEPLOYED", true, 0],
  ["a backup that was saved", "ok", "SAVED", true, 0],
  ["NO-GO", "ok", "NO-GO", false, 1],
  ["a change that did no good", "ok", "NO-GO", true, 1],
  ["gates that are shut", "ok", "BLOCKED", true, 1],
  ["a change that failed", "failed", null, true, 1],
  ["a change that somebody denied", "refused", null, true, 1],
  ["a change that was cancelled", "cancelled", null, true, 1],
  ["UNKNOWN", "ok", "UNKNOWN", false, 2],
  ["an effect in doubt", "unknown", null, true, 2],
  ["a question that nobody answered", "expired", null, true, 2],
  ["a look that failed", "failed", null, false, 2],
])("%s", (_what, state, verdict, mutating, code) => {
  expect(exitCodeOf({ state, verdict, mutating })).toBe(code);
});

test("a terminal shows what the buttons of a card would type, but for those that answer a question", () => {
  const text = terminalText({
    title: "alpha · roll back to which release?",
    parts: [line("8aa80ce")],
    actions: [
      [{ label: "8aa80ce", command: "rollback 8aa80ce" }],
      [{ label: "Approve", command: "answer AbC", style: "success" }],
      [{ label: "Details\u202E", command: "runs R-7" }],
    ],
  });
  expect(text.split("\n")).toEqual([
    "alpha · roll back to which release?",
    "8aa80ce",
    "  8aa80ce: flightdeck rollback 8aa80ce",
    "  Details⟨U+202E⟩: flightdeck runs R-7",
  ]);
});
