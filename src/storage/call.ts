import { z } from "zod";

import { CALL_KINDS } from "../core/call.ts";
import type { Transaction } from "./database.ts";
import { isDue } from "./due.ts";
import { storableText } from "./storable.ts";

const CALL_PATHS = ["webhook", "smtp"] as const;
export type CallPathName = (typeof CALL_PATHS)[number];

const KEPT_MS = 90 * 24 * 60 * 60_000;
const SEVERITIES = ["page", "warn"] as const;

const callRow = z
  .object({
    id: z.string(),
    key: z.string(),
    about: z.string(),
    kind: z.enum(CALL_KINDS),
    target: z.string(),
    severity: z.enum(SEVERITIES),
    what: z.string(),
    people: z.array(z.string()),
    path: z.enum(CALL_PATHS),
    address: z.string(),
    called_at: z.date(),
    state: z.enum(["waiting", "sent", "failed", "withdrawn"]),
    attempts: z.number(),
    in_doubt: z.boolean(),
    sent_at: z.date().nullable(),
    error: z.string().nullable(),
  })
  .transform(({ called_at: calledAt, in_doubt: inDoubt, sent_at: sentAt, error, ...row }) => ({
    ...row,
    calledAt,
    inDoubt,
    sentAt: sentAt ?? undefined,
    error: error ?? undefined,
  }));

export type KeptCall = z.output<typeof callRow>;

const COLUMNS = `id, key, about, kind, target, severity, what, people, path, address, called_at, state, attempts, in_doubt,
  sent_at, error`;

export type NewCall = Pick<
  KeptCall,
  "key" | "about" | "kind" | "target" | "severity" | "what" | "people" | "path" | "address"
>;

/** Makes a call due; the same key twice is one call. */
export async function openCall(tx: Transaction, now: Date, call: NewCall): Promise<void> {
  await tx.change(
    `insert into call
       (key, about, kind, target, severity, what, people, path, address, called_at, next_try_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) on conflict (key) do nothing`,
    [
      call.key,
      call.about,
      call.kind,
      call.target,
      call.severity,
      storableText(call.what),
      call.people,
      call.path,
      call.address,
      now,
    ],
  );
}

/**
 * Takes the calls that are due on a path, for one try each. Whoever does not come back from it within the lease leaves
 * them to the next one, as calls that may have come through.
 */
export async function takeCalls(
  tx: Transaction,
  now: Date,
  taken: {
    readonly path: CallPathName;
    readonly leaseMs: number;
    /** No call is put off for longer. */
    readonly putOffAtMostMs: number;
    readonly limit: number;
  },
): Promise<readonly KeptCall[]> {
  const due = await tx.rows(
    callRow,
    `select ${COLUMNS} from call where path = $1 and state = 'waiting'
       and (attempts = 0 or ${isDue("next_try_at", "$2", taken.putOffAtMostMs)})
     order by severity = 'page' desc, id limit $3 for update skip locked`,
    [taken.path, now, taken.limit],
  );
  await tx.change(
    `update call set attempts = attempts + 1, in_doubt = true, next_try_at = $2
     where id = any($1::bigint[])`,
    [due.map(({ id }) => id), new Date(now.getTime() + taken.leaseMs)],
  );
  return due;
}

export async function callSent(tx: Transaction, now: Date, id: string): Promise<void> {
  await tx.change(
    `update call set sent_at = $2, in_doubt = false, error = null,
       state = case when state = 'waiting' then 'sent' else state end where id = $1`,
    [id, now],
  );
}

/** A try failed; without a next one the call has failed. `surelyNotSent` clears the doubt that taking it left. */
export async function callFailed(
  tx: Transaction,
  id: string,
  failure: {
    readonly error: string;
    readonly nextTryAt: Date | undefined;
    readonly surelyNotSent: boolean;
  },
): Promise<void> {
  const { error, nextTryAt, surelyNotSent } = failure;
  await tx.change(
    `update call set error = $2, next_try_at = coalesce($3, next_try_at),
       in_doubt = case when $4 then false else in_doubt end,
       state = case when state = 'waiting' and $3::timestamptz is null then 'failed' else state end
     where id = $1`,
    [id, storableText(error), nextTryAt ?? null, surelyNotSent],
  );
}

/** Calls about something that are still on their way are not made any more. */
export async function withdrawCalls(tx: Transaction, about: string): Promise<void> {
  await tx.change(
    `update call set state = 'withdrawn' where about = $1 and state = 'waiting' and kind = 'fired'`,
    [about],
  );
}

/** The calls about something that people got, or may have got, and were not yet told that it is over. */
export async function callsToEnd(tx: Transaction, about: string): Promise<readonly KeptCall[]> {
  return tx.rows(
    callRow,
    `select distinct on (path, address) ${COLUMNS} from call
     where about = $1 and kind = 'fired' and (sent_at is not null or in_doubt)
       and not exists (select from call over_it where over_it.about = call.about
         and over_it.kind = 'over' and over_it.path = call.path
         and over_it.address = call.address and over_it.id > call.id)
     order by path, address, id desc`,
    [about],
  );
}

/** The newest call about something. */
export async function newestCallAbout(
  tx: Transaction,
  about: string,
): Promise<KeptCall | undefined> {
  const [row] = await tx.rows(
    callRow,
    `select ${COLUMNS} from call where about = $1 order by id desc limit 1`,
    [about],
  );
  return row;
}

/** The newest calls of a target, newest first. */
export async function newestCalls(
  tx: Transaction,
  target: string,
  limit: number,
): Promise<readonly KeptCall[]> {
  return tx.rows(
    callRow,
    `select ${COLUMNS} from call where target = $1 order by id desc limit $2`,
    [target, limit],
  );
}

export async function forgetCalls(tx: Transaction, now: Date): Promise<void> {
  await tx.change(`delete from call where state <> 'waiting' and called_at < $1`, [
    new Date(now.getTime() - KEPT_MS),
  ]);
}
