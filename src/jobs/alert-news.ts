import type { Actor } from "../core/actor.ts";
import { alertWord, type AlertView } from "../core/alert-card.ts";
import type { Alert, AlertNews } from "../core/alert.ts";
import { addressedTo, type Card } from "../core/card.ts";
import { openAlertOf, type KeptAlert } from "../storage/alert.ts";
import type { Transaction } from "../storage/database.ts";
import { append } from "../storage/evidence.ts";
import { answer, openSubject, progressMade, stateChanged, type Place } from "../storage/outbox.ts";
import type { RecordOrigin } from "./run-record.ts";

/** An alert that has an id by now. */
export type NewsAbout = Pick<KeptAlert, "id" | "target" | "check" | "severity" | "alert">;

/** Passes on what a decision means for people: card, words and entries, in the transaction of the decision. */
export type TellNews = (
  tx: Transaction,
  now: Date,
  about: NewsAbout,
  change: { readonly before: Alert | undefined; readonly news: readonly AlertNews[] },
) => Promise<void>;

export type PersonCalled = { readonly name: string; readonly telegram: number };

export type AlertNewsParts = {
  readonly placeOf: (target: string) => Place;
  readonly configOf: (target: string) => string;
  /** Whether several targets share this process, so that a button must say whose it is. */
  readonly isAddressed: boolean;
  readonly viewOf: (tx: Transaction, now: Date, about: NewsAbout) => Promise<AlertView>;
  /** Who is called when it starts to sound. */
  readonly onCall: (target: string, now: Date) => readonly PersonCalled[];
  readonly origin: RecordOrigin;
};

export const ALERT_SUBJECT = "alert";
const WATCH: Actor = { via: "flightdeck", name: "watch" };

export function alertSubject(id: string): string {
  return `${ALERT_SUBJECT}:${id}`;
}

export function createAlertNews(parts: AlertNewsParts): TellNews {
  return async (tx, now, about, { before, news }) => {
    await recordChange(tx, now, parts, about, before);
    const subject = alertSubject(about.id);
    const isOld = hasSpoken(before);
    // The card comes without a sound; what is worth one is said in a word of its own.
    if (!isOld && hasSpoken(about.alert)) {
      await openSubject(tx, now, subject, parts.placeOf(about.target), { silent: true });
    } else if (isOld && news.length > 0) {
      await stateChanged(tx, now, subject);
    }
    const word = news.find((one) => one !== "changed");
    if (word !== undefined && about.severity === "page" && hasSpoken(about.alert)) {
      await say(tx, now, parts, about, word);
    }
    await tellCauses(tx, now, about, before);
  };
}

/** Whether the chat knows of it. */
function hasSpoken(alert: Alert | undefined): boolean {
  return alert !== undefined && alert.state !== "pending" && alert.toldAt !== undefined;
}

async function say(
  tx: Transaction,
  now: Date,
  parts: AlertNewsParts,
  about: NewsAbout,
  word: Exclude<AlertNews, "changed">,
): Promise<void> {
  const view = await parts.viewOf(tx, now, about);
  const called = word === "resolved" ? [] : parts.onCall(about.target, now);
  const card: Card = alertWord(view, word, called);
  const shown = parts.isAddressed ? addressedTo(about.target, card) : card;
  // The same word about the same spell is one message, however often its transaction is repeated.
  const subject = `word:${alertSubject(about.id)}:${word}:${now.getTime()}`;
  const manner = { replyToSubject: alertSubject(about.id) };
  await answer(tx, now, subject, parts.placeOf(about.target), shown, manner);
}

/** Whoever speaks for others shows how many stand behind it. */
async function tellCauses(
  tx: Transaction,
  now: Date,
  about: NewsAbout,
  before: Alert | undefined,
): Promise<void> {
  const isOver = about.alert.state === "resolved";
  const causes = [before?.behind, about.alert.behind].filter((cause) => cause !== undefined);
  if (before?.behind === about.alert.behind && !isOver) return;
  for (const cause of new Set(causes)) {
    const speaker = await openAlertOf(tx, about.target, cause);
    if (speaker) await progressMade(tx, now, alertSubject(speaker.id));
  }
}

/** The entries of an alert's life are written as it changes its state, whether or not it is spoken of. */
async function recordChange(
  tx: Transaction,
  now: Date,
  { configOf, origin }: AlertNewsParts,
  { id, target, check, severity, alert }: NewsAbout,
  before: Alert | undefined,
): Promise<void> {
  const event = eventOf(before, alert);
  if (event === undefined) return;
  const { kind, result } = event;
  await append(tx, now, target, `alert-${id}:${kind}:${now.getTime()}`, {
    kind,
    target,
    actor: WATCH,
    operation: "watch",
    cause: `alert-${id}`,
    result,
    config: configOf(target),
    build: origin.build,
    instance: origin.instance,
    facts: {
      check,
      severity,
      since: alert.since.toISOString(),
      seen: origin.scrub(alert.trouble.seen),
      ...(alert.behind === undefined ? {} : { behind: alert.behind }),
      ...(alert.relapses === 0 ? {} : { relapses: String(alert.relapses) }),
    },
  });
}

function eventOf(
  before: Alert | undefined,
  after: Alert,
):
  | { readonly kind: "alert.fired" | "alert.lapsed" | "alert.resolved"; readonly result: string }
  | undefined {
  if (before?.state === after.state) return undefined;
  if (after.state === "resolved") return { kind: "alert.resolved", result: "resolved" };
  if (after.state !== "firing") return undefined;
  return before?.state === "acknowledged"
    ? { kind: "alert.lapsed", result: "firing" }
    : { kind: "alert.fired", result: after.trouble.kind };
}
