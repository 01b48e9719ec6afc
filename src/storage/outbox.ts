import { z } from "zod";

import { cardSchema, type Card } from "../core/card.ts";
import type { Transaction } from "./database.ts";
import { isDue } from "./due.ts";
import { storableJson, storableText } from "./storable.ts";

/** The leader listens here; a commit that wants something sent wakes its sender at once. */
export const OUTBOX_CHANNEL = "flightdeck_outbox";

/** Lower goes first. A person who asked is answered before a card that merely makes progress. */
const PRIORITY = { answer: 1, run: 2, progress: 3 } as const;

const EDIT_SPACING_MS = 10_000;
/** For a longer wait that Telegram asks for, the sender lets the whole chat rest. */
const PUT_OFF_AT_MOST_MS = 60_000;
const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

export type Place = {
  readonly chatId: number;
  readonly topicId: number | undefined;
  readonly replyTo: number | undefined;
};

/** How a message comes: by default with a sound, and by itself. */
export type Manner = {
  readonly silent?: boolean;
  /** The subject whose message it answers; sent by itself when that has none. */
  readonly replyToSubject?: string;
  /** Since when what it says has waited to be said, when that is longer than the message itself. */
  readonly waitingSince?: Date;
};

const MESSAGE_KINDS = ["text", "document", "photo"] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

const dueRow = z
  .object({
    id: z.string(),
    subject: z.string(),
    chat_id: z.string(),
    topic_id: z.string().nullable(),
    reply_to: z.string().nullable(),
    card: cardSchema.nullable(),
    wanted_version: z.number(),
    attempts: z.number(),
    sending_since: z.date().nullable(),
    resent: z.boolean(),
    message_id: z.string().nullable(),
    message_kind: z.enum(MESSAGE_KINDS).nullable(),
    silent: z.boolean(),
    is_alert: z.boolean(),
  })
  .transform((row) => ({
    id: row.id,
    subject: row.subject,
    chatId: Number(row.chat_id),
    topicId: row.topic_id === null ? undefined : Number(row.topic_id),
    replyTo: row.reply_to === null ? undefined : Number(row.reply_to),
    card: row.card,
    wantedVersion: row.wanted_version,
    attempts: row.attempts,
    sendingSince: row.sending_since,
    resent: row.resent,
    messageId: row.message_id === null ? undefined : Number(row.message_id),
    messageKind: row.message_kind,
    silent: row.silent,
    /** Whether an alert tells this by itself, or somebody waits for it. */
    purpose: row.is_alert ? ("alert" as const) : ("answer" as const),
  }));

/** A subject whose message in the chat is behind its state. */
export type DueMessage = z.output<typeof dueRow>;

/** A message about a subject that is drawn from its own rows whenever it is sent. */
export async function openSubject(
  tx: Transaction,
  now: Date,
  subject: string,
  place: Place,
  manner: Manner = {},
): Promise<void> {
  await insert(tx, now, { subject, place, card: null, priority: PRIORITY.run, manner });
}

/** A message that says what it says; the same subject twice is one message. */
export async function answer(
  tx: Transaction,
  now: Date,
  subject: string,
  place: Place,
  card: Card,
  manner: Manner = {},
): Promise<void> {
  // What answers another subject must not overtake it, or it would have nothing to answer.
  const priority = manner.replyToSubject === undefined ? PRIORITY.answer : PRIORITY.run;
  await insert(tx, now, { subject, place, card, priority, manner });
}

/** Somebody asked to see a subject: its message is opened here, or brought up to date where it stands. */
export async function showSubject(
  tx: Transaction,
  now: Date,
  subject: string,
  place: Place,
): Promise<void> {
  if (await hasSubject(tx, subject)) return stateChanged(tx, now, subject);
  await insert(tx, now, { subject, place, card: null, priority: PRIORITY.answer, manner: {} });
}

export async function hasSubject(tx: Transaction, subject: string): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ id: z.string() }),
    `select id from outbox where subject = $1`,
    [subject],
  );
  return rows.length > 0;
}

/** Where a subject's message stands, and how far it is behind its state. */
export type MessageStanding = {
  readonly chatId: number;
  readonly topicId: number | undefined;
  /** Undefined while it does not stand in the chat. */
  readonly messageId: number | undefined;
  readonly wantedVersion: number;
};

export async function standingOf(
  tx: Transaction,
  subject: string,
): Promise<MessageStanding | undefined> {
  const [row] = await tx.rows(
    z.object({
      chat_id: z.string(),
      topic_id: z.string().nullable(),
      message_id: z.string().nullable(),
      wanted_version: z.number(),
    }),
    `select chat_id, topic_id, message_id, wanted_version from outbox where subject = $1`,
    [subject],
  );
  return (
    row && {
      chatId: Number(row.chat_id),
      topicId: row.topic_id === null ? undefined : Number(row.topic_id),
      messageId: row.message_id === null ? undefined : Number(row.message_id),
      wantedVersion: row.wanted_version,
    }
  );
}

