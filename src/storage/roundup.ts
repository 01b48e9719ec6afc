import { z } from "zod";

import type { Roundup, RoundupKind, RoundupTally, StateCounts, Waiting } from "../core/roundup.ts";
import { findAlert, type KeptAlert } from "./alert.ts";
import type { Transaction } from "./database.ts";

const KINDS = ["storm", "away"] as const satisfies readonly RoundupKind[];

const COLUMNS = "id, target, kind, began_at, fed_at, rang_at, words, shown, ended_at, released_at";

const roundupRow = z
  .object({
    id: z.string(),
    target: z.string(),
    kind: z.enum(KINDS),
    began_at: z.date(),
    fed_at: z.date(),
    rang_at: z.date().nullable(),
    words: z.number(),
    shown: z.string(),
    ended_at: z.date().nullable(),
    released_at: z.date().nullable(),
  })
  .transform((row) => ({
    id: row.id,
    target: row.target,
    kind: row.kind,
    beganAt: row.began_at,
    fedAt: row.fed_at,
    rangAt: row.rang_at ?? undefined,
    words: row.words,
    shown: row.shown,
    endedAt: row.ended_at ?? undefined,
    releasedAt: row.released_at ?? undefined,
  })) satisfies z.ZodType<Roundup>;

/** A roundup as it is kept. */
export type KeptRoundup = z.output<typeof roundupRow>;

/** An alert's message that is to be sent and that nobody has seen yet; of a chat, and about an alert `a`. */
const WAITS = `o.chat_id = $1 and o.wanted_version > o.sent_version and o.abandoned_because is null
  and o.message_id is null and not o.held`;

const waitingRow = z
  .object({
    target: z.string(),
    topic_id: z.string().nullable(),
    alerts: z.int(),
    words_since: z.date().nullable(),
    since: z.date(),
  })
  .transform((row) => ({
    target: row.target,
    topicId: row.topic_id === null ? undefined : Number(row.topic_id),
    alerts: row.alerts,
    wordsSince: row.words_since ?? undefined,
    since: row.since,
  })) satisfies z.ZodType<Waiting>;

/** What alerts want to say in a chat, and since when, by target. */
export async function waitingAlerts(
  tx: Transaction,
  chatId: number,
): Promise<readonly z.output<typeof waitingRow>[]> {
  return tx.rows(
    waitingRow,
    `select a.target, max(o.topic_id)::text as topic_id, count(distinct o.alert_id)::int as alerts,
       min(o.created_at) filter (where not o.silent) as words_since, min(o.created_at) as since
     from outbox o join alert a on a.id = o.alert_id where ${WAITS} group by a.target`,
    [chatId],
  );
}

/** The roundup that takes in what a target's alerts want to say in a chat. */
export async function openRoundupIn(
  tx: Transaction,
  chatId: number,
  target: string,
): Promise<KeptRoundup | undefined> {
  const [row] = await tx.rows(
    roundupRow,
    `select ${COLUMNS} from roundup where ${IN_CHAT} and target = $2 and ended_at is null`,
    [chatId, target],
  );
  return row;
}

/** The storm that ended last and is not over yet. */
export async function lingeringStormIn(
  tx: Transaction,
  chatId: number,
  target: string,
): Promise<KeptRoundup | undefined> {
  const [row] = await tx.rows(
    roundupRow,
    `select ${COLUMNS} from roundup
     where ${IN_CHAT} and target = $2 and kind = 'storm' and ended_at is not null and closed_at is null
     order by id desc limit 1`,
    [chatId, target],
  );
  return row;
}

/** A chat may have moved since a roundup began in it. */
const IN_CHAT = `coalesce((select to_chat_id from chat_move where from_chat_id = roundup.chat_id), chat_id) = $1`;

export async function beginRoundup(
  tx: Transaction,
  now: Date,
  roundup: {
    readonly target: string;
    readonly chatId: number;
    readonly kind: RoundupKind;
    readonly beganAt: Date;
  },
): Promise<string> {
  const [row] = await tx.rows(
    z.object({ id: z.string() }),
    `insert into roundup (target, chat_id, kind, began_at, fed_at) values ($1, $2, $3, $4, $5) returning id`,
    [roundup.target, roundup.chatId, roundup.kind, roundup.beganAt, now],
  );
  if (!row) throw new Error("An inserted row has an id.");
  return row.id;
}

