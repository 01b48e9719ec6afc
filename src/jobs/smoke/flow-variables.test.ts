import { describe, expect, test } from "vitest";

import { Secret } from "../../core/secret.ts";
import { filled, filledText, filledUrl, hasStrayBraces, namesIn } from "./flow-variables.ts";

const variables = {
  run: "R-7",
  count: 3,
  id: "a/b c?",
  done: true,
  up: "..",
  far: "x/../../admin",
  back: "..\\admin",
  none: "",
};

describe("a variable", () => {
  test.each<[unknown, unknown]>([
    ["{{count}}", 3],
    ["{{done}}", true],
    ["job_{{count}}", "job_3"],
    ["{{run}} and {{run}}", "R-7 and R-7"],
    [
      { a: ["{{run}}", 1, null], b: { c: "x{{done}}" } },
      { a: ["R-7", 1, null], b: { c: "xtrue" } },
    ],
    ["no braces {run}", "no braces {run}"],
  ])("fills %j as %j", (value, expected) => {
    expect(filled(value, variables)).toEqual(expected);
  });

  test("in an address is one part of it, whatever it holds", () => {
    expect(filledUrl("http://h/tasks/{{id}}/close?n={{count}}", variables)).toBe(
      "http://h/tasks/a%2Fb%20c%3F/close?n=3",
    );
  });

  test.each(["up", "far", "back", "none"])(
    "that would lead elsewhere is refused in an address: %s",
    (name) => {
      expect(() => filledUrl(`http://h/tasks/{{${name}}}`, variables)).toThrow(
        `the value of ${name} cannot stand in an address`,
      );
    },
  );

  test.each(["constructor", "__proto__", "toString", "missing"])(
    "%s is not there by itself",
    (name) => {
      expect(() => filledText(`{{${name}}}`, variables)).toThrow(`nothing was learnt as ${name}`);
    },
  );

  test("is found however deep, and never inside a secret", () => {
    expect(namesIn({ a: ["{{x}}"], b: { c: "{{y}}-{{z}}" }, s: new Secret("{{s}}") })).toEqual([
      "x",
      "y",
      "z",
    ]);
  });

  test.each<[string, boolean]>([
    ["{{run}}", false],
    ["{run}", false],
    ["{{run", true],
    ["run}}", true],
    ["{{{run}}}", false],
    ["{{a{{run}}", true],
  ])("leaves stray braces in %s: %s", (text, stray) => {
    expect(hasStrayBraces(text)).toBe(stray);
  });
});
