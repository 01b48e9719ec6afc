import { questionDigest, type ApprovalKeys } from "../../core/approval-bond.ts";
import { approvalCode, codeChoices } from "../../core/approval-code.ts";
import { ANSWER_COMMAND, sealToken, type TokenAction } from "../../core/approval-token.ts";
import type { ApprovalButton, ApprovalView } from "../../core/approval.ts";
import { votesOf } from "../../storage/approval-vote.ts";
import { newestApproval, type Approval } from "../../storage/approval.ts";
import type { Transaction } from "../../storage/database.ts";
import { standingOf } from "../../storage/outbox.ts";
import { subjectOf } from "../engine/run-record.ts";
import { isOwnAffair } from "./approval-call.ts";

export type ApprovalViewParts = {
  readonly botId: number;
  readonly keys: () => Promise<ApprovalKeys>;
  /** The command line that asks for the same once more. */
  readonly again: string | undefined;
};

/** The newest question of a run, with the buttons that answer it where its card stands. */
export async function approvalViewOf(
  tx: Transaction,
  runId: string,
  parts: ApprovalViewParts,
): Promise<ApprovalView | undefined> {
  const approval = await newestApproval(tx, runId);
  if (!approval) return undefined;
  const { state, policy, needsCode, parameters, observed, expiresAt, changed } = approval;
  const votes = await votesOf(tx, approval.id);
  return {
    state,
    question: { policy, needsCode, parameters, observed },
    code: approvalCode(questionDigest(approval)),
    expiresAt,
    votes: votes.map(({ name: by, vote, at }) => ({ by, vote, at })),
    changed,
    buttons: await buttonsOf(tx, approval, parts),
  };
}

async function buttonsOf(
  tx: Transaction,
  approval: Approval,
  { botId, keys, again }: ApprovalViewParts,
): Promise<readonly (readonly ApprovalButton[])[]> {
  switch (approval.state) {
    case "draft":
    case "posted": {
      const place = await standingOf(tx, subjectOf({ id: approval.runId }));
      if (!place) return [];
      const { chatId, topicId } = place;
      const { buttons: key } = await keys();
      const question = questionDigest(approval);
      const scope = { botId, chatId, topicId, question };
      const typed = (action: TokenAction): string =>
        `${ANSWER_COMMAND} ${sealToken(key, { action, nonce: approval.nonce, expiresAt: approval.expiresAt }, scope)}`;
      return openButtons(approval, question, typed);
    }
    case "expired":
    case "stale":
      return again === undefined ? [] : [[{ label: "Ask again", command: again }]];
    case "approved":
    case "consumed":
    case "denied":
    case "revoked":
    case "superseded":
      return [];
  }
}

function openButtons(
  approval: Approval,
  question: string,
  typed: (action: TokenAction) => string,
): readonly (readonly ApprovalButton[])[] {
  const withdraw: ApprovalButton = { label: "Withdraw", command: typed({ kind: "withdraw" }) };
  const deny: ApprovalButton = { label: "Deny", command: typed({ kind: "no" }), style: "danger" };
  if (approval.chooser !== null) {
    const codes = codeChoices(question).map((label, index): ApprovalButton => ({
      label,
      command: typed({ kind: "code", index }),
    }));
    return [codes, isOwnAffair(approval) ? [withdraw] : [deny, withdraw]];
  }
  const yes: ApprovalButton = {
    label: isOwnAffair(approval) ? "Confirm" : "Approve",
    command: typed({ kind: "yes" }),
    style: "success",
  };
  const no = isOwnAffair(approval) ? withdraw : deny;
  // Whoever taps by habit where the last yes was does not find this one there.
  const row = BigInt(approval.id) % 2n === 0n ? [yes, no] : [no, yes];
  return isOwnAffair(approval) ? [row] : [row, [withdraw]];
}
