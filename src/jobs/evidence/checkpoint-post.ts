import { line, type Card } from "../../core/card.ts";
import { calendarDay } from "../../core/moment.ts";
import { checkpointIn } from "../../core/note-checkpoint.ts";
import type { Transaction } from "../../storage/database.ts";
import {
  checkpointOfSize,
  markPosted,
  newestCheckpoint,
  type KeptCheckpoint,
} from "../../storage/evidence-checkpoint.ts";
import { answer, deliveredCard, hasSubject, type Place } from "../../storage/outbox.ts";
import type { RecordEvent } from "../engine/run-record.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

export type PostParts = {
  readonly target: string;
  readonly place: Place;
  readonly timeZone: string;
  readonly record: RecordEvent;
};

/**
 * Shows the first checkpoint of a day to the chat, without a sound: whoever exports the chat later has something to
 * compare the log with that nobody could change behind his back. A log in which nothing is new shows its last one again.
 */
export async function postCheckpoint(tx: Transaction, now: Date, parts: PostParts): Promise<void> {
  const { target, timeZone } = parts;
  const subjectOn = (at: Date): string => `checkpoint:${target}:${calendarDay(at, timeZone)}`;
  // What was said before midnight may have been delivered after it.
  for (const day of [new Date(now.getTime() - DAY_MS), now]) {
    await recordDelivery(tx, now, parts, subjectOn(day));
  }
  const newest = await newestCheckpoint(tx, target);
  if (!newest || (await hasSubject(tx, subjectOn(now)))) return;
  const isOfToday = calendarDay(newest.at, timeZone) === calendarDay(now, timeZone);
  if (!isOfToday && now.getTime() - newest.at.getTime() < DAY_MS) return;
  await answer(tx, now, subjectOn(now), parts.place, checkpointCard(target, newest), {
    silent: true,
  });
}

/** Only what stands in the chat was posted. */
async function recordDelivery(
  tx: Transaction,
  now: Date,
  { target, record }: PostParts,
  subject: string,
): Promise<void> {
  const delivered = await deliveredCard(tx, subject);
  const size = delivered && sizeOf(delivered.card);
  const kept = size === undefined ? undefined : await checkpointOfSize(tx, target, size);
  if (!delivered || !kept) return;
  if (kept.postedAt === undefined) await markPosted(tx, target, kept.size, now);
  await record(tx, now, {
    operation: "evidence",
    cause: subject,
    actor: { via: "flightdeck", name: "checkpoints" },
    event: {
      kind: "checkpoint.posted",
      result: "posted",
      facts: { size: String(kept.size), root: kept.root, message: delivered.messageId },
    },
  });
}

function checkpointCard(target: string, { size, note }: KeptCheckpoint): Card {
  return {
    title: `🔏 ${target} · evidence up to #${size}`,
    parts: [
      { kind: "code", text: note },
      line({ faint: "Keep this message: it proves the log up to here." }),
    ],
    actions: [],
  };
}

function sizeOf({ parts }: Card): number | undefined {
  const note = parts.find((part) => part.kind === "code")?.text;
  return note === undefined ? undefined : checkpointIn(note)?.size;
}
