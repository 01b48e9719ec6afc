import { describe, expect, test } from "vitest";

import { withoutMember } from "./json-member.ts";

describe("a JSON object without one of its members", () => {
  test.each([
    ['{"a": 1, "attempt": 5}', '{"a": 1}'],
    ['{"attempt":5,"a":1}', '{"a":1}'],
    ['{"a":1,"attempt":5,"b":[2]}', '{"a":1, "b":[2]}'],
    ['{"attempt":5}', "{}"],
    ['{"attempt":5,"a":1,"attempt":6}', '{"a":1}'],
    ['{"att\\u0065mpt":5,"a":1}', '{"a":1}'],
    [' {"a" : "x, \\"attempt\\": 5" , "attempt" : {"n":[1,2]} } ', '{"a" : "x, \\"attempt\\": 5"}'],
  ])("%s becomes %s", (text, without) => {
    expect(withoutMember(text, "attempt")).toBe(without);
  });

  test("keeps what is named so further inside", () => {
    const text = '{"payload":{"attempt":5,"list":[{"attempt":6}]}, "attempt": 1}';
    expect(withoutMember(text, "attempt")).toBe('{"payload":{"attempt":5,"list":[{"attempt":6}]}}');
  });

  test("keeps every digit of a number that we could not hold", () => {
    const text = '{"n":12345678901234567890123,"f":1.000,"attempt":5,"e":-2E+400}';
    expect(withoutMember(text, "attempt")).toBe(
      '{"n":12345678901234567890123, "f":1.000, "e":-2E+400}',
    );
  });

  test("without such a member is what it was", () => {
    expect(withoutMember('{ "a":1 }', "attempt")).toBe('{ "a":1 }');
  });

  test.each(["", "[1]", "null", '"attempt"', "{a:1}", '{"a":1'])("%s is no object", (text) => {
    expect(withoutMember(text, "attempt")).toBeUndefined();
  });
});
