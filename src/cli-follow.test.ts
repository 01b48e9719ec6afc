import { expect, test } from "vitest";

import { exitCodeOf } from "./cli-follow.ts";
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
