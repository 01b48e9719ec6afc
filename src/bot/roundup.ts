import { decideRoundup, goesOn, kindOf, roundupFor } from "../core/roundup.ts";
import { pause } from "../core/waiting.ts";
import type { Database, Transaction } from "../storage/database.ts";
import { openSubject, progressMade, stateChanged, type Place } from "../storage/outbox.ts";
import {
  beginRoundup,
  changeRoundup,
  findRoundup,
  holdEnds,
  holdWaiting,
  isAnyUnsaid,
  lingeringStormIn,
  newestHeldWord,
  openRoundupIn,
  placeOf,
  releaseNext,
  releaseSpeaking,
  renameSubject,
  setSilent,
  tallyOf,
  unclosedRoundups,
  waitingAlerts,
  withdrawWords,
  type KeptRoundup,
} from "../storage/roundup.ts";
import { awaySubject, stormSubject, stormWords } from "./roundup-subject.ts";

/**
 * Takes what alerts want to say in a chat into one card when it is more than the chat bears, or when it comes too late
 * to be said one by one. Asked before every choice of what to send, so that nothing slips past it.
 */
export async function gatherAlerts(
  tx: Transaction,
  now: Date,
  chatId: number,
  alertsAtOnce: number,
): Promise<void> {
  const before = await waitingAlerts(tx, chatId);
  if (before.length === 0) return;
  await holdEnds(tx, chatId);
  for (const waiting of await waitingAlerts(tx, chatId)) {
    const { target, topicId, since } = waiting;
    const open = await stillOpenIn(tx, now, chatId, target);
    const kind = open ? open.kind : roundupFor(waiting, alertsAtOnce, now);
    if (kind === undefined) continue;
    const lingering = kind === "storm" ? await lingeringStormIn(tx, chatId, target) : undefined;
    let id = open?.id ?? (lingering && goesOn(lingering, now) ? lingering.id : undefined);
    if (id === undefined) {
      const beganAt = waiting.wordsSince ?? since;
      id = await beginRoundup(tx, now, { target, chatId, kind, beganAt });
      const place: Place = { chatId, topicId, replyTo: undefined };
      const subject = kind === "storm" ? stormSubject(id) : awaySubject(id);
      await openSubject(tx, now, subject, place, { silent: true, waitingSince: beganAt });
    }
    await holdWaiting(tx, now, id, chatId, target);
    await tend(tx, now, id);
  }
  await releaseSpeaking(tx, now, chatId);
}

/** One that tells what was is over as soon as it is told; it must not swallow what comes after it. */
async function stillOpenIn(
  tx: Transaction,
  now: Date,
  chatId: number,
  target: string,
): Promise<KeptRoundup | undefined> {
  const open = await openRoundupIn(tx, chatId, target);
  if (open?.kind !== "away") return open;
  const tended = await tend(tx, now, open.id);
  return tended?.endedAt === undefined ? tended : undefined;
}

export type RoundupParts = {
  readonly database: Database;
  readonly onError: (error: unknown, during: string) => void;
};

const LOOK_EVERY_MS = 3_000;
/** A few cards a minute leave room for what is new. */
const RELEASE_EVERY_MS = 15_000;

/** Brings roundups up to date with their alerts until all of these are over, until the signal. */
export async function keepRoundups(
  { database, onError }: RoundupParts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await database
      .transaction(tendAll)
      .catch((error: unknown) => onError(error, "counting alerts that are told together"));
    await pause(LOOK_EVERY_MS, signal);
  }
}

async function tendAll(tx: Transaction, now: Date): Promise<void> {
  for (const id of await unclosedRoundups(tx)) {
    const roundup = await tend(tx, now, id);
    if (roundup?.endedAt === undefined) continue;
    const lastMs = roundup.releasedAt?.getTime() ?? 0;
    // Also when the clock was set back since: nobody waits for that time to come again.
    if (Math.abs(now.getTime() - lastMs) >= RELEASE_EVERY_MS) await releaseNext(tx, now, id);
  }
}

/** Does what the present state of its alerts asks of a roundup. */
async function tend(tx: Transaction, now: Date, id: string): Promise<KeptRoundup | undefined> {
  const before = await findRoundup(tx, id, "for no key update");
  if (!before) return undefined;
  const tally = await tallyOf(tx, id);
  const wordAt = await newestHeldWord(tx, id);
  const at = await placeOf(tx, subjectOf(before));
  const isTold = at?.isTold ?? false;
  const kind = kindOf(before, isTold, now);
  if (kind !== before.kind) {
    await renameSubject(tx, stormSubject(id), awaySubject(id));
    await withdrawWords(tx, stormWords(id));
  }
  const decision = decideRoundup({ ...before, kind }, tally, { isTold, wordAt }, now);
  const counts = JSON.stringify(tally);
  const after = {
    ...before,
    kind,
    rangAt: decision.rings ? now : before.rangAt,
    words: before.words + (decision.rings ? 1 : 0),
    shown: counts,
    endedAt: decision.ends ? now : before.endedAt,
  };
  await changeRoundup(tx, { ...after, closedAt: decision.closes ? now : undefined });
  // Only what still sounds is worth a sound; nobody is woken for what is over again.
  if (kind === "away") await setSilent(tx, awaySubject(id), wordAt === undefined);
  if (kind !== "storm" || !at) return after;
  const sayWord = async (name: string, waitingSince: Date): Promise<void> =>
    openSubject(tx, now, stormWords(id) + name, at.place, {
      replyToSubject: stormSubject(id),
      waitingSince,
    });
  if (decision.rings) {
    await sayWord(String(after.words), before.rangAt === undefined ? before.beganAt : now);
  }
  if (decision.closes) {
    await stateChanged(tx, now, stormSubject(id));
    // A word that is still to be said will say that all is over.
    if (before.rangAt !== undefined && !(await isAnyUnsaid(tx, stormWords(id)))) {
      await sayWord("over", now);
    }
  } else if (counts !== before.shown) {
    await progressMade(tx, now, stormSubject(id));
  }
  return after;
}

function subjectOf({ id, kind }: Pick<KeptRoundup, "id" | "kind">): string {
  return kind === "storm" ? stormSubject(id) : awaySubject(id);
}
