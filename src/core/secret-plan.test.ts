import { describe, expect, test } from "vitest";

import {
  isComplete,
  secretText,
  variableStandings,
  type FoundVariable,
  type VariableSource,
} from "./secret-plan.ts";
import { Secret } from "./secret.ts";

const given = (value: string): VariableSource => ({ kind: "given", value: new Secret(value) });
const made: VariableSource = { kind: "made", form: "token" };
const asked: VariableSource = { kind: "asked", what: "the database" };

/** Stands for a value that is there and that nobody may see. */
const HIDDEN = "hidden";
type Held = string | undefined;

function rowsOf(...held: readonly Held[]): readonly FoundVariable[] {
  return held
    .filter((one) => one !== undefined)
    .map((one) => ({ key: "A", value: one === HIDDEN ? undefined : new Secret(one) }));
}

function standing(source: VariableSource, api: Held, worker: Held, ready?: string) {
  const wanted = [{ name: "A", applications: ["api", "worker"], source }];
  const found = new Map([
    ["api", rowsOf(api)],
    ["worker", rowsOf(worker)],
  ]);
  const known = new Map(ready === undefined ? [] : [["A", new Secret(ready)] as const]);
  return variableStandings(wanted, found, known)[0]!;
}

describe("a variable", () => {
  test.each<[string, VariableSource, Held, Held, readonly string[], string]>([
    ["that is nowhere is missing in both", made, undefined, undefined, ["api", "worker"], "made"],
    ["that one has is missing in the other", given("x"), "x", undefined, ["worker"], "given"],
    ["that can be seen elsewhere is copied", asked, undefined, "x", ["api"], "copied"],
    ["that is made is copied all the same", made, "x", undefined, ["worker"], "copied"],
    ["that is hidden elsewhere is asked for", asked, HIDDEN, undefined, ["worker"], "asked"],
    ["that both have is left alone", asked, "x", "x", [], "copied"],
    ["that both hide is left alone", made, HIDDEN, HIDDEN, [], "made"],
  ])("%s", (_what, source, api, worker, missing, way) => {
    const found = standing(source, api, worker);
    expect(found.missing).toEqual(missing);
    expect(found.way).toBe(way);
    expect(found.problem).toBeUndefined();
  });

  test.each<[string, VariableSource, Held, Held, string | undefined, string]>([
    [
      "is empty",
      asked,
      "",
      undefined,
      undefined,
      "is empty in api; remove it there, or fill it in",
    ],
    ["differs", asked, "x", "y", undefined, "is not the same in api and worker"],
    [
      "is not what the configuration gives",
      given("x"),
      "y",
      undefined,
      undefined,
      "is something else in api than here",
    ],
    [
      "is not what is kept here",
      made,
      "y",
      "y",
      "x",
      "is something else in api and worker than here",
    ],
    [
      "would have to be made anew beside one that nobody sees",
      made,
      HIDDEN,
      undefined,
      undefined,
      "is hidden in api, so nobody can give worker the same",
    ],
  ])("is a problem where it %s", (_what, source, api, worker, ready, problem) => {
    const found = standing(source, api, worker, ready);
    expect(found.problem).toBe(problem);
    expect(isComplete([found])).toBe(false);
  });

  test("is a problem where it is there twice, for nobody knows which counts", () => {
    const wanted = [{ name: "A", applications: ["api"], source: made }];
    const [found] = variableStandings(wanted, new Map([["api", rowsOf("x", "x")]]), new Map());
    expect(found?.problem).toBe("is there more than once in api");
  });

  test("of which a value is held ready is no problem beside a hidden one", () => {
    expect(standing(made, HIDDEN, undefined, "x")).toMatchObject({
      way: "made",
      missing: ["worker"],
    });
    expect(standing(made, HIDDEN, undefined, "x").problem).toBeUndefined();
  });

  test("tells no value, whatever is wrong with it", () => {
    for (const [api, worker] of [
      ["topsecret", "other"],
      ["topsecret", ""],
      ["topsecret", "topsecret"],
    ]) {
      const told = JSON.stringify(standing(given("another"), api, worker, "topsecret"));
      expect(told).not.toContain("topsecret");
      expect(told).not.toContain("another");
    }
  });
});

test("all is complete when nothing is missing and nothing is wrong", () => {
  expect(isComplete([standing(asked, "x", "x")])).toBe(true);
  expect(isComplete([standing(asked, "x", "x"), standing(asked, "x", undefined)])).toBe(false);
});

test("a made secret has no character that something else reads as its own", () => {
  const random = Buffer.from(Array.from({ length: 32 }, (_, n) => 255 - n));
  expect(secretText("token", random)).toMatch(/^[\w-]{43}$/);
  expect(secretText("hex", random)).toMatch(/^[0-9a-f]{64}$/);
});
