import { z } from "zod";

import { actorSchema, type Actor } from "../core/actor.ts";
import { jsonSchema, type Json } from "../core/json.ts";
import type { Transaction } from "./database.ts";
import { storableJson, storableText } from "./storable.ts";

export const RUN_STATES = [
  "waiting",
  "running",
  "unknown",
  "ok",
  "failed",
  "refused",
  "expired",
  "cancelled",
] as const;
export type RunState = (typeof RUN_STATES)[number];
export type RunOutcome = Exclude<RunState, "waiting" | "running" | "unknown">;

const runRow = z
  .object({
    id: z.string(),
    target: z.string(),
    operation: z.string(),
    input: jsonSchema,
    mutating: z.boolean(),
    cause: z.string(),
    actor: actorSchema,
    config_hash: z.string(),
    state: z.enum(RUN_STATES),
    epoch: z.number(),
    cancel_requested_at: z.date().nullable(),
    verdict: z.string().nullable(),
    reason: z.string().nullable(),
    created_at: z.date(),
    started_at: z.date().nullable(),
    ended_at: z.date().nullable(),
  })
  .transform((row) => ({
    id: row.id,
    target: row.target,
    operation: row.operation,
    input: row.input,
    mutating: row.mutating,
    cause: row.cause,
    actor: row.actor,
    configHash: row.config_hash,
    state: row.state,
    epoch: row.epoch,
    cancelRequestedAt: row.cancel_requested_at,
    verdict: row.verdict,
    reason: row.reason,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  }));

const COLUMNS =
  "id, target, operation, input, mutating, cause, actor, config_hash, state, epoch, " +
  "cancel_requested_at, verdict, reason, created_at, started_at, ended_at";

/** One execution of an operation. */
export type Run = z.output<typeof runRow>;

export type RunRequest = {
  readonly target: string;
  readonly operation: string;
  readonly input: Json;
  readonly mutating: boolean;
  /** Whether it changes the target from the start, without asking; then nobody else may meanwhile. */
  readonly holds: boolean;
  /** `tg-<update>`, `tap-<callback>`, `slot-<name>-<utc>` or `cli-<uuid>`; the same cause never makes two runs. */
  readonly cause: string;
  readonly actor: Actor;
  readonly configHash: string;
};

export type RunAdmission =
  | { readonly kind: "created"; readonly run: Run }
  | { readonly kind: "repeated"; readonly run: Run }
  | { readonly kind: "busy"; readonly run: Run };

export async function admitRun(
  tx: Transaction,
  now: Date,
  request: RunRequest,
): Promise<RunAdmission> {
  if (request.holds) await lockTarget(tx, request.target);
  const [created] = await tx.rows(
    runRow,
    // Whoever admits a run enqueues it right after the commit; the reconciler waits that long before it helps.
    `insert into run (target, operation, input, mutating, holds, cause, actor, config_hash, created_at, enqueued_at)
     values ($1, $2, $3, $4, $9, $5, $6, $7, $8, $8) on conflict do nothing returning ${COLUMNS}`,
    [
      request.target,
      request.operation,
      storableJson(request.input),
      request.mutating,
      request.cause,
      storableJson(request.actor),
      request.configHash,
      now,
      request.holds,
    ],
  );
  if (created) return { kind: "created", run: created };
  const [repeated] = await tx.rows(runRow, `select ${COLUMNS} from run where cause = $1`, [
    request.cause,
  ]);
  if (repeated) return { kind: "repeated", run: repeated };
  const busy = await holderOf(tx, request.target);
  if (busy) return { kind: "busy", run: busy };
  // The run that stood in the way ended between the two looks.
  return admitRun(tx, now, request);
}

/** Takes a due run for one executor and fences off whoever had it before. Undefined: somebody has it, or it has ended. */
export async function claimRun(
  tx: Transaction,
  now: Date,
  claim: { readonly runId: string; readonly owner: string; readonly leaseMs: number },
): Promise<Run | undefined> {
  const [run] = await tx.rows(
    runRow,
    `update run set state = 'running', epoch = epoch + 1, owner = $2, lease_until = $3,
       started_at = coalesce(started_at, $4)
     where id = $1 and ((state = 'waiting' and not asks) or (state = 'running' and lease_until < $4))
     returning ${COLUMNS}`,
    [claim.runId, claim.owner, new Date(now.getTime() + claim.leaseMs), now],
  );
  return run;
}

