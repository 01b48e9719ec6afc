import { alertWord, type Called } from "../core/alert-card.ts";
import { addressedTo, type Card } from "../core/card.ts";
import { escalationOf, reached, type EscalationStep } from "../core/escalation.ts";
import type { Operator } from "../core/operator.ts";
import { pause } from "../core/waiting.ts";
import { countCall, soundingAlerts, type KeptAlert } from "../storage/alert.ts";
import type { Database, Transaction } from "../storage/database.ts";
import { answer } from "../storage/outbox.ts";
import { hides, silencesOf } from "../storage/silence.ts";
import { alertSubject, type NewsAbout } from "./alert-subject.ts";
import { alertViewOf, type AlertScene } from "./alert-view.ts";
import type { Caller } from "./calling.ts";

export type EscalationParts = {
  readonly caller: Pick<Caller, "call">;
  /** Whether several targets share this process, so that a button must say whose it is. */
  readonly isAddressed: boolean;
};

/**
 * Does what is due for an alert that sounds and that nobody has: private messages and calls, in the transaction that is
 * handed in. Gives back who is to be mentioned in the chat.
 */
export async function escalate(
  tx: Transaction,
  now: Date,
  parts: EscalationParts,
  scene: AlertScene,
  about: NewsAbout,
  soundsSince: Date,
  stepsDone: number,
): Promise<readonly Called[]> {
  const { due } = escalationOf(
    { since: soundsSince, isAcknowledged: false, stepsDone },
    scene.escalation,
    now,
  );
  if (due.length === 0) return [];
  const mentioned = new Map<number, Called>();
  for (const step of due) {
    const people = peopleOf(scene, step, now);
    const ways = new Set(step.by);
    if (ways.has("mention")) for (const one of people) mentioned.set(one.telegram, one);
    if (ways.has("message")) await message(tx, now, parts, scene, about, step, people);
    if (ways.has("call")) await call(tx, now, parts, about, soundsSince, step, people);
  }
  await countCall(tx, about.id, stepsDone + due.length);
  return [...mentioned.values()];
}

export type EscalatingParts = EscalationParts & {
  readonly database: Database;
  readonly scenes: ReadonlyMap<string, AlertScene>;
  readonly onError: (error: unknown, during: string) => void;
};

const LOOK_EVERY_MS = 1_000;

/** Calls more people for as long as nobody takes an alert that sounds, until the signal. */
export async function keepEscalating(parts: EscalatingParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const [target, scene] of parts.scenes) {
      await parts.database
        .transaction(async (tx, now) => escalateAll(tx, now, parts, target, scene))
        .catch((error: unknown) => parts.onError(error, "calling people"));
    }
    await pause(LOOK_EVERY_MS, signal);
  }
}

export async function escalateAll(
  tx: Transaction,
  now: Date,
  parts: EscalationParts,
  target: string,
  scene: AlertScene,
): Promise<void> {
  const silences = await silencesOf(tx, now, target);
  for (const kept of await soundingAlerts(tx, target)) {
    const isHushed =
      silences.some((silence) => hides(silence, kept.check)) ||
      scene.maintenanceOf(kept.check, now) !== undefined;
    const soundsSince = soundsSinceOf(kept);
    if (isHushed || soundsSince === undefined) continue;
    const mentioned = await escalate(tx, now, parts, scene, kept, soundsSince, kept.called);
    if (mentioned.length > 0) await mention(tx, now, parts, scene, kept, mentioned);
  }
}

function soundsSinceOf({ alert }: KeptAlert): Date | undefined {
  return alert.state === "firing" ? alert.toldAt : undefined;
}

function peopleOf(scene: AlertScene, step: EscalationStep, now: Date): readonly Operator[] {
  return reached(step.reach, scene.rosterAt(now));
}

async function mention(
  tx: Transaction,
  now: Date,
  parts: EscalationParts,
  scene: AlertScene,
  about: NewsAbout,
  people: readonly Called[],
): Promise<void> {
  const card = await wordFor(tx, now, parts, scene, about, people);
  const subject = `word:${alertSubject(about.id)}:called:${now.getTime()}`;
  await answer(tx, now, subject, scene.place, card, { replyToSubject: alertSubject(about.id) });
}

/** A word in private reaches who has muted the group. */
async function message(
  tx: Transaction,
  now: Date,
  parts: EscalationParts,
  scene: AlertScene,
  about: NewsAbout,
  step: EscalationStep,
  people: readonly Operator[],
): Promise<void> {
  const card = await wordFor(tx, now, parts, scene, about, []);
  for (const { telegram } of people) {
    const subject = `word:${alertSubject(about.id)}:private:${step.index}:${telegram}:${now.getTime()}`;
    const place = { chatId: telegram, topicId: undefined, replyTo: undefined };
    await answer(tx, now, subject, place, card);
  }
}

async function call(
  tx: Transaction,
  now: Date,
  { caller }: EscalationParts,
  about: NewsAbout,
  soundsSince: Date,
  step: EscalationStep,
  people: readonly Operator[],
): Promise<void> {
  const { id, target, check, severity, alert } = about;
  await caller.call(tx, now, {
    once: `${alertSubject(id)}:${soundsSince.getTime()}:${step.index}`,
    about: alertSubject(id),
    kind: "fired",
    target,
    severity,
    what: alert.trouble.kind === "down" ? `${check} fails` : `${check} cannot be seen`,
    people,
  });
}

async function wordFor(
  tx: Transaction,
  now: Date,
  { isAddressed }: EscalationParts,
  scene: AlertScene,
  about: NewsAbout,
  people: readonly Called[],
): Promise<Card> {
  const card = alertWord(await alertViewOf(tx, now, about, scene), "fired", people);
  return isAddressed ? addressedTo(about.target, card) : card;
}
