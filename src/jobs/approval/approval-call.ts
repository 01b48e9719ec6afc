import type { Bond } from "../../core/approval-bond.ts";
import { mayApprove } from "../../core/approval-rule.ts";
import type { ApprovalPolicy } from "../../core/approval.ts";
import { line, plainCard } from "../../core/card.ts";
import type { Operator } from "../../core/operator.ts";
import { runName } from "../../core/run-name.ts";
import { presentChat } from "../../storage/chat-move.ts";
import type { Transaction } from "../../storage/database.ts";
import { isLocked } from "../../storage/operator-lock.ts";
import { answer, moveSubject, openSubject, standingOf } from "../../storage/outbox.ts";
import { subjectOf } from "../engine/run-record.ts";
import { Refusal } from "../engine/step-end.ts";
import type { StepRunner } from "../engine/step-runner.ts";
import { spokenText } from "./approval-facts.ts";
import { asVoter } from "./approval-proof.ts";
import type { AskedTarget } from "./asking.ts";

/** Sees to it that the card of a question stands where those can see it who may answer. */
export async function placeQuestion(
  tx: Transaction,
  now: Date,
  { run, place }: StepRunner,
  policy: ApprovalPolicy,
): Promise<void> {
  const subject = subjectOf(run);
  const stands = await standingOf(tx, subject);
  if (!stands) return openSubject(tx, now, subject, place);
  const chatId = await presentChat(tx, place.chatId);
  if (stands.chatId === chatId || policy !== "second-person") return undefined;
  await moveSubject(tx, now, subject, { ...place, replyTo: undefined });
  const { chatId: where, topicId } = stands;
  await answer(
    tx,
    now,
    `word:${subject}:moved`,
    { chatId: where, topicId, replyTo: stands.messageId },
    plainCard(
      `${run.target} · ${runName(run.id)} needs somebody else's yes`,
      "So its card goes on in the ops group, where others see it.",
    ),
  );
}

/** Calls those by name, with a sound, who may say yes; whoever asks confirms without being called. */
export async function callApprovers(
  tx: Transaction,
  now: Date,
  { run, asking: { target }, place }: StepRunner,
  bond: Bond,
): Promise<void> {
  if (isOwnAffair(bond)) return;
  const called = await approversOf(tx, now, target, bond);
  if (called.length === 0) {
    throw new Refusal("stale", [
      "Nobody can approve it: it takes an approver who did not ask for it, and there is none.",
    ]);
  }
  const subject = subjectOf(run);
  const stands = await standingOf(tx, subject);
  await answer(
    tx,
    now,
    `word:${subject}:${bond.n}:called`,
    { chatId: stands?.chatId ?? place.chatId, topicId: stands?.topicId, replyTo: undefined },
    {
      title: `🔐 ${run.target} · ${run.operation} needs a yes`,
      parts: [
        line(...called.flatMap(({ name, telegram }) => [{ mention: name, telegram }, " "])),
        line(`${run.actor.name} asks: ${spokenText(bond.parameters)}`),
      ],
      actions: [],
    },
    { replyToSubject: subject },
  );
}

/** Those who may say yes to a question: the ones who are on call, else everybody. */
export async function approversOf(
  tx: Transaction,
  now: Date,
  { rosterAt, operators }: Pick<AskedTarget, "rosterAt" | "operators">,
  { target, policy, requester }: Pick<Bond, "target" | "policy" | "requester">,
): Promise<readonly Operator[]> {
  const able = async (people: readonly Operator[]): Promise<readonly Operator[]> => {
    const heard: Operator[] = [];
    for (const one of people) {
      if (!mayApprove(policy, requester, asVoter(one)).ok) continue;
      if (!(await isLocked(tx, target, one.telegram))) heard.push(one);
    }
    return heard;
  };
  const onCall = await able(rosterAt(now));
  return onCall.length > 0 ? onCall : able(operators);
}

/** Whether the one who asked answers it himself. */
export function isOwnAffair({ policy, requester }: Pick<Bond, "policy" | "requester">): boolean {
  return policy !== "second-person" && requester.via !== "flightdeck";
}
