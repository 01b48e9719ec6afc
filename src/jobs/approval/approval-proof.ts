import { bondMac, isSameMac, voteMac, type ApprovalKeys } from "../../core/approval-bond.ts";
import { mayApprove } from "../../core/approval-rule.ts";
import { digestOf } from "../../core/digest.ts";
import { mayActAs, type Operator } from "../../core/operator.ts";
import { votesOf, type ApprovalVote } from "../../storage/approval-vote.ts";
import { approvalOfStep, type Approval } from "../../storage/approval.ts";
import type { Transaction } from "../../storage/database.ts";
import { isLocked } from "../../storage/operator-lock.ts";
import { stepsOf, type JournalledStep } from "../../storage/run-step.ts";
import type { Run } from "../../storage/run.ts";
import type { AskedTarget } from "./asking.ts";

/** How many people have to say yes. */
export const YESES_NEEDED = 1;

const ALTERED =
  "Its record in the database is not what was written when it was asked, or this Flightdeck has another sealKey.";
export const RECONFIGURED = "The configuration has changed since it was asked.";

/** Digest of all that a run does its work by: what was asked for, and what was seen before the question. */
export async function basisOf(tx: Transaction, { id, input }: Run, n: number): Promise<string> {
  const before = (await stepsOf(tx, id)).filter((step) => step.n < n && step.state === "done");
  return digestOf({ input, results: before.map(({ name, result }) => ({ name, result })) });
}

/** Whether the row is the one that this Flightdeck wrote, and speaks of this run. */
export async function isGenuine(
  tx: Transaction,
  keys: ApprovalKeys,
  approval: Approval,
  run: Run,
): Promise<boolean> {
  return (
    isSameMac(approval.mac, bondMac(keys, approval)) &&
    approval.runId === run.id &&
    approval.target === run.target &&
    approval.operation === run.operation &&
    digestOf(approval.requester) === digestOf(run.actor) &&
    approval.basis === (await basisOf(tx, run, approval.n))
  );
}

type Yes = {
  readonly approval: Approval;
  readonly run: Run;
  readonly target: AskedTarget;
  readonly keys: ApprovalKeys;
};

/**
 * Why a yes does not hold any more; undefined when it does. Nothing is believed because it stands in the database: row
 * and votes are proved, and requester and approvers are judged by the configuration and the locks of now.
 */
export async function whyNotUsable(tx: Transaction, yes: Yes): Promise<string | undefined> {
  const { approval, run, target, keys } = yes;
  if (!(await isGenuine(tx, keys, approval, run))) return ALTERED;
  if (
    approval.configHash !== target.configHash ||
    run.configHash !== target.configHash ||
    approval.logOrigin !== target.logOrigin
  ) {
    return RECONFIGURED;
  }
  const votes = await votesOf(tx, approval.id);
  const doubt = whyVotesDoNotCount(keys, approval, votes);
  if (doubt !== undefined) return doubt;
  for (const { telegram, name } of votes) {
    const voter = target.operators.find((one) => String(one.telegram) === telegram);
    const standing = voter && mayApprove(approval.policy, approval.requester, asVoter(voter));
    if (!standing?.ok) return `${name}, who approved it, may not approve it any more.`;
    if (await isLocked(tx, run.target, Number(telegram)))
      return `${name}, who approved it, is locked.`;
  }
  return whyRequesterNotHeard(tx, yes);
}

function whyVotesDoNotCount(
  keys: ApprovalKeys,
  approval: Approval,
  votes: readonly ApprovalVote[],
): string | undefined {
  if (votes.some((vote) => !isSameMac(vote.mac, voteMac(keys, approval, vote)))) return ALTERED;
  if (votes.some(({ vote }) => vote === "no")) return "Somebody has said no.";
  return votes.length < YESES_NEEDED ? ALTERED : undefined;
}

async function whyRequesterNotHeard(
  tx: Transaction,
  { run: { actor, target: name }, target }: Yes,
): Promise<string | undefined> {
  if (actor.via === "flightdeck") return undefined;
  const requester = target.operators.find((one) => String(one.telegram) === actor.telegram);
  if (!requester || !mayActAs(requester.role, "operator")) {
    return `${actor.name}, who asked for it, may not ask for it any more.`;
  }
  const locked = await isLocked(tx, name, requester.telegram);
  return locked ? `${actor.name}, who asked for it, is locked.` : undefined;
}

/**
 * Why a run may not be gone on with behind its questions; undefined when each that its journal calls answered was asked by
 * us, approved and used. A journal that says so is not enough, for whoever can write one would need nobody's yes. And a yes
 * that nothing was begun by is none any more when its time is over: hours later people have helped themselves.
 */
export async function whyNotGoneOn(
  tx: Transaction,
  now: Date,
  {
    run,
    journal,
    keys,
  }: Pick<Yes, "run" | "keys"> & { readonly journal: readonly JournalledStep[] },
): Promise<string | undefined> {
  for (const { n } of journal.filter(({ kind, state }) => kind === "ask" && state === "done")) {
    const approval = await approvalOfStep(tx, run.id, n);
    if (approval?.state !== "consumed") return ALTERED;
    if (!(await isGenuine(tx, keys, approval, run))) return ALTERED;
    const doubt = whyVotesDoNotCount(keys, approval, await votesOf(tx, approval.id));
    if (doubt !== undefined) return doubt;
    const wasBegun = journal.some((step) => step.n > n && step.kind === "act");
    if (!wasBegun && now >= approval.expiresAt) return LEFT_ALONE;
  }
  return undefined;
}

const LEFT_ALONE =
  "Flightdeck was away after the yes was used, and nothing was begun in its time; ask again.";

export function asVoter({ telegram, role }: Operator) {
  return { telegram: String(telegram), role };
}