export type Lease = { readonly runId: string; readonly epoch: number };

/** Extends a lease. `lost` means fenced: somebody else has claimed the run since, or a person has ended it. */
export async function renewLease(
  tx: Transaction,
  now: Date,
  lease: Lease,
  leaseMs: number,
): Promise<"kept" | "cancelled" | "lost"> {
  const [row] = await tx.rows(
    z.object({ cancelled: z.boolean() }),
    `update run set lease_until = $3 where id = $1 and epoch = $2 and state = 'running'
     returning cancel_requested_at is not null as cancelled`,
    [lease.runId, lease.epoch, new Date(now.getTime() + leaseMs)],
  );
  if (!row) return "lost";
  return row.cancelled ? "cancelled" : "kept";
}

/** Gives a run back, so that another process can take it at once instead of after the lease. */
export async function releaseLease(tx: Transaction, now: Date, lease: Lease): Promise<void> {
  await tx.change(
    `update run set lease_until = $3, enqueued_at = null
     where id = $1 and epoch = $2 and state = 'running'`,
    [lease.runId, lease.epoch, new Date(now.getTime() - 1)],
  );
}

/** Locks the run for the rest of the transaction if this epoch still holds it; see `lockTarget` for the lock order. */
export async function holdsLease(tx: Transaction, lease: Lease): Promise<boolean> {
  const changed = await tx.change(
    `update run set epoch = epoch where id = $1 and epoch = $2 and state = 'running'`,
    [lease.runId, lease.epoch],
  );
  return changed === 1;
}

export async function endRun(
  tx: Transaction,
  now: Date,
  runId: string,
  outcome: {
    readonly state: RunOutcome;
    readonly verdict?: string | undefined;
    readonly reason?: string | undefined;
  },
): Promise<void> {
  await tx.change(
    `update run set state = $2, verdict = $3, reason = $4, ended_at = $5, owner = null, lease_until = null,
       asks = false
     where id = $1`,
    [
      runId,
      outcome.state,
      outcome.verdict ?? null,
      outcome.reason === undefined ? null : storableText(outcome.reason),
      now,
    ],
  );
}

/** Ends whatever has not ended of a target, because these rows cannot tell what became of it; gives back what that was. */
export async function endOpenRuns(
  tx: Transaction,
  now: Date,
  target: string,
  reason: string,
): Promise<readonly Run[]> {
  return tx.rows(
    runRow,
    `update run set state = 'failed', reason = $2, ended_at = $3, owner = null, lease_until = null, asks = false
     where target = $1 and state in ('waiting', 'running', 'unknown') returning ${COLUMNS}`,
    [target, storableText(reason), now],
  );
}

export async function suspendRun(tx: Transaction, runId: string, reason: string): Promise<void> {
  await tx.change(
    `update run set state = 'unknown', reason = $2, owner = null, lease_until = null where id = $1`,
    [runId, storableText(reason)],
  );
}

/** Lets a suspended run go on after a person has decided. */
export async function resumeRun(tx: Transaction, runId: string): Promise<void> {
  await tx.change(
    `update run set state = 'waiting', reason = null, enqueued_at = null
     where id = $1 and state = 'unknown'`,
    [runId],
  );
}

/** Lets a run wait for people: nobody executes it before they have answered. */
export async function askPeople(tx: Transaction, runId: string): Promise<void> {
  await tx.change(
    `update run set state = 'waiting', asks = true, owner = null, lease_until = null where id = $1`,
    [runId],
  );
}

/** People have answered with yes: the run is executed on. */
export async function goOn(tx: Transaction, runId: string): Promise<void> {
  await tx.change(
    `update run set asks = false, enqueued_at = null where id = $1 and state = 'waiting' and asks`,
    [runId],
  );
}

