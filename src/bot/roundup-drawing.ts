import type { Called } from "../core/alert-card.ts";
import type { Card } from "../core/card.ts";
import { reached } from "../core/escalation.ts";
import {
  awayCard,
  NAMED_ALERTS,
  stormCard,
  stormOverWord,
  stormWord,
  type RoundupView,
} from "../core/roundup-card.ts";
import { openOf } from "../core/roundup.ts";
import type { AlertScene } from "../jobs/watch/alert-view.ts";
import type { Transaction } from "../storage/database.ts";
import { findRoundup, firstAlerts, stepsDoneFor, tallyOf } from "../storage/roundup.ts";
import type { RoundupMessage } from "./roundup-subject.ts";

export type DrawnRoundup = { readonly target: string; readonly card: Card };

/** A message about a roundup, as it has to look now. */
export async function drawRoundup(
  tx: Transaction,
  now: Date,
  { id, as }: RoundupMessage,
  sceneOf: (target: string) => AlertScene | undefined,
): Promise<DrawnRoundup | undefined> {
  const roundup = await findRoundup(tx, id);
  const scene = roundup && sceneOf(roundup.target);
  if (!roundup || !scene) return undefined;
  const { target, beganAt } = roundup;
  const view: RoundupView = {
    target,
    tally: await tallyOf(tx, id),
    first: await firstAlerts(tx, id, NAMED_ALERTS),
    called: calledBy(scene, await stepsDoneFor(tx, id), now),
    beganAt,
    now,
    timeZone: scene.timeZone,
  };
  return { target, card: cardOf(as, view) };
}

function cardOf(as: RoundupMessage["as"], view: RoundupView): Card {
  switch (as) {
    case "storm":
      return stormCard(view);
    case "storm-word":
      return openOf(view.tally) === 0 ? stormOverWord(view) : stormWord(view);
    case "away":
      return awayCard(view);
  }
}

/** Whoever the last step that mentions anybody calls in the chat. */
function calledBy(scene: AlertScene, stepsDone: number, now: Date): readonly Called[] {
  const steps = scene.escalation.slice(0, stepsDone);
  const step = steps.findLast(({ by }) => by.includes("mention"));
  return step === undefined ? [] : reached(step.reach, scene.rosterAt(now));
}
