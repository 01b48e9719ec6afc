import { describe, expect, test } from "vitest";

import { joinTokens, tokensFor, tokensIn, withoutToken } from "./token-list.ts";

describe("the tokens that an API accepts", () => {
  test("are those of the list and those that stand among the users alone", () => {
    expect(tokensIn({ list: "one, two", users: "two:ada,three:otto" })).toEqual([
      "one",
      "two",
      "three",
    ]);
  });

  test("are both for a while, the new one as the same user, and others stay", () => {
    const both = tokensFor({ list: "other,old", users: "other:usr_2,old:ada" }, "old", "new");
    expect(joinTokens(both)).toEqual({
      list: "other,old,new",
      users: "other:usr_2,old:ada,new:ada",
    });
  });

  test("stay without a user where the old one had none, for then both are the same one's", () => {
    expect(joinTokens(tokensFor({ list: "old", users: "other:ada" }, "old", "new"))).toEqual({
      list: "old,new",
      users: "other:ada",
    });
    expect(joinTokens(tokensFor({ list: "old", users: undefined }, "old", "new"))).toEqual({
      list: "old,new",
      users: undefined,
    });
  });

  test("come out the same however often it is done", () => {
    const once = joinTokens(tokensFor({ list: "old", users: "old:ada" }, "old", "new"));
    expect(joinTokens(tokensFor(once, "old", "new"))).toEqual(once);
  });

  test("give the old one back its user when only the new one has one left", () => {
    expect(joinTokens(tokensFor({ list: "new", users: "new:ada" }, "old", "new"))).toEqual({
      list: "new,old",
      users: "new:ada,old:ada",
    });
  });

  test("lose a token in both places, because either is enough to be let in", () => {
    const both = tokensFor({ list: "old", users: "old:ada" }, "old", "new");
    expect(joinTokens(withoutToken(both, "old"))).toEqual({ list: "new", users: "new:ada" });
  });
});
