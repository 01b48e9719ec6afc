import { describe, expect, test } from "vitest";

import { createMembership } from "./membership.ts";

type Answer = { readonly status: string; readonly is_member?: boolean } | Error;

function asking(answers: readonly Answer[]) {
  const left = [...answers];
  let now = 0;
  let asked = 0;
  const getChatMember = async (): Promise<never> => {
    asked += 1;
    const answer = left.shift() ?? new Error("asked too often");
    if (answer instanceof Error) throw answer;
    return answer as never;
  };
  const members = createMembership({ getChatMember }, () => now);
  return {
    members,
    asked: () => asked,
    later: (ms: number) => {
      now += ms;
    },
  };
}

describe("whether somebody is a member", () => {
  test.each([
    [{ status: "creator" }, "member"],
    [{ status: "administrator" }, "member"],
    [{ status: "member" }, "member"],
    [{ status: "restricted", is_member: true }, "member"],
    [{ status: "restricted", is_member: false }, "gone"],
    [{ status: "left" }, "gone"],
    [{ status: "kicked" }, "gone"],
    [new Error("no answer"), "unknown"],
  ] as const)("of %j is %s", async (answer, is) => {
    const { members } = asking([answer]);
    expect(members.recall(1, -1)).toBeUndefined();
    await members.ask(1, -1);
    expect(members.recall(1, -1)).toBe(is);
    expect(members.recall(2, -1)).toBeUndefined();
    expect(members.recall(1, -2)).toBeUndefined();
  });

  test("is believed for a minute and no longer", async () => {
    const { members, later } = asking([{ status: "member" }]);
    await members.ask(1, -1);
    later(59_999);
    expect(members.recall(1, -1)).toBe("member");
    later(1);
    expect(members.recall(1, -1)).toBeUndefined();
  });

  test("is asked again soon when there was no answer", async () => {
    const { members, later, asked } = asking([new Error("no answer"), { status: "member" }]);
    await members.ask(1, -1);
    later(2_000);
    expect(members.recall(1, -1)).toBeUndefined();
    await members.ask(1, -1);
    expect(members.recall(1, -1)).toBe("member");
    expect(asked()).toBe(2);
  });
});
