import { z } from "zod";

import type { Transaction } from "./database.ts";
import { lockHead } from "./evidence.ts";

/** Where a file of the log ends: behind the checkpoint of this many entries, the last of which has this hash. */
export type Rotation = { readonly seq: bigint; readonly hash: string };

const rotationRow = z
  .object({ seq: z.string(), hash: z.string() })
  .transform(({ seq, hash }): Rotation => ({ seq: BigInt(seq), hash }));

/** Every place at which a file was closed, in order. */
export async function rotations(tx: Transaction, log: string): Promise<readonly Rotation[]> {
  return tx.rows(
    rotationRow,
    `select e.seq, e.hash from evidence_rotation r
     join evidence e on e.log = r.log and e.seq = r.after_size where r.log = $1 order by e.seq`,
    [log],
  );
}

/**
 * Marks the end of the log, as it is now, as the end of its file. False: no checkpoint stands there, so whoever reads the
 * file alone could not tell that nothing was cut from its end.
 */
export async function rotate(tx: Transaction, now: Date, log: string): Promise<boolean> {
  const head = await lockHead(tx, log);
  const marked = await tx.change(
    `insert into evidence_rotation (log, after_size, at)
     select log, size, $3 from evidence_checkpoint where log = $1 and size = $2
     on conflict do nothing`,
    [log, String(head.size), now],
  );
  return marked === 1;
}
