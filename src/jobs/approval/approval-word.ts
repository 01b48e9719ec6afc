import type { Actor } from "../../core/actor.ts";
import { questionDigest, voteMac, type ApprovalKeys } from "../../core/approval-bond.ts";
import { approvalCode, codeChoices } from "../../core/approval-code.ts";
import type { TokenAction } from "../../core/approval-token.ts";
import { runName } from "../../core/run-name.ts";
import { castVote } from "../../storage/approval-vote.ts";
import { approve, countWrongCode, showCodes, type Approval } from "../../storage/approval.ts";
import type { Transaction } from "../../storage/database.ts";
import { stateChanged } from "../../storage/outbox.ts";
import { stepsOf } from "../../storage/run-step.ts";
import { goOn, type Run } from "../../storage/run.ts";
import { storableText } from "../../storage/storable.ts";
import { record, subjectOf, type RecordOrigin } from "../engine/run-record.ts";
import { stopRun } from "./approval-cancel.ts";
import { endAsking } from "./approval-end.ts";
import { factsOf, spokenText } from "./approval-facts.ts";
import { YESES_NEEDED } from "./approval-proof.ts";

const WRONG_CODES_AT_MOST = 3;

export type Person = Extract<Actor, { readonly via: "telegram" | "cli" }>;

/** What somebody who may says to a question that stands open. */
export type CountingWord = {
  readonly approval: Approval;
  readonly run: Run;
  readonly voter: Person;
  readonly cause: string;
  readonly action: TokenAction;
  /** Whether its code came with it, as at a terminal. */
  readonly isCodeTyped: boolean;
};

/** What became of what somebody said. */
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

type WordParts = { readonly origin: RecordOrigin; readonly keys: ApprovalKeys };

/** Does what a word that counts says. */
export async function takeWord(
  tx: Transaction,
  now: Date,
  parts: WordParts,
  word: CountingWord,
): Promise<Heard> {
  const { approval, action, isCodeTyped } = word;
  switch (action.kind) {
    case "withdraw":
      return withdraw(tx, now, parts, word);
    case "no":
      return deny(tx, now, parts, word);
    case "yes":
      if (approval.needsCode && !isCodeTyped) return tellCodes(tx, now, word);
      return sayYes(tx, now, parts, word);
    case "code":
      return chooseCode(tx, now, parts, { ...word, index: action.index });
  }
}

export const refused = (message: string): Heard => ({ kind: "refused", message });

async function withdraw(
  tx: Transaction,
  now: Date,
  { origin }: WordParts,
  { run, voter }: CountingWord,
): Promise<Heard> {
  await stopRun(tx, now, origin, run, voter);
  return { kind: "counted", message: `${runName(run.id)} is withdrawn.` };
}

async function deny(
  tx: Transaction,
  now: Date,
  parts: WordParts,
  word: CountingWord,
): Promise<Heard> {
  const { run, voter } = word;
  const cast = await keepVote(tx, now, parts, word, "no");
  if (!cast) return refused("You have said something to it already; Withdraw ends it.");
  await endAsking(tx, now, parts.origin, run, {
    approval: "denied",
    run: "refused",
    actor: voter,
    changed: [`Denied by ${voter.name}.`],
  });
  return { kind: "counted", message: `${runName(run.id)} is denied.` };
}

/** The truth from the row, past whatever somebody may have made of the message, and the codes to choose from. */
async function tellCodes(
  tx: Transaction,
  now: Date,
  { approval, run, voter }: CountingWord,
): Promise<Heard> {
  await showCodes(tx, approval.id, voter.telegram);
  await stateChanged(tx, now, subjectOf(run));
  const code = approvalCode(questionDigest(approval));
  const what = `${run.target}: ${run.operation}, ${spokenText(approval.parameters)}`;
  return { kind: "told", message: `Tap ${code} to approve. ${what}` };
}

async function chooseCode(
  tx: Transaction,
  now: Date,
  parts: WordParts,
  word: CountingWord & { readonly index: number },
): Promise<Heard> {
  const { approval, run, voter, index } = word;
  // Whoever did not tap first has not been told the truth yet.
  if (approval.chooser !== voter.telegram) return tellCodes(tx, now, word);
  const question = questionDigest(approval);
  if (codeChoices(question)[index] === approvalCode(question)) {
    return sayYes(tx, now, parts, word);
  }
  const wrong = await countWrongCode(tx, approval.id);
  if (wrong >= WRONG_CODES_AT_MOST) {
    await endAsking(tx, now, parts.origin, run, {
      approval: "denied",
      run: "refused",
      actor: voter,
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
  parts: WordParts,
  word: CountingWord,
): Promise<Heard> {
  const { approval, run } = word;
  const cast = await keepVote(tx, now, parts, word, "yes");
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
  { origin, keys }: WordParts,
  { approval, run, voter, cause }: CountingWord,
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
