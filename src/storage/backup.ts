import { z } from "zod";

import type { Transaction } from "./database.ts";
import { storableText } from "./storable.ts";

const backupRow = z
  .object({
    id: z.string(),
    snapshot_at: z.date(),
    bytes: z.coerce.number(),
    sha256: z.string(),
    run: z.string(),
    tables: z.number(),
    rows: z.coerce.number(),
    took_ms: z.coerce.number().nullable(),
    read_back_at: z.date().nullable(),
    read_problem: z.string().nullable(),
    stock_problem: z.string().nullable(),
  })
  .transform(({ snapshot_at, took_ms, read_back_at, read_problem, stock_problem, ...row }) => ({
    ...row,
    snapshotAt: snapshot_at,
    tookMs: took_ms ?? undefined,
    readBackAt: read_back_at ?? undefined,
    /** What is wrong with it; such a backup does not count as one to have. */
    problem: stock_problem ?? read_problem ?? undefined,
  }));

/** A backup in the bucket, as it was last seen. */
export type KnownBackup = z.output<typeof backupRow>;

const COLUMNS =
  "id, snapshot_at, bytes, sha256, run, tables, rows, took_ms, read_back_at, read_problem, stock_problem";

export type NewBackup = Omit<KnownBackup, "problem">;

/** Takes in a backup that has its manifest in the bucket; one that is known keeps what only we know of it. */
export async function knowBackup(
  tx: Transaction,
  target: string,
  backup: NewBackup,
): Promise<void> {
  await tx.change(
    `insert into backup (target, id, snapshot_at, bytes, sha256, run, tables, rows, took_ms, read_back_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (target, id) do update set deleted_at = null,
       took_ms = coalesce(excluded.took_ms, backup.took_ms),
       read_back_at = coalesce(excluded.read_back_at, backup.read_back_at)`,
    [
      target,
      backup.id,
      backup.snapshotAt,
      backup.bytes,
      backup.sha256,
      backup.run,
      backup.tables,
      backup.rows,
      backup.tookMs ?? null,
      backup.readBackAt ?? null,
    ],
  );
}

/** All that were not deleted, newest first. */
export async function knownBackups(
  tx: Transaction,
  target: string,
): Promise<readonly KnownBackup[]> {
  return tx.rows(
    backupRow,
    `select ${COLUMNS} from backup where target = $1 and deleted_at is null
     order by snapshot_at desc, id desc`,
    [target],
  );
}

/** What looking at the bucket found wrong with a backup, or that nothing is. */
export async function backupStocked(
  tx: Transaction,
  target: string,
  id: string,
  problem: string | undefined,
): Promise<void> {
  await tx.change(
    `update backup set stock_problem = $3
     where target = $1 and id = $2 and stock_problem is distinct from $3`,
    [target, id, problem === undefined ? null : storableText(problem)],
  );
}

/** What reading every byte of a backup found wrong, or that nothing is. */
export async function backupReadBack(
  tx: Transaction,
  now: Date,
  target: string,
  { id, problem }: { readonly id: string; readonly problem: string | undefined },
): Promise<void> {
  await tx.change(
    `update backup set read_problem = $4, read_back_at = case when $4::text is null then $3 else read_back_at end
     where target = $1 and id = $2`,
    [target, id, now, problem === undefined ? null : storableText(problem)],
  );
}

export async function backupDeleted(
  tx: Transaction,
  now: Date,
  target: string,
  id: string,
): Promise<void> {
  await tx.change(
    `update backup set deleted_at = $3 where target = $1 and id = $2 and deleted_at is null`,
    [target, id, now],
  );
}
