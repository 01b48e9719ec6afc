import { describe, expect, test } from "vitest";

import {
  createRollbackRules,
  failingWords,
  rollbackRuleProblems,
  rollbackWhenSetting,
} from "./rollback-trigger-settings.ts";

const parse = (rules: object) => rollbackWhenSetting.safeParse(rules);

describe("a rule for a rollback", () => {
  test.each([
    ["5m", { kind: "for", ms: 300_000 }, "has failed for 5m"],
    ["3 of 5", { kind: "of", bad: 3, looks: 5 }, "failed at 3 of 5 looks"],
    [undefined, { kind: "for", ms: 0 }, "fails"],
  ])("fails %s", (failing, understood, words) => {
    const { data } = parse({ rule: { checks: ["a"], ...(failing ? { failing } : {}) } });
    const [rule] = createRollbackRules(data ?? {});
    expect(rule).toEqual({ name: "rule", checks: ["a"], failing: understood, automatic: false });
    expect(failingWords(rule!.failing)).toBe(words);
  });

  test.each(["5", "5 minutes", "6 of 5", "0 of 5", "3 of 21", "3of5x", ""])(
    "%j is neither a duration nor looks",
    (failing) => {
      const { error } = parse({ rule: { checks: ["a"], failing } });
      expect(error?.issues[0]?.message).toContain("expected a duration such as 5m");
    },
  );

  test("names checks that there are, and has something to roll back", () => {
    const rules = parse({ rule: { checks: ["api-is-redy"] } }).data ?? {};
    const checks = ["api-is-ready"];
    expect(rollbackRuleProblems(rules, { checks, hasRollout: true })).toEqual([
      {
        path: ["rule", "checks", 0],
        message: "there is no check api-is-redy; did you mean api-is-ready?",
      },
    ]);
    expect(rollbackRuleProblems(rules, { checks, hasRollout: false })).toMatchObject([
      { path: [], message: expect.stringContaining("needs rollout") },
    ]);
    expect(rollbackRuleProblems({}, { checks, hasRollout: false })).toEqual([]);
  });
});
