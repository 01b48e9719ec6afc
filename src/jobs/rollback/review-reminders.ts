import { line, type Card } from "../../core/card.ts";
import { age, slotTime } from "../../core/moment.ts";
import type { Operator } from "../../core/operator.ts";
import { runName } from "../../core/run-name.ts";
import { pause } from "../../core/waiting.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { answer, type Place } from "../../storage/outbox.ts";
import { countReminder, openReviews, type Review } from "../../storage/review.ts";

const LOOK_EVERY_MS = 5_000;
const HOUR_MS = 3_600_000;
/** So long after somebody acted alone is the review asked for again. */
const REMINDED_AFTER_MS = [1, 6, 24].map((hours) => hours * HOUR_MS);

type ReviewedTarget = {
  readonly target: string;
  readonly timeZone: string;
  readonly place: Place;
  readonly operators: readonly Operator[];
};

export type ReviewParts = {
  readonly database: Database;
  readonly targets: readonly ReviewedTarget[];
  readonly onError: (error: unknown, during: string) => void;
};

/** Asks again for the reviews that nobody has given, until the signal. */
export async function keepReviews(parts: ReviewParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const target of parts.targets) {
      await parts.database
        .transaction(async (tx, now) => remind(tx, now, target))
        .catch((error: unknown) => parts.onError(error, "asking for reviews"));
    }
    await pause(LOOK_EVERY_MS, signal);
  }
}

/** How many reminders are due by now; those of an outage are one. */
export function remindersDue(askedAt: Date, now: Date): number {
  return REMINDED_AFTER_MS.filter((afterMs) => now.getTime() - askedAt.getTime() >= afterMs).length;
}

async function remind(tx: Transaction, now: Date, about: ReviewedTarget): Promise<void> {
  for (const review of await openReviews(tx, about.target)) {
    const due = remindersDue(review.askedAt, now);
    if (!(await countReminder(tx, review.runId, due))) continue;
    const subject = `word:review:${review.runId}:${due}`;
    const others = about.operators.filter(({ telegram }) => !isActor(review, telegram));
    await answer(tx, now, subject, about.place, wordOf(about, review, others, now));
    for (const { telegram } of others) {
      const alone = { chatId: telegram, topicId: undefined, replyTo: undefined };
      const word = wordOf(about, review, [], now);
      await answer(tx, now, `${subject}:private:${telegram}`, alone, word);
    }
  }
}

function isActor({ actedBy }: Review, telegram: number): boolean {
  return actedBy.via !== "flightdeck" && actedBy.telegram === String(telegram);
}

function wordOf(
  { target, timeZone }: ReviewedTarget,
  { runId, actedBy, reason, askedAt, dueAt }: Review,
  others: readonly Operator[],
  now: Date,
): Card {
  const name = runName(runId);
  const isOverdue = now >= dueAt;
  const called = others.flatMap(({ name, telegram }) => [{ mention: name, telegram }, " "]);
  return {
    title: `🚨 ${target} · the review of ${name} is ${isOverdue ? "overdue" : "still owed"}`,
    parts: [
      ...(called.length > 0 ? [line(...called)] : []),
      line(`${actedBy.name} acted alone ${age(askedAt, now)}: ${reason}`),
      line("Look at it and say what you found: ", { code: `/review ${name} "…"` }),
      ...(isOverdue ? [] : [line(`It is due until ${slotTime(dueAt, now, timeZone)}.`)]),
    ],
    actions: [[{ label: "Details", command: `runs ${name}` }]],
  };
}
