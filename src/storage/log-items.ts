import { z } from "zod";

import type { Database, Transaction } from "./database.ts";
import { entryRow, type RecordedEntry } from "./evidence.ts";

/** Entries of one page; a transaction each, so that a long log holds no connection for long. */
const PAGE = 500n;

/**
 * What a log consists of, in the order of its file: behind entry N stands the checkpoint of the first N entries, if there
 * is one, and behind that the mark at which the file was closed and the next one begun.
 */
export type LogItem =
  | { readonly kind: "entry"; readonly seq: bigint; readonly recorded: RecordedEntry }
  | { readonly kind: "checkpoint"; readonly seq: bigint; readonly note: string }
  | { readonly kind: "rotation"; readonly seq: bigint };

/** Right behind an item. */
export type LogPosition = Pick<LogItem, "kind" | "seq">;

export const LOG_START: LogPosition = { kind: "rotation", seq: 0n };

/** The order of what stands at one number. */
const RANK = { entry: 0, checkpoint: 1, rotation: 2 } as const;

const itemRow = z
  .object({
    seq: z.string(),
    rank: z.number(),
    canonical: z.string().nullable(),
    hash: z.string().nullable(),
    note: z.string().nullable(),
  })
  .transform(({ seq: text, rank, canonical, hash, note }): LogItem => {
    const seq = BigInt(text);
    if (rank === RANK.entry) {
      return { kind: "entry", seq, recorded: entryRow.parse({ canonical, hash }) };
    }
    return note === null ? { kind: "rotation", seq } : { kind: "checkpoint", seq, note };
  });

/**
 * Everything behind a position, up to where the log ends when it is reached. Checkpoints and marks are made under the
 * head's lock for the whole log of that moment, so whoever can see an entry can see all that stands in front of it: the
 * order never changes afterwards.
 */
export async function* logItems(
  database: Pick<Database, "transaction">,
  log: string,
  after: LogPosition,
): AsyncGenerator<LogItem, void, undefined> {
  let position = after;
  for (;;) {
    const upTo: bigint = position.seq + PAGE;
    const from = position;
    const page = await database.transaction(async (tx) => itemsBetween(tx, log, from, upTo));
    yield* page;
    position = page.at(-1) ?? position;
    if (position.seq < upTo) return;
  }
}

async function itemsBetween(
  tx: Transaction,
  log: string,
  { seq, kind }: LogPosition,
  upTo: bigint,
): Promise<readonly LogItem[]> {
  // One statement sees one state of all three tables.
  return tx.rows(
    itemRow,
    `select seq, ${RANK.entry} as rank, canonical, hash, null as note from evidence
     where log = $1 and seq > $2 and seq <= $4
     union all
     select size, ${RANK.checkpoint}, null, null, note from evidence_checkpoint
     where log = $1 and (size, ${RANK.checkpoint}) > ($2, $3::int) and size <= $4
     union all
     select after_size, ${RANK.rotation}, null, null, null from evidence_rotation
     where log = $1 and (after_size, ${RANK.rotation}) > ($2, $3::int) and after_size <= $4
     order by 1, 2`,
    [log, String(seq), RANK[kind], String(upTo)],
  );
}