/** A subject goes on in another chat: what stands in the old one stays there as it is, and is edited no more. */
export async function moveSubject(
  tx: Transaction,
  now: Date,
  subject: string,
  place: Place,
): Promise<void> {
  await tx.change(
    `update outbox set chat_id = coalesce((select to_chat_id from chat_move where from_chat_id = $2), $2),
       topic_id = $3, reply_to = $4, message_id = null, message_kind = null, sending_since = null,
       wanted_version = wanted_version + 1, not_before = $5, attempts = 0, abandoned_because = null
     where subject = $1`,
    [subject, place.chatId, place.topicId ?? null, place.replyTo ?? null, now],
  );
  await wake(tx);
}

/** A message that says something else from now on, where it stands. */
export async function sayInstead(
  tx: Transaction,
  now: Date,
  subject: string,
  card: Card,
): Promise<void> {
  await tx.change(`update outbox set card = $2 where subject = $1`, [subject, storableJson(card)]);
  await stateChanged(tx, now, subject);
}

/** What a subject's message says, as soon as it stands in the chat. */
export async function deliveredCard(
  tx: Transaction,
  subject: string,
): Promise<{ readonly card: Card; readonly messageId: string } | undefined> {
  const [row] = await tx.rows(
    z.object({ card: cardSchema, message_id: z.string() }),
    `select card, message_id from outbox
     where subject = $1 and sent_version = wanted_version and card is not null and message_id is not null`,
    [subject],
  );
  return row && { card: row.card, messageId: row.message_id };
}

/** The state of a subject changed: its card is due at once. */
export async function stateChanged(tx: Transaction, now: Date, subject: string): Promise<void> {
  await tx.change(
    `update outbox set wanted_version = wanted_version + 1, priority = $3, abandoned_because = null,
       not_before = case when attempts > 0 then not_before else $2 end
     where subject = $1 and not held`,
    [subject, now, PRIORITY.run],
  );
  await wake(tx);
}

/** A subject made progress: its card follows, but never more often than the chat bears. */
export async function progressMade(tx: Transaction, now: Date, subject: string): Promise<void> {
  await tx.change(
    // What is due already goes when it is due; if it is on its way just now, another follows it.
    `update outbox set wanted_version = wanted_version + 1,
       priority = case when wanted_version = sent_version then $4 else priority end,
       not_before = case when wanted_version > sent_version then not_before
         else least(greatest(not_before, coalesce(sent_at, $2) + $3 * interval '1 millisecond'),
           $2 + $3 * interval '1 millisecond') end
     where subject = $1 and not held`,
    [subject, now, EDIT_SPACING_MS, PRIORITY.progress],
  );
}

/** The chats that have something due now. */
export async function dueChats(tx: Transaction, now: Date): Promise<readonly number[]> {
  const rows = await tx.rows(
    z.object({ chat_id: z.string() }),
    `select distinct chat_id from outbox
     where wanted_version > sent_version and abandoned_because is null and not held
       and ${isDue("not_before", "$1", PUT_OFF_AT_MOST_MS)}`,
    [now],
  );
  return rows.map((row) => Number(row.chat_id));
}

/** What alerts tell by themselves: their cards and words, and those that stand for many of them. */
const IS_ALERT = `(o.alert_id is not null or o.subject ~ '^(word:)?(storm|away):')`;

/** So long does a page let people be answered before it; who asks without end must not keep everybody from hearing it. */
const PAGE_WAITS_SECONDS = 10;

/**
 * Whoever asked is answered first. Then come pages that nobody knows of, each card with its word behind it, then the
 * ends of pages and what stands for many, then warnings and whatever merely makes progress.
 */
const RANK = `case
  when o.message_id is null and a.severity = 'page' and a.state <> 'resolved'
    and o.created_at < $2::timestamptz - interval '${PAGE_WAITS_SECONDS} seconds' then 0
  when not ${IS_ALERT} then case when o.priority = ${PRIORITY.progress} then 4 else 1 end
  when o.message_id is null and o.alert_id is null then 2
  when o.message_id is null and a.severity = 'page' and a.state <> 'resolved' then 2
  when o.message_id is null and a.severity = 'page' then 3
  when o.alert_id is null then 3
  else 4 end`;

/** So many tries of what it answers does a reply wait for; then it is said by itself. */
const WAITS_FOR_TRIES = 3;

