import { AsyncLocalStorage } from "node:async_hooks";

import { Pool, type ClientBase, type QueryResult } from "pg";
import type { z } from "zod";

import type { Secret } from "../core/secret.ts";
import { postgresError, postgresOptions } from "../systems/postgres.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 15_000;
const POOL_SIZE = 8;

/** The two ways to speak SQL inside a transaction: rows parsed by a schema, or the number of rows that changed. */
export type Transaction = {
  rows<Schema extends z.ZodType>(
    schema: Schema,
    sql: string,
    values?: readonly unknown[],
  ): Promise<z.output<Schema>[]>;
  change(sql: string, values?: readonly unknown[]): Promise<number>;
};

export type Database = AsyncDisposable & {
  /** Runs `work` in one transaction. `now` is the database's clock at its start, so that replicas agree on time. */
  transaction<Result>(work: (tx: Transaction, now: Date) => Promise<Result>): Promise<Result>;
};

export type Clock = (tx: Transaction) => Promise<Date>;

export type DatabaseOptions = {
  readonly url: Secret;
  readonly onIdleError: (error: Error) => void;
  readonly clock: Clock;
};

export function openDatabase(options: DatabaseOptions): Database {
  const pool = new Pool({
    ...postgresOptions(options.url),
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: 2 * STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 1_000,
    keepAlive: true,
  });
  // Without a listener the death of the server would end the process, once for each idle connection.
  pool.on("error", options.onIdleError);
  const inside = new AsyncLocalStorage<true>();

  return {
    async transaction(work) {
      // A transaction inside a transaction would wait for a connection that its own caller holds.
      if (inside.getStore()) throw new Error("Transactions do not nest; pass the outer one on.");
      const client = await pool.connect().catch((error: unknown) => {
        throw postgresError("storage", "connect to Flightdeck's database", error);
      });
      const tx = transactionOn(client);
      let broken: Error | undefined;
      try {
        await client.query("begin");
        const result = await inside.run(true, async () => work(tx, await options.clock(tx)));
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback").catch((failure: Error) => (broken = failure));
        throw error;
      } finally {
        client.release(broken);
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
    },
  };
}

function transactionOn(client: ClientBase): Transaction {
  const query = async (sql: string, values: readonly unknown[]): Promise<QueryResult> =>
    client.query(sql, [...values]).catch((error: unknown) => {
      throw postgresError("storage", sql.trim().split(/\s+/).slice(0, 3).join(" "), error);
    });
  return {
    async rows(schema, sql, values = []) {
      const { rows } = await query(sql, values);
      return rows.map((row) => schema.parse(row));
    },
    async change(sql, values = []) {
      const { rowCount } = await query(sql, values);
      return rowCount ?? 0;
    },
  };
}
