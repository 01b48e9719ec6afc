import type { Actor } from "../core/actor.ts";
import { questionDigest, voteMac, type ApprovalKeys } from "../core/approval-bond.ts";
import { approvalCode, codeChoices, isCode } from "../core/approval-code.ts";
import { mayApprove, mayDeny, type Standing } from "../core/approval-rule.ts";
import { isGenuineToken, readToken, type TokenAction } from "../core/approval-token.ts";
import type { ApprovalState } from "../core/approval.ts";
import { runName } from "../core/run-name.ts";
import { castVote } from "../storage/approval-vote.ts";
import {
  approvalByNonce,
  approve,
  countWrongCode,
  markPosted,
  newestApproval,
  showCodes,
  type Approval,
} from "../storage/approval.ts";
import type { Transaction } from "../storage/database.ts";
import { isLocked } from "../storage/operator-lock.ts";
import { standingOf, stateChanged } from "../storage/outbox.ts";
import { stepsOf } from "../storage/run-step.ts";
import { findRun, goOn, isAsking, type Run } from "../storage/run.ts";
import { storableText } from "../storage/storable.ts";
import { stopRun } from "./approval-cancel.ts";
import { endAsking } from "./approval-end.ts";
import { factsOf, spokenText } from "./approval-facts.ts";
import { isGenuine, RECONFIGURED, YESES_NEEDED } from "./approval-proof.ts";
import type { AskedTarget } from "./asking.ts";
import { record, subjectOf, type RecordOrigin } from "./run-record.ts";

/** Faster than this nobody has read what he taps on. */
const READ_FOR_MS = 2_000;
const WRONG_CODES_AT_MOST = 3;

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

type Person = Extract<Actor, { readonly via: "telegram" | "cli" }>;

/** What somebody says to a question: by a button, or at a terminal. */
export type Ballot = {
  readonly voter: Person;
  readonly cause: string;
} & (
  | { readonly by: "tap"; readonly token: string; readonly tap: Tap }
  | { readonly by: "terminal"; readonly runId: string; readonly word: Word }
);

type Word = { readonly kind: "yes"; readonly code: string } | { readonly kind: "no" };

/** What became of it. */
export type Heard =
  | {
      readonly kind: "counted";
      readonly message: string;
      /** The run that goes on by it. */
      readonly run?: Run;
    }
  /** Not the last word: to be read, and to be gone on with. */
  | { readonly kind: "told"; readonly message: string }
  | { readonly kind: "refused"; readonly message: string };

export type VotingParts = {
  readonly origin: RecordOrigin;
  readonly botId: number;
  readonly keys: () => Promise<ApprovalKeys>;
  readonly targetOf: (name: string) => AskedTarget | undefined;
};

const refused = (message: string): Heard => ({ kind: "refused", message });
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
  switch (action.kind) {
    case "withdraw":
      return withdraw(tx, now, parts, weighed);
    case "no":
      return deny(tx, now, parts, weighed, keys);
    case "yes":
      // At a terminal the code was typed already.
      if (approval.needsCode && ballot.by === "tap") return tellCodes(tx, now, weighed);
      return sayYes(tx, now, parts, weighed, keys);
    case "code":
      return chooseCode(tx, now, parts, { ...weighed, index: action.index }, keys);
  }
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

async function withdraw(
  tx: Transaction,
  now: Date,
  { origin }: VotingParts,
  { run, ballot: { voter } }: Weighed,
): Promise<Heard> {
  await stopRun(tx, now, origin, run, voter);
  return { kind: "counted", message: `${runName(run.id)} is withdrawn.` };
}

async function deny(
  tx: Transaction,
  now: Date,
  parts: VotingParts,
  weighed: Weighed,
  keys: ApprovalKeys,
): Promise<Heard> {
  const { run, ballot } = weighed;
  const cast = await keepVote(tx, now, parts, weighed, keys, "no");
  if (!cast) return refused("You have said something to it already; Withdraw ends it.");
  await endAsking(tx, now, parts.origin, run, {
    approval: "denied",
    run: "refused",
    actor: ballot.voter,
    changed: [`Denied by ${ballot.voter.name}.`],
  });
  return { kind: "counted", message: `${runName(run.id)} is denied.` };
}

/** The truth from the row, past whatever somebody may have made of the message, and the codes to choose from. */
async function tellCodes(
  tx: Transaction,
  now: Date,
  { approval, run, ballot }: Weighed,
): Promise<Heard> {
  await showCodes(tx, approval.id, ballot.voter.telegram);
  await stateChanged(tx, now, subjectOf(run));
  const code = approvalCode(questionDigest(approval));
  const what = `${run.target}: ${run.operation}, ${spokenText(approval.parameters)}`;
  return { kind: "told", message: `Tap ${code} to approve. ${what}` };
}

async function chooseCode(
  tx: Transaction,
  now: Date,
  parts: VotingParts,
  weighed: Weighed & { readonly index: number },
  keys: ApprovalKeys,
): Promise<Heard> {
  const { approval, run, ballot, index } = weighed;
  // Whoever did not tap first has not been told the truth yet.
  if (approval.chooser !== ballot.voter.telegram) return tellCodes(tx, now, weighed);
  const question = questionDigest(approval);
  if (codeChoices(question)[index] === approvalCode(question)) {
    return sayYes(tx, now, parts, weighed, keys);
  }
  const wrong = await countWrongCode(tx, approval.id);
  if (wrong >= WRONG_CODES_AT_MOST) {
    await endAsking(tx, now, parts.origin, run, {
      approval: "denied",
      run: "refused",
      actor: ballot.voter,
      changed: [`A wrong code was chosen ${wrong} times.`],
    });
    return refused("That is not its code, and was one try too many: it is denied.");
  }
  await stateChanged(tx, now, subjectOf(run));
  return refused("That is not its code. Read what is asked, and begin again.");
}

async function sayYes(
  tx: Transaction,
  now: Date,
  parts: VotingParts,
  weighed: Weighed,
  keys: ApprovalKeys,
): Promise<Heard> {
  const { approval, run } = weighed;
  const cast = await keepVote(tx, now, parts, weighed, keys, "yes");
  if (!cast) return refused("You have approved it already.");
  await stateChanged(tx, now, subjectOf(run));
  if (!(await approve(tx, now, approval.id, YESES_NEEDED))) {
    return { kind: "counted", message: `${runName(run.id)} waits for another yes.` };
  }
  await goOn(tx, run.id);
  return { kind: "counted", message: `${runName(run.id)} is approved and goes on.`, run };
}

/** Keeps what was said, signed, with its entry. False: this person has said something before. */
async function keepVote(
  tx: Transaction,
  now: Date,
  { origin }: VotingParts,
  { approval, run, ballot: { voter, cause } }: Weighed,
  keys: ApprovalKeys,
  said: "yes" | "no",
): Promise<boolean> {
  const { telegram, via } = voter;
  const vote = { telegram, name: storableText(voter.name), via, vote: said, at: now, cause };
  const isFirst = await castVote(tx, approval.id, { ...vote, mac: voteMac(keys, approval, vote) });
  if (!isFirst) return false;
  await record(tx, now, origin, run, {
    kind: "approval.voted",
    step: (await stepsOf(tx, run.id)).find(({ n }) => n === approval.n)?.name,
    result: said,
    actor: voter,
    facts: factsOf(approval),
    one: telegram,
  });
  return true;
}
