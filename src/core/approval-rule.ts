import type { Actor } from "./actor.ts";
import type { ApprovalPolicy } from "./approval.ts";
import { mayActAs, type Role } from "./operator.ts";

/** Who says something to a question: an operator, with the role that the present configuration gives. */
export type Voter = { readonly telegram: string; readonly role: Role };

export type Standing = { readonly ok: true } | { readonly ok: false; readonly why: string };

const ALLOWED: Standing = { ok: true };
const refused = (why: string): Standing => ({ ok: false, why });

/** Whether this person's yes counts; asked when it is said, and again when it is used. */
export function mayApprove(policy: ApprovalPolicy, requester: Actor, voter: Voter): Standing {
  const isOwn = isRequester(requester, voter);
  const isApprover = mayActAs(voter.role, "approver");
  switch (policy) {
    case "second-person":
      if (isOwn) return refused("You asked for it, so somebody else has to approve it.");
      return isApprover ? ALLOWED : refused(needsRole(voter.role));
    case "confirm":
      if (isOwn && !mayActAs(voter.role, "operator")) return refused(needsRole(voter.role));
      return isOwn || isApprover ? ALLOWED : refused("Whoever asked confirms it, or an approver.");
    case "break-glass":
      if (!isOwn) return refused("Whoever broke the glass confirms it alone.");
      return isApprover ? ALLOWED : refused(needsRole(voter.role));
  }
}

/** Whether this person may end the question with a no. */
export function mayDeny(requester: Actor, voter: Voter): Standing {
  if (isRequester(requester, voter) || mayActAs(voter.role, "approver")) return ALLOWED;
  return refused(needsRole(voter.role));
}

export function isRequester(requester: Actor, voter: Pick<Voter, "telegram">): boolean {
  return requester.via !== "flightdeck" && requester.telegram === voter.telegram;
}

function needsRole(role: Role): string {
  return `That needs the role approver; you are ${role}.`;
}
