import { z } from "zod";

import type { Checkpoint } from "../core/checkpoint.ts";
import type { Recorded } from "../core/log-text.ts";
import { parseRunName } from "../core/run-name.ts";
import type { Transaction } from "./database.ts";

/** Puts entries back as they were, behind the last one there is; the head's lock is held. */
export async function restoreEntries(
  tx: Transaction,
  log: string,
  entries: readonly Recorded[],
): Promise<void> {
  const last = entries.at(-1);
  if (!last) return;
  const column = (of: (recorded: Recorded) => string): readonly string[] => entries.map(of);
  await tx.change(
    `insert into evidence (log, seq, at, canonical, prev, hash, kind, run, once)
     select $1, * from unnest($2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
       $8::text[], $9::text[])`,
    [
      log,
      column(({ entry }) => entry.seq),
      column(({ entry }) => entry.at),
      column(({ canonical }) => canonical),
      column(({ entry }) => entry.prev),
      column(({ hash }) => hash),
      column(({ entry }) => entry.kind),
      column(({ entry }) => entry.run ?? entry.cause ?? ""),
      // Under what name it was recorded once stands in no file; its hash is as good as any.
      column(({ hash }) => `adopted:${hash}`),
    ],
  );
  await tx.change(`update evidence_head set size = $2, head = $3, last_at = $4 where log = $1`, [
    log,
    last.entry.seq,
    last.hash,
    last.entry.at,
  ]);
  await nameRunsBehind(tx, entries);
}

/** The rows of these runs are lost, and their names stay theirs: the log could not be read if they came again. */
async function nameRunsBehind(tx: Transaction, entries: readonly Recorded[]): Promise<void> {
  const named = entries.flatMap(({ entry }) => parseRunName(entry.run ?? "") ?? []);
  await tx.rows(
    z.unknown(),
    `select setval('run_id_seq', newest) from run_id_seq, (select max(id) as newest from unnest($1::bigint[]) as id) as named
     where newest > last_value`,
    [named],
  );
}

/** Puts a checkpoint back if it is not there. False: it is. */
export async function restoreCheckpoint(
  tx: Transaction,
  now: Date,
  log: string,
  { size, root }: Checkpoint,
  note: string,
): Promise<boolean> {
  const restored = await tx.change(
    `insert into evidence_checkpoint (log, size, root, note, at)
     select $1, $2, $3, $4, coalesce((select at from evidence where log = $1 and seq = $2), $5)
     on conflict do nothing`,
    [log, size, root, note, now],
  );
  return restored === 1;
}

/** Puts the mark back at which a file was closed. */
export async function restoreRotation(
  tx: Transaction,
  now: Date,
  log: string,
  afterSize: number,
): Promise<void> {
  await tx.change(
    `insert into evidence_rotation (log, after_size, at) values ($1, $2, $3) on conflict do nothing`,
    [log, afterSize, now],
  );
}
