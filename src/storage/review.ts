import { z } from "zod";

import { actorSchema, type Actor } from "../core/actor.ts";
import type { Transaction } from "./database.ts";
import { storableJson, storableText } from "./storable.ts";

const reviewRow = z
  .object({
    run_id: z.string(),
    target: z.string(),
    acted_by: actorSchema,
    reason: z.string(),
    asked_at: z.date(),
    due_at: z.date(),
    reminders: z.number(),
    given_at: z.date().nullable(),
    given_by: actorSchema.nullable(),
    words: z.string().nullable(),
  })
  .transform((row) => ({
    runId: row.run_id,
    target: row.target,
    /** Whoever acted alone. */
    actedBy: row.acted_by,
    reason: row.reason,
    askedAt: row.asked_at,
    dueAt: row.due_at,
    reminders: row.reminders,
    given:
      row.given_at === null || row.given_by === null || row.words === null
        ? undefined
        : { at: row.given_at, by: row.given_by, words: row.words },
  }));

/** What somebody did alone, and what somebody else has said of it since. */
export type Review = z.output<typeof reviewRow>;

const COLUMNS =
  "run_id, target, acted_by, reason, asked_at, due_at, reminders, given_at, given_by, words";

/** Asks for the review of a run. False: it was asked for before. */
export async function askReview(
  tx: Transaction,
  now: Date,
  review: {
    readonly runId: string;
    readonly target: string;
    readonly actedBy: Actor;
    readonly reason: string;
    readonly dueAt: Date;
  },
): Promise<boolean> {
  const asked = await tx.change(
    `insert into review (run_id, target, acted_by, reason, asked_at, due_at)
     values ($1, $2, $3, $4, $5, $6) on conflict (run_id) do nothing`,
    [
      review.runId,
      review.target,
      storableJson(review.actedBy),
      storableText(review.reason),
      now,
      review.dueAt,
    ],
  );
  return asked === 1;
}

/** Keeps what somebody says of it. False: somebody was first. */
export async function giveReview(
  tx: Transaction,
  now: Date,
  review: { readonly runId: string; readonly by: Actor; readonly words: string },
): Promise<boolean> {
  const given = await tx.change(
    `update review set given_at = $2, given_by = $3, words = $4
     where run_id = $1 and given_at is null`,
    [review.runId, now, storableJson(review.by), storableText(review.words)],
  );
  return given === 1;
}

export async function findReview(tx: Transaction, runId: string): Promise<Review | undefined> {
  const [review] = await tx.rows(reviewRow, `select ${COLUMNS} from review where run_id = $1`, [
    runId,
  ]);
  return review;
}

/** What still waits for a review, the oldest first. */
export async function openReviews(tx: Transaction, target: string): Promise<readonly Review[]> {
  return tx.rows(
    reviewRow,
    `select ${COLUMNS} from review where target = $1 and given_at is null order by asked_at`,
    [target],
  );
}

/** Counts a reminder. False: it was counted before. */
export async function countReminder(
  tx: Transaction,
  runId: string,
  reminders: number,
): Promise<boolean> {
  const counted = await tx.change(
    `update review set reminders = $2 where run_id = $1 and reminders < $2 and given_at is null`,
    [runId, reminders],
  );
  return counted === 1;
}
