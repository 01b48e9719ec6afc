import { z } from "zod";

import { jsonSchema, type Json } from "../core/json.ts";
import type { Transaction } from "./database.ts";
import { storableJson, storableText } from "./storable.ts";

const stepRow = z
  .object({
    n: z.number(),
    name: z.string(),
    kind: z.enum(["look", "act", "ask"]),
    state: z.enum(["started", "done", "failed", "unknown", "cleared"]),
    idempotency_key: z.string(),
    baseline: jsonSchema.nullable(),
    progress: jsonSchema.nullable(),
    result: jsonSchema.nullable(),
    error: z.string().nullable(),
    started_at: z.date(),
    ended_at: z.date().nullable(),
  })
  .transform((row) => ({
    n: row.n,
    name: row.name,
    kind: row.kind,
    state: row.state,
    key: row.idempotency_key,
    baseline: row.baseline,
    progress: row.progress,
    result: row.result,
    error: row.error,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  }));

const COLUMNS =
  "n, name, kind, state, idempotency_key, baseline, progress, result, error, started_at, ended_at";

/** A step of a run as the journal has it. */
export type JournalledStep = z.output<typeof stepRow>;

export async function stepsOf(tx: Transaction, runId: string): Promise<readonly JournalledStep[]> {
  return tx.rows(stepRow, `select ${COLUMNS} from run_step where run_id = $1 order by n`, [runId]);
}

/**
 * Opens a step, or takes it up again under a new epoch. Its key and baseline are those of the first time, so that a
 * resumed step speaks of the same effect.
 */
export async function startStep(
  tx: Transaction,
  now: Date,
  step: {
    readonly runId: string;
    readonly epoch: number;
    readonly n: number;
    readonly name: string;
    readonly kind: "look" | "act" | "ask";
    readonly key: string;
    readonly baseline: Json;
    /** The checks that it disturbs, and until when at most. */
    readonly disturbs?: { readonly checks: readonly string[]; readonly until: Date } | undefined;
  },
): Promise<JournalledStep> {
  const [row] = await tx.rows(
    stepRow,
    `insert into run_step
       (run_id, n, name, kind, state, epoch, idempotency_key, baseline, started_at, disturbs, disturbs_until)
     values ($1, $2, $3, $4, 'started', $5, $6, $7, $8, $9, $10)
     on conflict (run_id, n) do update set epoch = excluded.epoch, state = 'started', error = null,
       disturbs_until = excluded.disturbs_until
     returning ${COLUMNS}`,
    [
      step.runId,
      step.n,
      step.name,
      step.kind,
      step.epoch,
      step.key,
      storableJson(step.baseline),
      now,
      step.disturbs?.checks ?? [],
      step.disturbs?.until ?? null,
    ],
  );
  if (!row) throw new Error(`Step ${step.n} of run ${step.runId} could not be journalled.`);
  return row;
}

export async function noteProgress(
  tx: Transaction,
  place: { readonly runId: string; readonly n: number; readonly epoch: number },
  progress: Json,
): Promise<void> {
  await tx.change(
    `update run_step set progress = $4 where run_id = $1 and n = $2 and epoch = $3 and state = 'started'`,
    [place.runId, place.n, place.epoch, storableJson(progress)],
  );
}

/** The effect in doubt did not happen, as a look or a person has said: a next attempt acts without looking. */
export async function clearStep(tx: Transaction, runId: string): Promise<void> {
  await tx.change(
    `update run_step set state = 'cleared', error = null where run_id = $1 and kind = 'act' and state in ('started', 'unknown')`,
    [runId],
  );
}

export async function endStep(
  tx: Transaction,
  now: Date,
  place: { readonly runId: string; readonly n: number },
  end:
    | { readonly state: "done"; readonly result: Json }
    | { readonly state: "failed" | "unknown"; readonly error: string },
): Promise<void> {
  await tx.change(
    `update run_step set state = $3, result = $4, error = $5, ended_at = $6 where run_id = $1 and n = $2`,
    [
      place.runId,
      place.n,
      end.state,
      end.state === "done" ? storableJson(end.result) : null,
      end.state === "done" ? null : storableText(end.error),
      now,
    ],
  );
}

/**
 * The checks that something under way has said to disturb, and until when. What has ended early disturbs for a minute
 * more, in which what it changed may settle; a deployment has many minutes, and most of them are not needed.
 */
export async function disturbedChecks(
  tx: Transaction,
  now: Date,
  target: string,
): Promise<ReadonlyMap<string, Date>> {
  const rows = await tx.rows(
    z.object({ check_name: z.string(), until: z.date() }),
    `select check_name, max(until) as until
     from run_step join run on run.id = run_step.run_id, unnest(disturbs) as check_name,
       lateral (select least(disturbs_until, run_step.ended_at + interval '1 minute') as until) as cut
     -- What began later than now began before the clock was set back, and nobody knows how long ago.
     where run.target = $1 and run_step.started_at <= $2 and disturbs_until > $2 and until > $2
     group by check_name`,
    [target, now],
  );
  return new Map(rows.map((row) => [row.check_name, row.until]));
}

/** How long each step of an operation took in its newest runs that went well: the middle one of five, by name. */
export async function usualDurations(
  tx: Transaction,
  target: string,
  operation: string,
): Promise<Readonly<Record<string, number>>> {
  const rows = await tx.rows(
    z.object({ name: z.string(), ms: z.number() }),
    `select name, percentile_disc(0.5) within group (order by ms)::float8 as ms
     from run_step join lateral (
       select extract(epoch from ended_at - started_at) * 1000 as ms
     ) as taken on true
     where state = 'done' and run_id in (
       select id from run
       where target = $1 and operation = $2 and state = 'ok' order by id desc limit 5
     )
     group by name`,
    [target, operation],
  );
  return Object.fromEntries(rows.map(({ name, ms }) => [name, Math.round(ms)]));
}
