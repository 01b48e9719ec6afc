import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { approvalCode, CODE_CHOICES, codeChoices, isCode } from "./approval-code.ts";

describe("the code of a question", () => {
  test("is always the same, and another one for another question", () => {
    expect(approvalCode("a")).toBe(approvalCode("a"));
    expect(approvalCode("a")).not.toBe(approvalCode("b"));
  });

  test("is four characters that nobody takes for others", () => {
    fc.assert(
      fc.property(fc.string(), (question) => {
        expect(approvalCode(question)).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}$/);
      }),
    );
  });

  test("is one of three different choices, which are always the same", () => {
    fc.assert(
      fc.property(fc.string(), (question) => {
        const choices = codeChoices(question);
        expect(new Set(choices).size).toBe(CODE_CHOICES);
        expect(choices).toContain(approvalCode(question));
        expect(codeChoices(question)).toEqual(choices);
      }),
    );
  });

  test("stands in every place among them now and then, so that no place tells it", () => {
    const places = Array.from({ length: 100 }, (_, n) =>
      codeChoices(`question ${n}`).indexOf(approvalCode(`question ${n}`)),
    );
    expect(new Set(places)).toEqual(new Set([0, 1, 2]));
  });

  test("may be typed in small letters, and with letters for digits", () => {
    const question = Array.from({ length: 1_000 }, (_, n) => `${n}`).find((one) =>
      /[01]/.test(approvalCode(one)),
    );
    const code = approvalCode(question ?? "");
    const typed = code.replaceAll("0", "o").replaceAll("1", "l").toLowerCase();
    expect(typed).not.toBe(code);
    expect(isCode(typed, question ?? "")).toBe(true);
    expect(isCode("ZZZZZ", question ?? "")).toBe(false);
  });
});
