import { expect, test } from "vitest";

import { checksSetting } from "./settings.ts";

const check = (dependsOn: readonly string[]): object => ({
  kind: "not-configured",
  what: "Todoist",
  dependsOn,
});

function problemsOf(checks: Readonly<Record<string, object>>): readonly string[] {
  const { error } = checksSetting.safeParse(checks);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

test("checks that explain others are taken in any order of the file", () => {
  const checks = {
    "api-is-ready": check(["database-is-up", "redis-is-up"]),
    "api-is-live": check([]),
    "database-is-up": check(["server-is-up"]),
    "redis-is-up": check(["server-is-up"]),
    "server-is-up": check([]),
  };
  expect(problemsOf(checks)).toEqual([]);
  const { "api-is-ready": ready, "api-is-live": live } = checksSetting.parse(checks);
  expect(ready?.common.dependsOn).toEqual(["database-is-up", "redis-is-up"]);
  expect(live?.common).toMatchObject({ dependsOn: [], resolveAfter: 60_000 });
});

test.each<[string, Readonly<Record<string, object>>, readonly string[]]>([
  [
    "a name that no check has",
    { "api-is-ready": check(["database-is-upp"]), "database-is-up": check([]) },
    ["api-is-ready.dependsOn.0: there is no check database-is-upp; did you mean database-is-up?"],
  ],
  [
    "itself",
    { "api-is-ready": check(["api-is-ready"]) },
    ["api-is-ready.dependsOn.0: a check cannot explain itself"],
  ],
  [
    "a circle, told at each of its members and at nobody who only leads to it",
    { one: check(["two"]), two: check(["three"]), three: check(["one"]), four: check(["one"]) },
    [
      "one.dependsOn.0: goes in a circle: one → two → three → one; expected one direction, from effect to cause",
      "two.dependsOn.0: goes in a circle: two → three → one → two; expected one direction, from effect to cause",
      "three.dependsOn.0: goes in a circle: three → one → two → three; expected one direction, from effect to cause",
    ],
  ],
])("%s is refused at its place", (_what, checks, problems) => {
  expect(problemsOf(checks)).toEqual(problems);
});
