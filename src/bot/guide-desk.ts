import type { ConversationData, VersionedState } from "@grammyjs/conversations";
import { z } from "zod";

import { guideCard, type GuideView } from "../commands/rotate-guide-card.ts";
import { guideSteps, type GuideTurn } from "../commands/rotate-guide.ts";
import type { GuideSight } from "../commands/rotate-guides.ts";
import { pass } from "../core/trace.ts";
import { conversationOf, endConversation, keepConversation } from "../storage/conversation.ts";
import type { Transaction } from "../storage/database.ts";
import { answer, hasSubject, moveSubject, sayInstead, type Place } from "../storage/outbox.ts";
import { stepsOf } from "../storage/run-step.ts";
import { openRotation } from "../storage/secret-rotation.ts";
import { turnGuide, type GuideStorage, type Sighting } from "./guide.ts";

/** Somebody in his private chat, and what brought his word. */
export type GuidedPerson = {
  readonly userId: number;
  readonly updateId: string;
  readonly place: Place;
};

/**
 * Takes what somebody said to a guide a step on, in the transaction that marks his update as handled: where he stands, what
 * he is shown and that he was heard are one, so a word counts once, and whatever is killed in the middle counts not at all.
 * Gives back what he has to be told beside his card.
 */
export async function hearGuided(
  tx: Transaction,
  now: Date,
  turn: GuideTurn,
  { userId, updateId, place }: GuidedPerson,
): Promise<string> {
  const shown: { view?: GuideView } = {};
  const desk = {
    show: (view: GuideView) => void (shown.view = view),
    look: async (sight: GuideSight, run: string | undefined) => sighted(tx, turn, sight, run),
  };
  const isHeard = await turnGuide(turn, { userId, updateId }, desk, storageOf(tx, now));
  const { target, secret, kind, word } = turn;
  if (shown.view) {
    const steps = guideSteps(kind, secret) ?? [];
    const card = guideCard({ ...turn, steps }, shown.view);
    const subject = `guide:${userId}:${target}:${secret}`;
    if (!(await hasSubject(tx, subject))) await answer(tx, now, subject, place, card);
    else {
      await sayInstead(tx, now, subject, card);
      // Who asks for it anew gets it where he asked.
      if (word.kind === "show") await moveSubject(tx, now, subject, place);
    }
  }
  pass("guide.turned", updateId);
  return isHeard ? "" : `This step is over. Where the guide stands: /rotate guide ${secret}`;
}

/** What the journal of the rotation says: of the one that is under way, else of the one in which something was seen. */
async function sighted(
  tx: Transaction,
  { target, secret }: GuideTurn,
  { deed, is }: GuideSight,
  before: string | undefined,
): Promise<Sighting> {
  const run = (await openRotation(tx, { target, secret }))?.runId ?? before;
  if (run === undefined) return { isSo: false };
  const step = (await stepsOf(tx, run)).find(({ name }) => name === deed);
  const isSo = step?.state === "done" || (is === "waited-for" && step?.state === "started");
  return { isSo, run };
}

const stateSchema = z.custom<VersionedState<ConversationData>>(
  (state) => typeof state === "object" && state !== null && "version" in state,
);

function storageOf(tx: Transaction, now: Date): GuideStorage {
  return {
    read: async (key) => stateSchema.optional().parse(await conversationOf(tx, now, key)),
    write: async (key, state) => keepConversation(tx, now, key, state),
    delete: async (key) => endConversation(tx, key),
  };
}
