import { questionDigest, type ApprovalKeys } from "../../core/approval-bond.ts";
import { isCode } from "../../core/approval-code.ts";
import { mayApprove, mayDeny, type Standing } from "../../core/approval-rule.ts";
import { isGenuineToken, readToken, type TokenAction } from "../../core/approval-token.ts";
import type { ApprovalState } from "../../core/approval.ts";
import { runName } from "../../core/run-name.ts";
import {
  approvalByNonce,
  markPosted,
  newestApproval,
  type Approval,
} from "../../storage/approval.ts";
import type { Transaction } from "../../storage/database.ts";
import { isLocked } from "../../storage/operator-lock.ts";
import { standingOf } from "../../storage/outbox.ts";
import { findRun, isAsking, type Run } from "../../storage/run.ts";
import { subjectOf, type RecordOrigin } from "../engine/run-record.ts";
import { endAsking } from "./approval-end.ts";
import { isGenuine, RECONFIGURED } from "./approval-proof.ts";
import { refused, takeWord, type Heard, type Person } from "./approval-word.ts";
import type { AskedTarget } from "./asking.ts";

/** Faster than this nobody has read what he taps on. */
const READ_FOR_MS = 2_000;

/** Where and when somebody tapped, as Telegram tells it. */
export type Tap = {
  readonly chatId: number;
  readonly topicId: number | undefined;
  readonly messageId: number;
  /** Whether Telegram still knows the message under which the button stood. */
  readonly isAccessible: boolean;
  /** Whether whoever tapped is a member of the target's chat; undefined when Telegram could not be asked. */
  readonly isMember: boolean | undefined;
  readonly at: Date;
};

/** What somebody says to a question: by a button, or at a terminal. */
export type Ballot = {
  readonly voter: Person;
  readonly cause: string;
} & (
  | { readonly by: "tap"; readonly token: string; readonly tap: Tap }
  | { readonly by: "terminal"; readonly runId: string; readonly word: Word }
);

type Word = { readonly kind: "yes"; readonly code: string } | { readonly kind: "no" };

export type VotingParts = {
  readonly origin: RecordOrigin;
  readonly botId: number;
  readonly keys: () => Promise<ApprovalKeys>;
  readonly targetOf: (name: string) => AskedTarget | undefined;
};

const UNKNOWN_BUTTON = refused("This button is no longer known.");
const OLD_MESSAGE = refused("This is an older message of it; the newest one has the buttons.");

/** The target whose question a button answers. */
export async function targetOfAnswer(tx: Transaction, token: string): Promise<string | undefined> {
  const claim = readToken(token);
  return claim && (await approvalByNonce(tx, claim.nonce))?.target;
}

/** Hears what somebody says to a question, with the run locked, so that of many who tap at once one is the first. */
export async function hear(
  tx: Transaction,
  now: Date,
  parts: VotingParts,
  ballot: Ballot,
): Promise<Heard> {
  return ballot.by === "tap" ? hearTap(tx, now, parts, ballot) : hearTyped(tx, now, parts, ballot);
}

async function hearTap(
  tx: Transaction,
  now: Date,
  parts: VotingParts,
  ballot: Extract<Ballot, { readonly by: "tap" }>,
): Promise<Heard> {
  const { token, tap } = ballot;
  const claim = readToken(token);
  const named = claim && (await approvalByNonce(tx, claim.nonce));
  if (!claim || !named) return UNKNOWN_BUTTON;
  const found = await lockQuestion(tx, named.runId);
  // A run that asks twice has two questions, and only the newest can be answered.
  if (!found?.approval.nonce.equals(claim.nonce)) return UNKNOWN_BUTTON;
  const { approval, run } = found;
  const { buttons: key } = await parts.keys();
  const { chatId, topicId } = tap;
  const scope = { botId: parts.botId, chatId, topicId, question: questionDigest(approval) };
  if (!isGenuineToken(key, token, scope)) return UNKNOWN_BUTTON;
  if (now >= claim.expiresAt) return lateAnswer(approval);
  const stands = await standingOf(tx, subjectOf(run));
  const isHere =
    stands?.chatId === tap.chatId &&
    stands.topicId === tap.topicId &&
    stands.messageId === tap.messageId;
  if (!isHere || !tap.isAccessible) return OLD_MESSAGE;
  if (tap.isMember === undefined) {
    return refused("Not recorded: Telegram did not say whether you are in the group. Tap again.");
  }
  if (!tap.isMember) return refused("Only members of the ops group are heard.");
  return weigh(tx, now, parts, { ...found, ballot, action: claim.action });
}

