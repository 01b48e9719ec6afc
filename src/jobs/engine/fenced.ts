import { Interruption } from "../../core/interruption.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { holdsLease, lockTarget, type Run } from "../../storage/run.ts";

type Holder = { readonly database: Database; readonly run: Run };

/** A transaction that counts only while this process still holds the run. */
export async function fenced<Result>(
  { database, run }: Holder,
  work: (tx: Transaction, now: Date) => Promise<Result>,
): Promise<Result> {
  return database.transaction(async (tx, now) => {
    await demandLease(tx, run);
    return work(tx, now);
  });
}

/** The same, and nobody else decides meanwhile who may change the target. */
export async function fencedOnTarget<Result>(
  { database, run }: Holder,
  work: (tx: Transaction, now: Date) => Promise<Result>,
): Promise<Result> {
  return database.transaction(async (tx, now) => {
    await lockTarget(tx, run.target);
    await demandLease(tx, run);
    return work(tx, now);
  });
}

async function demandLease(tx: Transaction, { id: runId, epoch }: Run): Promise<void> {
  if (await holdsLease(tx, { runId, epoch })) return;
  throw new Interruption("fenced", "another process took over");
}
