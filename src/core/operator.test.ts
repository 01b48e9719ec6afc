import { describe, expect, test } from "vitest";

import { actorOf, actorSchema } from "./actor.ts";
import { mayActAs, operatorsSetting, ROLES } from "./operator.ts";

test.each([
  ["viewer", [true, false, false]],
  ["operator", [true, true, false]],
  ["approver", [true, true, true]],
] as const)("a %s may do what the roles before may", (role, may) => {
  expect(ROLES.map((needed) => mayActAs(role, needed))).toEqual(may);
});

describe("the list of operators", () => {
  const ada = { name: "Ada", telegram: 1, role: "approver", os: "ada" };
  const grace = { name: "Grace", telegram: 2, role: "operator" };
  const issuesOf = (list: unknown): readonly string[] => {
    const parsed = operatorsSetting.safeParse(list);
    return parsed.success
      ? []
      : parsed.error.issues.map((each) => `${each.path.join(".")}: ${each.message}`);
  };

  test("holds different people", () => {
    expect(issuesOf([ada, grace, { name: "Lin", telegram: 3, role: "viewer" }])).toEqual([]);
  });

  test("gives one person one role", () => {
    expect(issuesOf([ada, grace, { ...grace, name: "Ada again", telegram: 1 }])).toEqual([
      "2.telegram: 1 is already Ada; one person has one role",
    ]);
  });

  test("knows each user of the operating system as one person", () => {
    expect(issuesOf([ada, { ...grace, os: "ada" }])).toEqual([
      "1.os: ada is already Ada; one person has one role",
    ]);
  });

  test("is not empty, and knows no other role and no other setting", () => {
    expect(issuesOf([])).toHaveLength(1);
    expect(issuesOf([{ ...ada, role: "owner" }])).toHaveLength(1);
    expect(issuesOf([{ ...ada, username: "@ada" }])).toHaveLength(1);
  });
});

test("an actor is an operator seen through where he acts, with his id as a string", () => {
  const operator = {
    name: "Ada",
    telegram: 9_007_199_254_740_991,
    role: "viewer",
    os: "ada",
  } as const;
  const actor = actorOf(operator, "cli");
  expect(actor).toEqual({ via: "cli", name: "Ada", telegram: "9007199254740991", role: "viewer" });
  expect(actorSchema.parse(JSON.parse(JSON.stringify(actor)))).toEqual(actor);
});