async function hearTyped(
  tx: Transaction,
  now: Date,
  parts: VotingParts,
  ballot: Extract<Ballot, { readonly by: "terminal" }>,
): Promise<Heard> {
  const name = runName(ballot.runId);
  const found = await lockQuestion(tx, ballot.runId);
  if (!found) return refused(`${name} asks nothing.`);
  const { word } = ballot;
  if (word.kind === "yes" && !isCode(word.code, questionDigest(found.approval))) {
    return refused(`"${word.code}" is not the code of what ${name} asks; its card shows it.`);
  }
  return weigh(tx, now, parts, { ...found, ballot, action: { kind: word.kind } });
}

type Weighed = {
  readonly approval: Approval;
  readonly run: Run;
  readonly ballot: Ballot;
  readonly action: TokenAction;
};

async function lockQuestion(
  tx: Transaction,
  runId: string,
): Promise<Pick<Weighed, "approval" | "run"> | undefined> {
  const run = await findRun(tx, runId, "for update");
  if (!run) return undefined;
  await markPosted(tx, runId);
  const approval = await newestApproval(tx, runId, "for update");
  return approval && { approval, run };
}

async function weigh(
  tx: Transaction,
  now: Date,
  parts: VotingParts,
  weighed: Weighed,
): Promise<Heard> {
  const { approval, run, ballot, action } = weighed;
  const { origin } = parts;
  const target = parts.targetOf(run.target);
  if (!target) return UNKNOWN_BUTTON;
  const keys = await parts.keys();
  if (!(await isGenuine(tx, keys, approval, run))) {
    return refused("What is asked is not what was written down when it was asked; ask again.");
  }
  const standing = await standingTo(tx, weighed);
  if (!standing.ok) return refused(standing.why);
  if (approval.state !== "draft" && approval.state !== "posted") return ended(approval);
  if (!(await isAsking(tx, run.id))) return refused(`${runName(run.id)} does not ask any more.`);
  if (now >= approval.expiresAt) return lateAnswer(approval);
  if (approval.configHash !== target.configHash) {
    const end = { approval: "stale", run: "refused", changed: [RECONFIGURED] } as const;
    await endAsking(tx, now, origin, run, end);
    return refused(`${RECONFIGURED} Ask again.`);
  }
  if (ballot.by === "tap" && wasTooFast(approval, ballot.tap.at)) {
    return refused("That was faster than anybody reads. Read what is asked, then tap.");
  }
  const { voter, cause } = ballot;
  const isCodeTyped = ballot.by === "terminal";
  const word = { approval, run, voter, cause, action, isCodeTyped };
  return takeWord(tx, now, { origin, keys }, word);
}

async function standingTo(
  tx: Transaction,
  { approval: { policy, requester, target }, ballot: { voter }, action }: Weighed,
): Promise<Standing> {
  if (await isLocked(tx, target, Number(voter.telegram))) {
    return { ok: false, why: "Your rights are locked." };
  }
  const isYes = action.kind === "yes" || action.kind === "code";
  return isYes ? mayApprove(policy, requester, voter) : mayDeny(requester, voter);
}

function wasTooFast({ postedAt }: Approval, at: Date): boolean {
  return postedAt === null || at.getTime() - postedAt.getTime() < READ_FOR_MS;
}

const ENDED = {
  approved: "It is approved already.",
  consumed: "It is approved and under way already.",
  denied: "It was denied.",
  expired: "Its time was up.",
  revoked: "It was withdrawn.",
  superseded: "A newer question has taken its place.",
  stale: "What it rested on has changed.",
} as const satisfies Record<Exclude<ApprovalState, "draft" | "posted">, string>;

function ended({ state }: Approval): Heard {
  return refused(state === "draft" || state === "posted" ? "It is open." : ENDED[state]);
}

function lateAnswer({ state }: Approval): Heard {
  const isOpen = state === "draft" || state === "posted" || state === "approved";
  return refused(isOpen ? ENDED.expired : ENDED[state]);
}