/** The most important message that is due, of those that may be sent for these purposes. */
export async function nextDue(
  tx: Transaction,
  now: Date,
  chatId: number,
  { alertsToo }: { readonly alertsToo: boolean } = { alertsToo: true },
): Promise<DueMessage | undefined> {
  const [row] = await tx.rows(
    dueRow,
    `select o.id, o.subject, o.chat_id, o.topic_id, o.card, o.wanted_version, o.attempts, o.sending_since,
       o.resent, o.message_id, o.message_kind, o.silent, ${IS_ALERT} as is_alert,
       coalesce(o.reply_to, answered.message_id) as reply_to
     from outbox o
     left join alert a on a.id = o.alert_id
     left join outbox answered on answered.subject = o.reply_to_subject and answered.chat_id = o.chat_id
     where o.chat_id = $1 and o.wanted_version > o.sent_version and o.abandoned_because is null
       and not o.held and ${isDue("o.not_before", "$2", PUT_OFF_AT_MOST_MS)} and ($3 or not ${IS_ALERT})
       -- What is about to stand there is answered there.
       and not (o.message_id is null and answered.id is not null and answered.message_id is null
         and answered.wanted_version > answered.sent_version and answered.abandoned_because is null
         and not answered.held and answered.attempts < ${WAITS_FOR_TRIES})
     -- What failed before waits behind what was not tried yet, or one message could silence its chat.
     order by o.attempts > 0, ${RANK}, o.priority, o.id limit 1`,
    [chatId, now, alertsToo],
  );
  return row;
}

/**
 * Written before a first send: found again after a crash, it means that the message may be in the chat already. False when
 * the message is not as it was read: a process that leads no more, and does not know it yet, sends or has sent it.
 */
export async function markSending(
  tx: Transaction,
  now: Date,
  { id, sendingSince }: Pick<DueMessage, "id" | "sendingSince">,
): Promise<boolean> {
  const changed = await tx.change(
    `update outbox set resent = resent or sending_since is not null, sending_since = $2
     where id = $1 and message_id is null
       and date_trunc('milliseconds', sending_since) is not distinct from $3`,
    [id, now, sendingSince],
  );
  return changed === 1;
}

export async function markSent(
  tx: Transaction,
  now: Date,
  sent: {
    readonly id: string;
    readonly version: number;
    readonly messageId: number;
    readonly messageKind: MessageKind;
  },
): Promise<void> {
  await tx.change(
    `update outbox set sent_version = greatest(sent_version, $2), message_id = $3, message_kind = $4,
       sending_since = null, attempts = 0, sent_at = $5 where id = $1`,
    [sent.id, sent.version, sent.messageId, sent.messageKind, now],
  );
}

/** Puts a message off, for a minute at most. `surelyNotSent` clears the doubt that `markSending` left. */
export async function putOff(
  tx: Transaction,
  now: Date,
  id: string,
  { waitMs, surelyNotSent }: { readonly waitMs: number; readonly surelyNotSent: boolean },
): Promise<void> {
  const notBefore = new Date(now.getTime() + Math.min(waitMs, PUT_OFF_AT_MOST_MS));
  await tx.change(
    `update outbox set attempts = attempts + 1, not_before = $2,
       sending_since = case when $3 then null else sending_since end where id = $1`,
    [id, notBefore, surelyNotSent],
  );
}

/** The message in the chat is gone; the next send makes a new one. */
export async function forgetMessage(tx: Transaction, id: string): Promise<void> {
  await tx.change(`update outbox set message_id = null, message_kind = null where id = $1`, [id]);
}

/** What was said long ago and is settled need not be kept; what people typed stands in some of it. */
export async function forgetSent(tx: Transaction, now: Date): Promise<void> {
  await tx.change(
    `delete from outbox where sent_version = wanted_version
       and (sent_at < $1 or (held and created_at < $1))`,
    [new Date(now.getTime() - KEPT_MS)],
  );
}

export async function abandon(tx: Transaction, id: string, because: string): Promise<void> {
  await tx.change(`update outbox set abandoned_because = $2, sending_since = null where id = $1`, [
    id,
    storableText(because),
  ]);
}

async function insert(
  tx: Transaction,
  now: Date,
  message: {
    readonly subject: string;
    readonly place: Place;
    readonly card: Card | null;
    readonly priority: number;
    readonly manner: Manner;
  },
): Promise<void> {
  await tx.change(
    `insert into outbox
       (subject, chat_id, topic_id, reply_to, card, priority, not_before, created_at, silent, reply_to_subject)
     values ($1, coalesce((select to_chat_id from chat_move where from_chat_id = $2), $2), $3, $4, $5, $6, $7, $10, $8, $9)
     on conflict (subject) do nothing`,
    [
      message.subject,
      message.place.chatId,
      message.place.topicId ?? null,
      message.place.replyTo ?? null,
      message.card === null ? null : storableJson(message.card),
      message.priority,
      now,
      message.manner.silent ?? false,
      message.manner.replyToSubject ?? null,
      message.manner.waitingSince ?? now,
    ],
  );
  await wake(tx);
}

async function wake(tx: Transaction): Promise<void> {
  await tx.change(`select pg_notify('${OUTBOX_CHANNEL}', '')`);
}
