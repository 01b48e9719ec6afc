import { z } from "zod";

import type { Transaction } from "./database.ts";
import { EVIDENCE_CHANNEL } from "./evidence.ts";

const checkpointRow = z
  .object({
    size: z.string(),
    root: z.string(),
    note: z.string(),
    at: z.date(),
    posted_at: z.date().nullable(),
    witnessed_at: z.date().nullable(),
  })
  .transform((row) => ({
    size: Number(row.size),
    root: row.root,
    note: row.note,
    at: row.at,
    postedAt: row.posted_at ?? undefined,
    witnessedAt: row.witnessed_at ?? undefined,
  }));

const COLUMNS = "size, root, note, at, posted_at, witnessed_at";

export type KeptCheckpoint = z.output<typeof checkpointRow>;

/** When the first entry was recorded that no checkpoint vouches for. */
export async function oldestUnchecked(tx: Transaction, log: string): Promise<Date | undefined> {
  const [row] = await tx.rows(
    z.object({ at: z.date() }),
    `select at from evidence where log = $1 and seq =
       1 + coalesce((select max(size) from evidence_checkpoint where log = $1), 0)`,
    [log],
  );
  return row?.at;
}

/** The hashes of the entries behind `after`, in their order, at most `limit` of them. */
export async function leafHashes(
  tx: Transaction,
  log: string,
  after: number,
  limit: number,
): Promise<readonly string[]> {
  const rows = await tx.rows(
    z.object({ hash: z.string() }),
    `select hash from evidence where log = $1 and seq > $2 order by seq limit $3`,
    [log, after, limit],
  );
  return rows.map(({ hash }) => hash);
}

export async function newestCheckpoint(
  tx: Transaction,
  log: string,
): Promise<KeptCheckpoint | undefined> {
  const [row] = await tx.rows(
    checkpointRow,
    `select ${COLUMNS} from evidence_checkpoint where log = $1 order by size desc limit 1`,
    [log],
  );
  return row;
}

export async function checkpointOfSize(
  tx: Transaction,
  log: string,
  size: number,
): Promise<KeptCheckpoint | undefined> {
  const [row] = await tx.rows(
    checkpointRow,
    `select ${COLUMNS} from evidence_checkpoint where log = $1 and size = $2`,
    [log, size],
  );
  return row;
}

/** The checkpoints of more than `after` and at most `upTo` entries, the smallest first. */
export async function checkpointsBetween(
  tx: Transaction,
  log: string,
  after: number,
  upTo: number,
): Promise<readonly KeptCheckpoint[]> {
  return tx.rows(
    checkpointRow,
    `select ${COLUMNS} from evidence_checkpoint where log = $1 and size > $2 and size <= $3 order by size`,
    [log, after, upTo],
  );
}

/** Keeps a checkpoint of the whole log; only who holds the head's lock knows that it is the whole. */
export async function keepCheckpoint(
  tx: Transaction,
  now: Date,
  log: string,
  checkpoint: { readonly size: number; readonly root: string; readonly note: string },
): Promise<void> {
  await tx.change(
    `insert into evidence_checkpoint (log, size, root, note, at) values ($1, $2, $3, $4, $5)`,
    [log, checkpoint.size, checkpoint.root, checkpoint.note, now],
  );
  await tx.change(`select pg_notify('${EVIDENCE_CHANNEL}', $1)`, [log]);
}

export async function markPosted(
  tx: Transaction,
  log: string,
  size: number,
  at: Date,
): Promise<void> {
  await tx.change(`update evidence_checkpoint set posted_at = $3 where log = $1 and size = $2`, [
    log,
    size,
    at,
  ]);
}

/** What the witness has not seen yet, the oldest first. */
export async function unwitnessed(
  tx: Transaction,
  log: string,
  limit: number,
): Promise<readonly KeptCheckpoint[]> {
  return tx.rows(
    checkpointRow,
    `select ${COLUMNS} from evidence_checkpoint
     where log = $1 and witnessed_at is null order by size limit $2`,
    [log, limit],
  );
}

export async function markWitnessed(
  tx: Transaction,
  log: string,
  sizes: readonly number[],
  at: Date,
): Promise<void> {
  await tx.change(
    `update evidence_checkpoint set witnessed_at = $3 where log = $1 and size = any($2::bigint[])`,
    [log, sizes, at],
  );
}
