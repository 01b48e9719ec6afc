import { z } from "zod";

import type { Measurement, Status } from "../core/status.ts";
import type { Transaction } from "./database.ts";
import { storableJson, storableText } from "./storable.ts";

const STATUSES = ["pass", "fail", "unknown", "not-configured"] as const satisfies readonly Status[];

/** What a check read at one moment. */
export type Sample = {
  readonly check: string;
  readonly status: Status;
  readonly durationMs: number;
  readonly reason?: string | undefined;
  readonly measurements: readonly Measurement[];
};

export async function keepSamples(
  tx: Transaction,
  now: Date,
  target: string,
  samples: readonly Sample[],
): Promise<void> {
  // What was seen later than now was seen before the clock was set back, and is not the newest any more.
  await tx.change(
    `update sample set at = $2::timestamptz - interval '1 millisecond'
     where target = $1 and check_name = any($3) and at > $2`,
    [target, now, samples.map(({ check }) => check)],
  );
  await tx.change(
    `insert into sample (target, check_name, at, status, duration_ms, reason, measurements)
     select $1, look.check_name, $2, look.status, look.duration_ms, look.reason, look.measurements
     from jsonb_to_recordset($3::jsonb) as
       look(check_name text, status text, duration_ms integer, reason text, measurements jsonb)`,
    [
      target,
      now,
      storableJson(
        samples.map((sample) => ({
          check_name: sample.check,
          status: sample.status,
          duration_ms: Math.round(sample.durationMs),
          reason: sample.reason === undefined ? null : storableText(sample.reason),
          measurements: [...sample.measurements],
        })),
      ),
    ],
  );
}

export type EarlierSample = { readonly at: Date; readonly measurements: readonly Measurement[] };

const MAXIMUM_EARLIER = 1_000;

const earlierSchema = z.object({
  at: z.date(),
  measurements: z.array(z.object({ name: z.string(), value: z.number() })),
});

/**
 * What a check measured within the last `lastMs`, oldest first; when it measured nothing in that time, the newest that it
 * did before. Looks that measured nothing tell nothing and are left out.
 */
export async function earlierSamples(
  tx: Transaction,
  now: Date,
  asked: { readonly target: string; readonly check: string; readonly lastMs: number },
): Promise<readonly EarlierSample[]> {
  const newestFirst = await tx.rows(
    earlierSchema,
    `select at, measurements from sample
     where target = $1 and check_name = $2 and measurements <> '[]'
       and at >= least($3::timestamptz, (
         select at from sample where target = $1 and check_name = $2 and measurements <> '[]'
         order by at desc limit 1))
     order by at desc limit $4`,
    [asked.target, asked.check, new Date(now.getTime() - asked.lastMs), MAXIMUM_EARLIER],
  );
  return newestFirst.toReversed();
}

/** What the newest looks at each check came to, the newest first. */
export async function newestStatuses(
  tx: Transaction,
  target: string,
  checks: readonly string[],
  looks: number,
): Promise<ReadonlyMap<string, readonly Status[]>> {
  const rows = await tx.rows(
    z.object({ check_name: z.string(), newest: z.array(z.enum(STATUSES)) }),
    `select asked.name as check_name, array(
       select status from sample
       where target = $1 and check_name = asked.name order by at desc limit $3
     ) as newest from unnest($2::text[]) as asked(name)`,
    [target, checks, looks],
  );
  return new Map(rows.map(({ check_name: check, newest }) => [check, newest]));
}

const readingRow = z
  .object({
    check_name: z.string(),
    status: z.enum(STATUSES),
    at: z.date(),
    duration_ms: z.number(),
    reason: z.string().nullable(),
    measurements: z.array(z.object({ name: z.string(), value: z.number() })),
  })
  .transform((row) => ({
    check: row.check_name,
    status: row.status,
    at: row.at,
    durationMs: row.duration_ms,
    reason: row.reason ?? undefined,
    measurements: row.measurements,
  }));

/** The newest sample of each of these checks that has one. */
export async function newestSamples(
  tx: Transaction,
  target: string,
  checks: readonly string[],
): Promise<readonly z.output<typeof readingRow>[]> {
  return tx.rows(
    readingRow,
    // One short walk of the index for each check, however many samples there are.
    `select newest.* from unnest($2::text[]) as asked(name) cross join lateral (
       select check_name, status, at, duration_ms, reason, measurements from sample
       where target = $1 and check_name = asked.name order by at desc limit 1
     ) newest`,
    [target, checks],
  );
}

const peakRow = z
  .object({ check_name: z.string(), at: z.date(), name: z.string(), value: z.number() })
  .transform(({ check_name: check, at, name, value }) => ({ check, at, name, value }));

/** A stretch of time, and how finely it is looked at. */
export type Window = { readonly from: Date; readonly to: Date; readonly binMs: number };

/** The highest value of every measurement in every bin of the window that has one, oldest first. */
export async function peaks(
  tx: Transaction,
  target: string,
  checks: readonly string[],
  { from, to, binMs }: Window,
): Promise<readonly z.output<typeof peakRow>[]> {
  return tx.rows(
    peakRow,
    `select check_name, date_bin($5 * interval '1 millisecond', at, $3) as at, measured.name, max(measured.value) as value
     from sample, jsonb_to_recordset(measurements) as measured(name text, value float8)
     where target = $1 and check_name = any($2) and at >= $3 and at <= $4
     group by 1, 2, 3 order by 2, 1, 3`,
    [target, checks, from, to, binMs],
  );
}

const troubleRow = z
  .object({ check_name: z.string(), at: z.date(), status: z.enum(["fail", "unknown"]) })
  .transform(({ check_name: check, at, status }) => ({ check, at, status }));

/** The bins of the window in which a check failed, or could not look, oldest first. */
export async function troubles(
  tx: Transaction,
  target: string,
  checks: readonly string[],
  { from, to, binMs }: Window,
): Promise<readonly z.output<typeof troubleRow>[]> {
  return tx.rows(
    troubleRow,
    `select distinct check_name, date_bin($5 * interval '1 millisecond', at, $3) as at, status from sample
     where target = $1 and check_name = any($2) and at >= $3 and at <= $4 and status in ('fail', 'unknown')
     order by 2, 1, 3`,
    [target, checks, from, to, binMs],
  );
}

const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/** Forgets what is older than anybody looks back. */
export async function forgetSamples(tx: Transaction, now: Date): Promise<void> {
  await tx.change(`delete from sample where at < $1`, [new Date(now.getTime() - KEPT_MS)]);
}
