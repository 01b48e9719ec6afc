import { alertPhrase, alertWord, type Called } from "../../core/alert-card.ts";
import { addressedTo, line, type Card } from "../../core/card.ts";
import { escalationOf, reached, type EscalationStep } from "../../core/escalation.ts";
import type { Operator } from "../../core/operator.ts";
import { pause } from "../../core/waiting.ts";
import { alertsToCallFor, countSteps, doesSound, type KeptAlert } from "../../storage/alert.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { answer } from "../../storage/outbox.ts";
import { hides, silencesOf } from "../../storage/silence.ts";
import { alertSubject } from "./alert-subject.ts";
import { alertViewOf, type AlertScene } from "./alert-view.ts";
import type { Caller } from "./calling.ts";

export type EscalationParts = {
  readonly caller: Pick<Caller, "call" | "callOff">;
  /** Whether several targets share this process, so that a button must say whose it is. */
  readonly isAddressed: boolean;
};

export type EscalatingParts = EscalationParts & {
  readonly database: Database;
  readonly scenes: ReadonlyMap<string, AlertScene>;
  readonly onError: (error: unknown, during: string) => void;
};

const LOOK_EVERY_MS = 1_000;
/** More than so many at once are one call to each: nobody is helped by a hundred. */
const ONE_BY_ONE_UP_TO = 5;

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

/** Whom the first word of an alert calls by name, and how many steps are done by that. */
export function firstCalled(
  scene: AlertScene,
  now: Date,
): { readonly called: readonly Called[]; readonly steps: number } {
  const atOnce = scene.escalation.filter(({ after }) => after === 0);
  const byName = atOnce.filter(({ by }) => by.includes("mention"));
  const isAll = atOnce.every(({ by }) => by.every((way) => way === "mention"));
  const called = new Set(byName.flatMap(({ reach }) => reached(reach, scene.rosterAt(now))));
  return { called: [...called], steps: isAll ? atOnce.length : 0 };
}

/** Does every step that is due, for each alert by itself or for many at once. */
export async function escalateAll(
  tx: Transaction,
  now: Date,
  parts: EscalationParts,
  target: string,
  scene: AlertScene,
): Promise<void> {
  const silences = await silencesOf(tx, now, target);
  const afterMs = scene.escalation.map(({ after }) => after);
  const due = (await alertsToCallFor(tx, now, target, afterMs)).filter(
    ({ check }) =>
      !silences.some((silence) => hides(silence, check)) &&
      scene.maintenanceOf(check, now) === undefined,
  );
  if (due.length === 0) {
    // Who was called for many is told when the last of them is over or taken.
    if (!(await doesSound(tx, target))) await parts.caller.callOff(tx, now, manySubject(target));
    return;
  }
  if (due.length > ONE_BY_ONE_UP_TO) {
    await performAll(tx, now, parts, scene, manyOccasion(target, due));
  } else {
    for (const kept of due) {
      await performAll(tx, now, parts, scene, await oneOccasion(tx, now, parts, scene, kept));
    }
  }
  for (const kept of due) {
    const done = stepsDue(scene, [kept], now).at(-1);
    if (done) await countSteps(tx, [kept.id], done.index + 1);
  }
}

/** What people are called for: one alert, or many of them together. */
type Occasion = {
  readonly about: string;
  /** Whose card the word in the chat answers, so that it is told together with it in a storm. */
  readonly card: string;
  readonly target: string;
  readonly alerts: readonly KeptAlert[];
  /** For a locked screen. */
  readonly what: string;
  readonly word: (called: readonly Called[]) => Card;
};

async function oneOccasion(
  tx: Transaction,
  now: Date,
  { isAddressed }: EscalationParts,
  scene: AlertScene,
  kept: KeptAlert,
): Promise<Occasion> {
  const { id, target, check, alert } = kept;
  const view = await alertViewOf(tx, now, kept, scene);
  return {
    about: alertSubject(id),
    card: alertSubject(id),
    target,
    alerts: [kept],
    what: alertPhrase({ check, alert, now, timeZone: scene.timeZone }),
    word(called) {
      const word = alertWord(view, "fired", called);
      return isAddressed ? addressedTo(target, word) : word;
    },
  };
}

function manyOccasion(target: string, alerts: readonly KeptAlert[]): Occasion {
  const names = alerts.slice(0, ONE_BY_ONE_UP_TO).map(({ check }) => check);
  const rest = alerts.length - names.length;
  const what = `${alerts.length} alerts sound and nobody has them`;
  return {
    about: manySubject(target),
    card: alertSubject(alerts[0]?.id ?? ""),
    target,
    alerts,
    what,
    word: (called) => ({
      title: `🔴 ${target} · ${what}`,
      parts: [
        ...(called.length > 0
          ? [line(...called.flatMap(({ name, telegram }) => [{ mention: name, telegram }, " "]))]
          : []),
        line(`${names.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`),
      ],
      actions: [[{ label: "Alerts", command: `alerts @${target}` }]],
    }),
  };
}

function manySubject(target: string): string {
  return `alerts:${target}`;
}

/** The steps that are due for any of these, each once. */
function stepsDue(
  scene: AlertScene,
  alerts: readonly KeptAlert[],
  now: Date,
): readonly EscalationStep[] {
  const due = alerts.flatMap(({ alert, called: stepsDone }) => {
    const since = alert.state === "firing" ? alert.toldAt : undefined;
    if (since === undefined) return [];
    return escalationOf({ since, isAcknowledged: false, stepsDone }, scene.escalation, now).due;
  });
  return [...new Map(due.map((step) => [step.index, step])).values()].toSorted(
    (one, other) => one.index - other.index,
  );
}

async function performAll(
  tx: Transaction,
  now: Date,
  parts: EscalationParts,
  scene: AlertScene,
  occasion: Occasion,
): Promise<void> {
  for (const step of stepsDue(scene, occasion.alerts, now)) {
    await perform(tx, now, parts, scene, occasion, step);
  }
}

async function perform(
  tx: Transaction,
  now: Date,
  { caller }: EscalationParts,
  scene: AlertScene,
  { about, card, target, what, word }: Occasion,
  step: EscalationStep,
): Promise<void> {
  const people = reached(step.reach, scene.rosterAt(now));
  const ways = new Set(step.by);
  if (ways.has("mention")) {
    const subject = `word:${card}:called:${step.index}:${now.getTime()}`;
    await answer(tx, now, subject, scene.place, word(people), { replyToSubject: card });
  }
  // A word in private reaches who has muted the group.
  if (ways.has("message")) await messages(tx, now, about, step, people, word([]));
  if (ways.has("call")) {
    const once = `${about}:${now.getTime()}:${step.index}`;
    await caller.call(tx, now, {
      once,
      about,
      kind: "fired",
      target,
      severity: "page",
      what,
      people,
    });
  }
}

async function messages(
  tx: Transaction,
  now: Date,
  about: string,
  step: EscalationStep,
  people: readonly Operator[],
  card: Card,
): Promise<void> {
  for (const { telegram } of people) {
    const subject = `word:${about}:private:${step.index}:${telegram}:${now.getTime()}`;
    const place = { chatId: telegram, topicId: undefined, replyTo: undefined };
    await answer(tx, now, subject, place, card);
  }
}
