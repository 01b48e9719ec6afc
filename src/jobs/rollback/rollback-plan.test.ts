import { describe, expect, test } from "vitest";

import type { ReleaseSight } from "./release-sight.ts";
import { observedOf, parametersOf, planRollback, type RollbackPlan } from "./rollback-plan.ts";

const day = (of: number): Date => new Date(Date.UTC(2026, 10, of, 3));
const bad = "9e107d9d372bb6826bd81d3542a419d6e277d6ca";
const good = "5c1f0b7a9d3e48261fa0c7be5d92384716ab0e9f";
const older = "5c9900007fd3e82b9164a05c7de20f18cb3a9564";

type Application = ReleaseSight["applications"][number];
const application = (given: Partial<Application> = {}): Application => ({
  role: "api",
  name: "production-api",
  images: [bad, good],
  finished: [
    { commit: bad, at: day(22) },
    { commit: good, at: day(20) },
    { commit: older, at: day(10) },
  ],
  active: [],
  deploysOnPush: false,
  ...given,
});
const worker = application({ role: "worker", name: "production-worker" });
const sight = (given: Partial<ReleaseSight> = {}): ReleaseSight => ({
  applications: [worker, application()],
  schema: { revision: "c3a2b7d9f1e0", problem: null },
  met: [],
  ...given,
});
const smoked = {
  commit: good,
  lesson: "smoke-go",
  schemaRevision: "c3a2b7d9f1e0",
  firstMetAt: day(20),
  metAt: day(21),
} as const;

function planned(of: ReleaseSight, prefix: string | undefined): RollbackPlan {
  const result = planRollback(of, prefix);
  if (!result.ok) throw new Error(result.problem);
  return result.plan;
}

describe("which release is meant", () => {
  test("the beginning of a hash names it", () => {
    expect(planned(sight(), "5c1f").to).toBe(good);
  });

  test("without one it is the newest that is known good", () => {
    expect(planned(sight({ met: [smoked] }), undefined)).toMatchObject({
      to: good,
      lesson: { lesson: "smoke-go", metAt: day(21) },
      deployedAt: day(20),
      schemaWords: "It ran well on schema c3a2b7d9f1e0, the present one.",
    });
  });

  test.each([
    ["what never ran here", sight(), "abcd", "No release that ran here begins with abcd"],
    ["the beginning of several", sight(), "5c", "Several releases that ran here begin with 5c"],
    ["what runs everywhere", sight(), "9e10", "9e107d9 runs already"],
    ["nothing while nothing is known good", sight(), undefined, "No earlier release is known good"],
    [
      "nothing where nothing else ever ran",
      sight({ applications: [application({ finished: [{ commit: bad, at: day(22) }] })] }),
      undefined,
      "Nothing else was ever deployed here.",
    ],
  ])("%s is refused with what would be right", (_what, of, prefix, problem) => {
    const result = planRollback(of, prefix);
    expect(result.ok ? "planned" : result.problem).toContain(problem);
  });
});

describe("what is to be done", () => {
  test("is every application that runs something else, and no other", () => {
    const half = application({ finished: [{ commit: good, at: day(22) }] });
    const { applications } = planned(sight({ applications: [worker, half] }), "5c1f");
    expect(applications.map(({ role, isRedeployed }) => [role, isRedeployed])).toEqual([
      ["worker", true],
      ["api", false],
    ]);
  });

  test("takes over what is being deployed, even to what runs the release already", () => {
    const stuck = application({ active: ["d-1"] });
    const plan = planned(sight({ applications: [worker, stuck] }), "9e10");
    expect(plan.applications.map(({ isRedeployed, cancels }) => [isRedeployed, cancels])).toEqual([
      [false, []],
      [true, ["d-1"]],
    ]);
  });

  test("says of each image whether it is kept, gone, or cannot be seen", () => {
    const gone = application({ images: [bad] });
    const unseen = { ...worker, images: null };
    const { applications } = planned(sight({ applications: [unseen, gone] }), "5c1f");
    expect(applications.map(({ image }) => image)).toEqual(["unseen", "gone"]);
    expect(planned(sight(), "5c1f").applications.map(({ image }) => image)).toEqual([
      "kept",
      "kept",
    ]);
  });
});

describe("the question", () => {
  test("names everything that is done outside, with whole hashes", () => {
    const stuck = application({ active: ["d-1"], deploysOnPush: true });
    const plan = planned(sight({ applications: [worker, stuck] }), "5c1f");
    expect(parametersOf(plan, "captures answer 500")).toEqual({
      to: good,
      worker: `from ${bad}, image kept`,
      api: `from ${bad}, image kept`,
      order: "worker, api",
      cancels: "d-1",
      "auto-deploy-off": "api",
      why: "captures answer 500",
    });
  });

  test("rests on what runs, what is under way, and the schema", () => {
    expect(observedOf(sight(), true)).toEqual({
      worker: "9e107d9d372b",
      api: "9e107d9d372b",
      "under-way": "nothing",
      schema: "c3a2b7d9f1e0",
    });
    const stuck = application({ active: ["d-1"] });
    expect(observedOf(sight({ applications: [stuck] }), true)["under-way"]).toBe("d-1");
  });

  test("rests on no schema that could not be read when it was asked", () => {
    expect(observedOf(sight(), false)).not.toHaveProperty("schema");
    const unreadable = { revision: null, problem: "down" };
    expect(observedOf(sight({ schema: unreadable }), true)["schema"]).toBe("not to be read");
  });
});