/** Takes in everything that a target's alerts want to say in a chat, except what somebody else is just writing. */
export async function holdWaiting(
  tx: Transaction,
  now: Date,
  id: string,
  chatId: number,
  target: string,
): Promise<void> {
  const held = await tx.change(
    `update outbox set held = true, roundup_id = $2, sent_version = wanted_version
     where id in (select o.id from outbox o join alert a on a.id = o.alert_id
       where ${WAITS} and a.target = $3 for update of o skip locked)`,
    [chatId, id, target],
  );
  if (held > 0)
    await tx.change(`update roundup set fed_at = $2, ended_at = null where id = $1`, [id, now]);
}

/** The end of what nobody saw begin is no news: the storm's own card counts it. */
export async function holdEnds(tx: Transaction, chatId: number): Promise<void> {
  await tx.change(
    `update outbox o set held = true, roundup_id = card.roundup_id, sent_version = o.wanted_version
     from outbox card join roundup r on r.id = card.roundup_id
     where ${WAITS} and o.subject like 'word:%:resolved:%'
       and card.alert_id = o.alert_id and card.chat_id = o.chat_id and card.subject not like 'word:%'
       and card.held and r.kind = 'storm'`,
    [chatId],
  );
}

/** What speaks anew after its roundup has ended gets its card, so that there is something to answer. */
export async function releaseSpeaking(tx: Transaction, now: Date, chatId: number): Promise<void> {
  await tx.change(
    `update outbox card set ${RELEASE}
     from roundup r, outbox o
     where ${WAITS} and card.alert_id = o.alert_id and card.chat_id = o.chat_id and card.held
       and card.subject not like 'word:%' and r.id = card.roundup_id and r.ended_at is not null`,
    [chatId, now],
  );
}

/** Sends the card of the most urgent alert that is still open and whose roundup has ended. */
export async function releaseNext(tx: Transaction, now: Date, id: string): Promise<void> {
  const released = await tx.change(
    `update outbox card set ${RELEASE}
     where card.id = (select o.id from outbox o join alert a on a.id = o.alert_id
       where o.roundup_id = $1 and o.held and o.subject not like 'word:%' and a.state <> 'resolved'
       order by a.severity = 'page' desc, a.since, a.id limit 1 for update of o skip locked)`,
    [id, now],
  );
  if (released > 0) await tx.change(`update roundup set released_at = $2 where id = $1`, [id, now]);
}

const RELEASE = `held = false, wanted_version = card.wanted_version + 1, not_before = $2, attempts = 0`;

/** The ids of all roundups that are not over yet. */
export async function unclosedRoundups(tx: Transaction): Promise<readonly string[]> {
  const rows = await tx.rows(
    z.object({ id: z.string() }),
    `select id from roundup where closed_at is null order by id`,
  );
  return rows.map((row) => row.id);
}

export async function findRoundup(
  tx: Transaction,
  id: string,
  lock: "" | "for no key update" = "",
): Promise<KeptRoundup | undefined> {
  const [row] = await tx.rows(roundupRow, `select ${COLUMNS} from roundup where id = $1 ${lock}`, [
    id,
  ]);
  return row;
}

/** Writes down what became of a roundup. */
export async function changeRoundup(
  tx: Transaction,
  roundup: Pick<KeptRoundup, "id" | "kind" | "rangAt" | "words" | "shown" | "endedAt"> & {
    readonly closedAt: Date | undefined;
  },
): Promise<void> {
  await tx.change(
    `update roundup set kind = $2, rang_at = $3, words = $4, shown = $5, ended_at = $6, closed_at = $7
     where id = $1`,
    [
      roundup.id,
      roundup.kind,
      roundup.rangAt ?? null,
      roundup.words,
      roundup.shown,
      roundup.endedAt ?? null,
      roundup.closedAt ?? null,
    ],
  );
}

/** The alerts that a roundup stands for, or has stood for until they got their cards. */
const ITS_ALERTS = `a.id in (select alert_id from outbox where roundup_id = $1)`;

const tallyRow = z.object({
  severity: z.enum(["page", "warn"]),
  state: z.enum(["firing", "acknowledged", "resolved"]),
  count: z.int(),
});

