import { z } from "zod";

import { DRILL_VERDICTS } from "../core/drill-check.ts";
import type { Transaction } from "./database.ts";

const drillRow = z
  .object({
    run_id: z.string(),
    backup: z.string(),
    verdict: z.enum(DRILL_VERDICTS),
    snapshot_at: z.date(),
    ended_at: z.date(),
    recovery_ms: z.coerce.number().nullable(),
    loss_ms: z.coerce.number(),
  })
  .transform((row) => ({
    runId: row.run_id,
    backup: row.backup,
    verdict: row.verdict,
    snapshotAt: row.snapshot_at,
    endedAt: row.ended_at,
    recoveryMs: row.recovery_ms ?? undefined,
    lossMs: row.loss_ms,
  }));

/** What one drill came to. */
export type Drill = z.output<typeof drillRow>;

const COLUMNS = "run_id, backup, verdict, snapshot_at, ended_at, recovery_ms, loss_ms";

/** Keeps what a run came to; a run that is gone on with says the same once more. */
export async function keepDrill(
  tx: Transaction,
  now: Date,
  target: string,
  drill: Omit<Drill, "endedAt">,
): Promise<void> {
  await tx.change(
    `insert into drill (target, ended_at, run_id, backup, verdict, snapshot_at, recovery_ms, loss_ms)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (run_id) do nothing`,
    [
      target,
      now,
      drill.runId,
      drill.backup,
      drill.verdict,
      drill.snapshotAt,
      drill.recoveryMs ?? null,
      drill.lossMs,
    ],
  );
}

/** The newest drill of all, and the newest one that proved a backup; they are the same on a good day. */
export async function newestDrills(
  tx: Transaction,
  target: string,
): Promise<{ readonly last: Drill | undefined; readonly verified: Drill | undefined }> {
  const [last] = await tx.rows(
    drillRow,
    `select ${COLUMNS} from drill where target = $1 order by ended_at desc limit 1`,
    [target],
  );
  const [verified] = await tx.rows(
    drillRow,
    `select ${COLUMNS} from drill where target = $1 and verdict = 'VERIFIED'
     order by ended_at desc limit 1`,
    [target],
  );
  return { last, verified };
}

/**
 * The names of backups that are known to restore. The newest word counts: what was proved once and failed later is not
 * proved any more.
 */
export async function verifiedBackups(tx: Transaction, target: string): Promise<readonly string[]> {
  const rows = await tx.rows(
    z.object({ backup: z.string() }),
    `select backup from (
       select distinct on (backup) backup, verdict from drill
       where target = $1 and verdict <> 'COULD NOT VERIFY' order by backup, ended_at desc
     ) as newest where verdict = 'VERIFIED' order by backup`,
    [target],
  );
  return rows.map(({ backup }) => backup);
}
