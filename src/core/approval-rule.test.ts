import { describe, expect, test } from "vitest";

import type { Actor } from "./actor.ts";
import { mayApprove, mayDeny } from "./approval-rule.ts";
import { APPROVAL_POLICIES } from "./approval.ts";
import { ROLES, type Role } from "./operator.ts";

const otto: Actor = { via: "telegram", name: "Otto", telegram: "1002", role: "operator" };
const rule: Actor = { via: "flightdeck", name: "api-is-ready" };
const own = (role: Role) => ({ telegram: "1002", role });
const other = (role: Role) => ({ telegram: "1003", role });

/** Whose yes counts: `own` is whoever asked. All that is not here does not. */
const COUNTS: Readonly<Record<(typeof APPROVAL_POLICIES)[number], readonly string[]>> = {
  "second-person": ["other approver", "rule approver"],
  confirm: ["own operator", "own approver", "other approver", "rule approver"],
  "break-glass": ["own approver"],
};

const cases = APPROVAL_POLICIES.flatMap((policy) =>
  ROLES.flatMap((role) => [
    { policy, who: `own ${role}`, requester: otto, voter: own(role) },
    { policy, who: `other ${role}`, requester: otto, voter: other(role) },
    { policy, who: `rule ${role}`, requester: rule, voter: other(role) },
  ]),
);

describe("a yes", () => {
  test.each(cases)("under $policy of $who", ({ policy, who, requester, voter }) => {
    expect(mayApprove(policy, requester, voter).ok).toBe(COUNTS[policy].includes(who));
  });

  test("at a terminal is the same person's as in the chat", () => {
    const asked: Actor = { ...otto, via: "cli" };
    expect(mayApprove("second-person", asked, own("approver"))).toMatchObject({ ok: false });
  });

  test("that does not count says why", () => {
    expect(mayApprove("second-person", otto, own("approver"))).toEqual({
      ok: false,
      why: "You asked for it, so somebody else has to approve it.",
    });
    expect(mayApprove("second-person", otto, other("operator"))).toEqual({
      ok: false,
      why: "That needs the role approver; you are operator.",
    });
  });
});

describe("a no", () => {
  test.each([
    ["whoever asked", otto, own("operator"), true],
    ["an approver", otto, other("approver"), true],
    ["an approver, of what a rule asks", rule, other("approver"), true],
    ["another operator", otto, other("operator"), false],
  ] as const)("of %s", (_who, requester, voter, counts) => {
    expect(mayDeny(requester, voter).ok).toBe(counts);
  });
});
