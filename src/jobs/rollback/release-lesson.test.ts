import { describe, expect, test } from "vitest";

import type { CoolifyDeployment } from "../../systems/coolify.ts";
import { SystemError } from "../../systems/system-error.ts";
import { rolloutSetting } from "../deploy/rollout-settings.ts";
import type { Results } from "../operation.ts";
import { lessonSteps } from "./release-lesson.ts";
import type { ReleaseParts } from "./release-sight.ts";

const rollout = rolloutSetting.parse({ api: "api", worker: "worker", ready: ["api-is-ready"] })!;

const row = (commit: string, given: Partial<CoolifyDeployment> = {}): CoolifyDeployment => ({
  uuid: `d-${commit}`,
  commit,
  status: "finished",
  isPreview: false,
  isRollback: false,
  createdAt: new Date(0),
  finishedAt: new Date(1),
  ...given,
});

type Lists = () => readonly CoolifyDeployment[];

/** Runs both looks, with what Coolify lists before and behind the proof, and tells what was written. */
async function learnt(before: Lists, after: Lists, isProved = true): Promise<readonly string[]> {
  const written: string[] = [];
  let deployments = before;
  const parts = {
    target: "production",
    rollout,
    systems: { coolify: { deployments: async () => deployments() }, postgres: {} },
    database: {
      transaction: async (work: (tx: object, now: Date) => Promise<unknown>) =>
        work(
          { change: async (_sql: string, values: readonly string[]) => written.push(values[1]!) },
          new Date(),
        ),
    },
  } as unknown as ReleaseParts;
  const steps = lessonSteps(parts, "smoke-go", () => isProved);
  const { signal } = new AbortController();
  const context = { signal, run: "R-7", key: "", report: () => {} };
  const results: Results = {
    [steps.before.name]: await steps.before.look({ ...context, results: {} }),
  };
  deployments = after;
  if (steps.after.applies?.(results) !== false) await steps.after.look({ ...context, results });
  return written;
}

const good: Lists = () => [row("abc1234")];

describe("what a proof teaches of a release", () => {
  test("is that it is good, when it was in place from the beginning to the end", async () => {
    expect(await learnt(good, good)).toEqual(["abc1234"]);
  });

  test.each<[string, Lists, Lists, boolean]>([
    ["nothing was proved", good, good, false],
    [
      "another release took its place meanwhile",
      good,
      () => [row("def5678"), row("abc1234")],
      true,
    ],
    ["it was deployed anew meanwhile", good, () => [row("abc1234", { uuid: "d-2" })], true],
    [
      "something is being deployed",
      () => [row("def5678", { status: "queued" }), row("abc1234")],
      good,
      true,
    ],
    ["nothing was ever deployed", () => [], () => [], true],
    [
      "nobody can be asked",
      () => {
        throw new SystemError("coolify", "unreachable", "gone");
      },
      good,
      true,
    ],
  ])("is nothing when %s", async (_when, before, after, isProved) => {
    expect(await learnt(before, after, isProved)).toEqual([]);
  });

  test("does not count previews, which are live nowhere", async () => {
    const preview: Lists = () => [row("fff0000", { isPreview: true }), row("abc1234")];
    expect(await learnt(preview, preview)).toEqual(["abc1234"]);
  });
});