/** Whether the run waits for people. */
export async function isAsking(tx: Transaction, runId: string): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ id: z.string() }),
    `select id from run where id = $1 and state = 'waiting' and asks`,
    [runId],
  );
  return rows.length > 0;
}

/**
 * Whoever decides who changes a target does so one after the other, for the rest of the transaction. Lock order: target,
 * run, step, approval, evidence head.
 */
export async function lockTarget(tx: Transaction, target: string): Promise<void> {
  await tx.rows(
    z.object({}),
    `select pg_advisory_xact_lock(hashtextextended('target:' || $1, 0))`,
    [target],
  );
}

/** The run that may change the target now. */
export async function holderOf(tx: Transaction, target: string): Promise<Run | undefined> {
  const [run] = await tx.rows(
    runRow,
    `select ${COLUMNS} from run
     where target = $1 and holds and state in ('waiting', 'running', 'unknown')`,
    [target],
  );
  return run;
}

/** From now on this run is the one that may change its target. The caller has locked the target and found it free. */
export async function holdTarget(tx: Transaction, runId: string): Promise<void> {
  await tx.change(`update run set holds = true where id = $1`, [runId]);
}

/** Takes the target away from a run that waits for a person's decision about an effect in doubt. */
export async function takeTargetFrom(tx: Transaction, runId: string): Promise<boolean> {
  const changed = await tx.change(
    `update run set holds = false where id = $1 and holds and state = 'unknown'`,
    [runId],
  );
  return changed === 1;
}

export async function holdsTarget(tx: Transaction, runId: string): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ id: z.string() }),
    `select id from run where id = $1 and holds`,
    [runId],
  );
  return rows.length > 0;
}

export async function requestCancel(tx: Transaction, now: Date, runId: string): Promise<boolean> {
  const changed = await tx.change(
    `update run set cancel_requested_at = $2
     where id = $1 and state in ('waiting', 'running') and cancel_requested_at is null`,
    [runId, now],
  );
  return changed === 1;
}

/** Runs that nobody executes: new ones that were never enqueued or got lost, and ones whose lease ran out. */
export async function dueRuns(
  tx: Transaction,
  now: Date,
  patienceMs: number,
  limit: number,
): Promise<readonly { readonly id: string; readonly epoch: number }[]> {
  return tx.rows(
    z.object({ id: z.string(), epoch: z.number() }),
    `select id, epoch from run
     where ((state = 'waiting' and not asks) or (state = 'running' and lease_until < $1))
       and (enqueued_at is null or enqueued_at < $2 or enqueued_at > $1)
     order by id limit $3`,
    [now, new Date(now.getTime() - patienceMs), limit],
  );
}

export async function markEnqueued(tx: Transaction, now: Date, runId: string): Promise<void> {
  await tx.change(`update run set enqueued_at = $2 where id = $1`, [runId, now]);
}

export async function findRun(
  tx: Transaction,
  runId: string,
  lock: "for update" | "" = "",
): Promise<Run | undefined> {
  const [run] = await tx.rows(runRow, `select ${COLUMNS} from run where id = $1 ${lock}`, [runId]);
  return run;
}

export async function recentRuns(
  tx: Transaction,
  target: string,
  limit: number,
): Promise<readonly Run[]> {
  return tx.rows(runRow, `select ${COLUMNS} from run where target = $1 order by id desc limit $2`, [
    target,
    limit,
  ]);
}

/** The oldest run of an operation that has not come to its end. */
export async function openRun(
  tx: Transaction,
  target: string,
  operation: string,
): Promise<Run | undefined> {
  const [run] = await tx.rows(
    runRow,
    `select ${COLUMNS} from run
     where target = $1 and operation = $2 and ended_at is null order by id limit 1`,
    [target, operation],
  );
  return run;
}

/** The newest run of an operation that has come to its end. */
export async function lastEnded(
  tx: Transaction,
  target: string,
  operation: string,
): Promise<Run | undefined> {
  const [run] = await tx.rows(
    runRow,
    `select ${COLUMNS} from run
     where target = $1 and operation = $2 and ended_at is not null order by id desc limit 1`,
    [target, operation],
  );
  return run;
}
