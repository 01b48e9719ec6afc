import type { Transaction } from "./database.ts";

/** Proves that the database takes a write, which a query cannot: a full disk answers questions for a long time. */
export async function noteHeartbeat(tx: Transaction, now: Date, instance: string): Promise<void> {
  await tx.change(
    `insert into heartbeat (at, instance) values ($1, $2)
     on conflict (only_one) do update set at = excluded.at, instance = excluded.instance`,
    [now, instance],
  );
}
