import { z } from "zod";

import type { Transaction } from "./database.ts";

const readingsRow = z
  .object({
    inbox: z.int(),
    outbox: z.int(),
    outbox_since: z.date().nullable(),
    calls: z.int(),
    calls_failed: z.int(),
  })
  .transform((row) => ({
    inboxWaiting: row.inbox,
    outboxWaiting: row.outbox,
    outboxWaitingSince: row.outbox_since ?? undefined,
    callsWaiting: row.calls,
    callsFailed: row.calls_failed,
  }));

const logRow = z
  .object({
    log: z.string(),
    size: z.string(),
    rendered: z.string(),
    behind_since: z.date().nullable(),
    trouble: z.string().nullable(),
  })
  .transform(({ log, size, rendered, behind_since: behindSince, trouble }) => ({
    log,
    entries: Number(size),
    unrendered: Number(size) - Number(rendered),
    behindSince: behindSince ?? undefined,
    trouble: trouble ?? undefined,
  }));

const runsRow = z.object({
  target: z.string(),
  operation: z.string(),
  outcome: z.string(),
  count: z.int(),
});

const alertsRow = z.object({
  target: z.string(),
  severity: z.string(),
  state: z.string(),
  count: z.int(),
});

/** How far an evidence log's file is behind its rows. */
export type LogReading = z.output<typeof logRow>;

/** What Flightdeck knows of its own work, all at one moment. */
export type Readings = z.output<typeof readingsRow> & {
  readonly now: Date;
  readonly logs: readonly LogReading[];
  readonly runs: readonly z.output<typeof runsRow>[];
  readonly alerts: readonly z.output<typeof alertsRow>[];
};

export async function readWork(tx: Transaction, now: Date): Promise<Readings> {
  const [work] = await tx.rows(
    readingsRow,
    `select
       (select count(*)::int from inbox where state = 'received') as inbox,
       (select count(*)::int from outbox
         where wanted_version > sent_version and abandoned_because is null) as outbox,
       (select min(created_at) from outbox where wanted_version > sent_version
         and abandoned_because is null and message_id is null) as outbox_since,
       (select count(*)::int from call where state = 'waiting') as calls,
       (select count(*)::int from call where state = 'failed') as calls_failed`,
  );
  if (!work) throw new Error("A query without a table has one row.");
  const runs = await tx.rows(
    runsRow,
    `select target, operation, coalesce(verdict, state) as outcome, count(*)::int as count from run
     where ended_at is not null group by 1, 2, 3 order by 1, 2, 3`,
  );
  const alerts = await tx.rows(
    alertsRow,
    `select target, severity, state, count(*)::int as count from alert
     where state in ('firing', 'acknowledged') group by 1, 2, 3 order by 1, 2, 3`,
  );
  return { ...work, now, logs: await readLogs(tx), runs, alerts };
}

export async function readLogs(tx: Transaction): Promise<readonly LogReading[]> {
  return tx.rows(
    logRow,
    `select h.log, h.size::text as size, coalesce(f.rendered, 0)::text as rendered, f.trouble,
       e.at as behind_since
     from evidence_head h
     left join evidence_file f on f.log = h.log
     left join evidence e on e.log = h.log and e.seq = coalesce(f.rendered, 0) + 1
     order by h.log`,
  );
}

/** Whether any check of each of these targets was looked at since then; says of which none was. */
export async function targetsNotLookedAt(
  tx: Transaction,
  targets: readonly string[],
  since: Date,
): Promise<readonly string[]> {
  const rows = await tx.rows(
    z.object({ target: z.string() }),
    `select asked.target from unnest($1::text[]) as asked(target)
     where not exists (select from sample where sample.target = asked.target and sample.at >= $2)`,
    [targets, since],
  );
  return rows.map(({ target }) => target);
}

const GIVEN_UP_FOR_MS = 60 * 60_000;

const waitingRow = z
  .object({ chat_id: z.string(), since: z.date(), count: z.int() })
  .transform(({ chat_id: chatId, ...row }) => ({ ...row, chatId: Number(chatId) }));

/**
 * Words that should sound in a group and are not in it yet, by group, and since when the oldest of them waits. One that was given up
 * was not heard either, but nobody is called for it for ever. Whether somebody can be reached in private is up to him.
 */
export async function wordsUnheard(
  tx: Transaction,
  now: Date,
): Promise<readonly z.output<typeof waitingRow>[]> {
  return tx.rows(
    waitingRow,
    `select chat_id, min(created_at) as since, count(*)::int as count from outbox
     where subject like 'word:%' and not silent and message_id is null and chat_id < 0
       and wanted_version > sent_version and (abandoned_because is null or created_at > $1)
     group by chat_id order by since`,
    [new Date(now.getTime() - GIVEN_UP_FOR_MS)],
  );
}

const REFUSED_FROM_ATTEMPTS = 3;

/** The chats in which something that was tried again and again did not arrive and still waits. */
export async function chatsOutOfReach(tx: Transaction): Promise<readonly number[]> {
  const rows = await tx.rows(
    z.object({ chat_id: z.string() }),
    `select distinct chat_id from outbox
     where attempts >= $1 and wanted_version > sent_version and abandoned_because is null`,
    [REFUSED_FROM_ATTEMPTS],
  );
  return rows.map((row) => Number(row.chat_id));
}

/** How long each word took from its decision into the chat, for those that arrived in (after, until]. */
export async function wordsHeard(
  tx: Transaction,
  after: Date,
  until: Date,
): Promise<readonly number[]> {
  const rows = await tx.rows(
    z.object({ dwell_ms: z.number() }),
    `select extract(epoch from sent_at - created_at)::float8 * 1000 as dwell_ms from outbox
     where subject like 'word:%' and not silent and sent_at > $1 and sent_at <= $2`,
    [after, until],
  );
  return rows.map((row) => row.dwell_ms);
}
