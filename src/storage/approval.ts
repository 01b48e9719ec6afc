import { z } from "zod";

import { actorSchema, type Actor } from "../core/actor.ts";
import type { Bond } from "../core/approval-bond.ts";
import { APPROVAL_POLICIES, APPROVAL_STATES, type ApprovalState } from "../core/approval.ts";
import type { Transaction } from "./database.ts";
import { storableJson, storableText } from "./storable.ts";

const facts = z.record(z.string(), z.string());

const approvalRow = z
  .object({
    id: z.string(),
    run_id: z.string(),
    n: z.number(),
    target: z.string(),
    operation: z.string(),
    requester: actorSchema,
    policy: z.enum(APPROVAL_POLICIES),
    needs_code: z.boolean(),
    parameters: facts,
    observed: facts,
    basis: z.string(),
    config_hash: z.string(),
    log_origin: z.string(),
    nonce: z.instanceof(Buffer),
    asked_at: z.date(),
    expires_at: z.date(),
    mac: z.instanceof(Buffer),
    state: z.enum(APPROVAL_STATES),
    posted_at: z.date().nullable(),
    chooser: z.string().nullable(),
    wrong_codes: z.number(),
    changed: z.array(z.string()),
  })
  .transform((row) => ({
    id: row.id,
    runId: row.run_id,
    n: row.n,
    target: row.target,
    operation: row.operation,
    requester: row.requester,
    policy: row.policy,
    needsCode: row.needs_code,
    parameters: row.parameters,
    observed: row.observed,
    basis: row.basis,
    configHash: row.config_hash,
    logOrigin: row.log_origin,
    nonce: row.nonce,
    askedAt: row.asked_at,
    expiresAt: row.expires_at,
    mac: row.mac,
    state: row.state,
    postedAt: row.posted_at,
    /** Who was shown the codes to choose from. */
    chooser: row.chooser,
    wrongCodes: row.wrong_codes,
    changed: row.changed,
  }));

const COLUMNS =
  "id, run_id, n, target, operation, requester, policy, needs_code, parameters, observed, basis, config_hash, " +
  "log_origin, nonce, asked_at, expires_at, mac, state, posted_at, chooser, wrong_codes, changed";

/** A question of a run as the database has it. Whether it is ours and unchanged its MAC says. */
export type Approval = z.output<typeof approvalRow>;

/** The ways in which a question ends without its yes being used. */
export type ApprovalEnd = Exclude<ApprovalState, "draft" | "posted" | "approved" | "consumed">;

/** While it is one of these, people can still say something. */
const OPEN = "('draft', 'posted')";