export async function tallyOf(tx: Transaction, id: string): Promise<RoundupTally> {
  const rows = await tx.rows(
    tallyRow,
    `select a.severity, a.state, count(*)::int as count from alert a
     where ${ITS_ALERTS} and a.state <> 'pending' group by 1, 2`,
    [id],
  );
  const countsOf = (severity: "page" | "warn"): StateCounts => {
    const count = (state: keyof StateCounts): number =>
      rows.find((row) => row.severity === severity && row.state === state)?.count ?? 0;
    return {
      firing: count("firing"),
      acknowledged: count("acknowledged"),
      resolved: count("resolved"),
    };
  };
  return { page: countsOf("page"), warn: countsOf("warn") };
}

/** The newest word that a roundup holds back about a page that still sounds. */
export async function newestHeldWord(tx: Transaction, id: string): Promise<Date | undefined> {
  const [row] = await tx.rows(
    z.object({ at: z.date().nullable() }),
    `select max(o.created_at) as at from outbox o join alert a on a.id = o.alert_id
     where o.roundup_id = $1 and o.held and not o.silent and o.subject not like 'word:%:resolved:%'
       and a.state = 'firing' and a.severity = 'page'`,
    [id],
  );
  return row?.at ?? undefined;
}

/** The alerts of a roundup to name first: what is open, pages before warnings, the oldest before the newer. */
export async function firstAlerts(
  tx: Transaction,
  id: string,
  atMost: number,
): Promise<readonly KeptAlert[]> {
  const rows = await tx.rows(
    z.object({ id: z.string() }),
    `select a.id from alert a where ${ITS_ALERTS} and a.state <> 'pending'
     order by a.state = 'resolved', a.severity = 'page' desc, a.state = 'firing' desc, a.since, a.id limit $2`,
    [id, atMost],
  );
  const alerts: KeptAlert[] = [];
  for (const row of rows) {
    const alert = await findAlert(tx, row.id);
    if (alert) alerts.push(alert);
  }
  return alerts;
}

/** How many steps of calling people have been done for the page of a roundup for which most were done. */
export async function stepsDoneFor(tx: Transaction, id: string): Promise<number> {
  const [row] = await tx.rows(
    z.object({ steps: z.int().nullable() }),
    `select max(a.called) as steps from alert a
     where ${ITS_ALERTS} and a.state = 'firing' and a.severity = 'page'`,
    [id],
  );
  return row?.steps ?? 0;
}

const placeRow = z
  .object({
    chat_id: z.string(),
    topic_id: z.string().nullable(),
    message_id: z.string().nullable(),
  })
  .transform((row) => ({
    place: {
      chatId: Number(row.chat_id),
      topicId: row.topic_id === null ? undefined : Number(row.topic_id),
      replyTo: undefined,
    },
    isTold: row.message_id !== null,
  }));

/** Where a roundup's message is, or will be. */
export async function placeOf(
  tx: Transaction,
  subject: string,
): Promise<z.output<typeof placeRow> | undefined> {
  const [row] = await tx.rows(
    placeRow,
    `select chat_id, topic_id, message_id from outbox where subject = $1`,
    [subject],
  );
  return row;
}

/** A message that was never seen becomes another one; the doubt whether it was sent stays with it. */
export async function renameSubject(tx: Transaction, from: string, to: string): Promise<void> {
  await tx.change(`update outbox set subject = $2 where subject = $1 and message_id is null`, [
    from,
    to,
  ]);
}

/** Words that nobody heard are not said any more: something else says it. */
export async function withdrawWords(tx: Transaction, subjects: string): Promise<void> {
  await tx.change(
    `delete from outbox where subject like $1 || '%' and message_id is null and wanted_version > sent_version`,
    [subjects],
  );
}

export async function isAnyUnsaid(tx: Transaction, subjects: string): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ id: z.string() }),
    `select id from outbox where subject like $1 || '%' and wanted_version > sent_version
       and abandoned_because is null limit 1`,
    [subjects],
  );
  return rows.length > 0;
}

export async function setSilent(tx: Transaction, subject: string, silent: boolean): Promise<void> {
  await tx.change(
    `update outbox set silent = $2 where subject = $1 and message_id is null and silent <> $2`,
    [subject, silent],
  );
}

const KEPT_MS = 90 * 24 * 60 * 60 * 1000;

/** Forgets what was over long ago and is no longer spoken of by any message. */
export async function forgetRoundups(tx: Transaction, now: Date): Promise<void> {
  await tx.change(
    `delete from roundup where closed_at < $1
       and not exists (select from outbox where outbox.roundup_id = roundup.id)`,
    [new Date(now.getTime() - KEPT_MS)],
  );
}