export async function openApproval(
  tx: Transaction,
  asked: Bond & { readonly mac: Buffer; readonly cardVersion: number },
): Promise<void> {
  await tx.change(
    `insert into approval (run_id, n, target, operation, requester, policy, needs_code, parameters, observed, basis,
       config_hash, log_origin, nonce, asked_at, expires_at, mac, card_version)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
    [
      asked.runId,
      asked.n,
      asked.target,
      asked.operation,
      storableJson(asked.requester),
      asked.policy,
      asked.needsCode,
      storableJson(asked.parameters),
      storableJson(asked.observed),
      asked.basis,
      asked.configHash,
      asked.logOrigin,
      asked.nonce,
      asked.askedAt,
      asked.expiresAt,
      asked.mac,
      asked.cardVersion,
    ],
  );
}

export async function approvalOfStep(
  tx: Transaction,
  runId: string,
  n: number,
  lock: "for update" | "" = "",
): Promise<Approval | undefined> {
  const [row] = await tx.rows(
    approvalRow,
    `select ${COLUMNS} from approval where run_id = $1 and n = $2 ${lock}`,
    [runId, n],
  );
  return row;
}

/** The newest question of a run, however it ended. */
export async function newestApproval(
  tx: Transaction,
  runId: string,
  lock: "for update" | "" = "",
): Promise<Approval | undefined> {
  const [row] = await tx.rows(
    approvalRow,
    `select ${COLUMNS} from approval where run_id = $1 order by n desc limit 1 ${lock}`,
    [runId],
  );
  return row;
}

export async function approvalByNonce(
  tx: Transaction,
  nonce: Buffer,
): Promise<Approval | undefined> {
  const [row] = await tx.rows(approvalRow, `select ${COLUMNS} from approval where nonce = $1`, [
    nonce,
  ]);
  return row;
}

const POSTING = `update approval a set state = 'posted', posted_at = o.sent_at from outbox o
   where a.state = 'draft' and o.subject = 'run:' || a.run_id
     and o.message_id is not null and o.sent_version >= a.card_version`;

/** Notes of every question whose card has come to stand in the chat that it does. */
export async function markAllPosted(tx: Transaction): Promise<void> {
  await tx.change(POSTING);
}

/** The same for the questions of one run, for whoever cannot wait. */
export async function markPosted(tx: Transaction, runId: string): Promise<void> {
  await tx.change(`${POSTING} and a.run_id = $1`, [runId]);
}

/** The codes were shown to this person. */
export async function showCodes(tx: Transaction, id: string, telegram: string): Promise<void> {
  await tx.change(`update approval set chooser = $2 where id = $1`, [id, telegram]);
}

/** A wrong code was chosen; gives back how many by now. */
export async function countWrongCode(tx: Transaction, id: string): Promise<number> {
  const [row] = await tx.rows(
    z.object({ wrong_codes: z.number() }),
    `update approval set wrong_codes = wrong_codes + 1, chooser = null where id = $1 returning wrong_codes`,
    [id],
  );
  return row?.wrong_codes ?? 0;
}

/** Enough people said yes. False: it had ended before, or its time is up. */
export async function approve(
  tx: Transaction,
  now: Date,
  id: string,
  needed: number,
): Promise<boolean> {
  const changed = await tx.change(
    `update approval set state = 'approved'
     where id = $1 and state in ${OPEN} and expires_at > $2
       and (select count(*) from approval_vote where approval_id = $1 and vote = 'yes') >= $3
       and not exists (select from approval_vote where approval_id = $1 and vote = 'no')`,
    [id, now, needed],
  );
  return changed === 1;
}

/** Uses the yes, once, for ever. False: it was used before, it has ended, or its time is up. */
export async function consume(tx: Transaction, now: Date, id: string): Promise<boolean> {
  const changed = await tx.change(
    `update approval set state = 'consumed', ended_at = $2
     where id = $1 and state = 'approved' and expires_at > $2`,
    [id, now],
  );
  return changed === 1;
}

/** Ends a question that was not used. False: it had ended already. */
export async function endApproval(
  tx: Transaction,
  now: Date,
  id: string,
  end: {
    readonly state: ApprovalEnd;
    readonly changed?: readonly string[] | undefined;
  },
): Promise<boolean> {
  const changed = await tx.change(
    `update approval set state = $2, ended_at = $3, changed = $4
     where id = $1 and state in ('draft', 'posted', 'approved')`,
    [id, end.state, now, (end.changed ?? []).map(storableText)],
  );
  return changed === 1;
}

/** The runs with an open question whose time is up, or that was asked before a moment and nobody was reminded of. */
export async function questionsDue(
  tx: Transaction,
  now: Date,
  askedBefore: Date,
): Promise<readonly string[]> {
  const rows = await tx.rows(
    z.object({ run_id: z.string() }),
    `select run_id from approval
     where state in ${OPEN} and (expires_at <= $1 or (reminded_at is null and asked_at <= $2))
     order by id limit 100`,
    [now, askedBefore],
  );
  return rows.map((row) => row.run_id);
}

/**
 * Open questions for the same operation of the same target, which a newer one replaces. A question in the midst of a
 * change, which holds its target, is no matter of taste any more.
 */
export async function openQuestionsAbout(
  tx: Transaction,
  about: { readonly target: string; readonly operation: string; readonly otherThan: string },
): Promise<readonly Approval[]> {
  return tx.rows(
    approvalRow,
    `select ${COLUMNS} from approval
     where target = $1 and operation = $2 and run_id <> $3 and state in ${OPEN}
       and not exists (select from run where run.id = run_id and run.holds)
     order by run_id`,
    [about.target, about.operation, about.otherThan],
  );
}

/** How many questions stand open in a chat. */
export async function openQuestionsIn(tx: Transaction, chatId: number): Promise<number> {
  const [row] = await tx.rows(
    z.object({ count: z.number() }),
    `select count(*)::integer as count from approval a join outbox o on o.subject = 'run:' || a.run_id
     where a.state in ${OPEN} and o.chat_id = $1`,
    [chatId],
  );
  return row?.count ?? 0;
}

/** How many questions a person, or a rule, has asked since a moment. */
export async function questionsAskedBy(
  tx: Transaction,
  requester: Actor,
  since: Date,
): Promise<number> {
  const [row] = await tx.rows(
    z.object({ count: z.number() }),
    `select count(*)::integer as count from approval
     where coalesce(requester ->> 'telegram', requester ->> 'name') = $1 and asked_at > $2`,
    [requester.via === "flightdeck" ? requester.name : requester.telegram, since],
  );
  return row?.count ?? 0;
}

/** Those who may answer are reminded once. False: somebody did it before. */
export async function markReminded(tx: Transaction, now: Date, id: string): Promise<boolean> {
  const changed = await tx.change(
    `update approval set reminded_at = $2 where id = $1 and reminded_at is null`,
    [id, now],
  );
  return changed === 1;
}
