import { AsyncLocalStorage } from "node:async_hooks";

import { Pool, type ClientBase, type QueryResult } from "pg";
import { z } from "zod";

import type { Secret } from "../core/secret.ts";
import { postgresError, postgresOptions } from "../systems/postgres.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 15_000;
/** A process that is paused in the middle of a transaction must not keep its row locks from the one that takes over. */
const IDLE_TIMEOUT_MS = 5_000;
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

/** What time it is, given what the database says; a test may know better. */
export type Clock = (databaseNow: Date) => Date;

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
    idle_in_transaction_session_timeout: IDLE_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 1_000,
    keepAlive: true,
  });
  // Without a listener the death of the server would end the process, once for each idle connection.
  pool.on("error", options.onIdleError);
  // The pool listens to its idle clients only. One that dies between two statements of a transaction tells the next
  // statement; without a listener of its own it would end the process.
  pool.on("connect", (client) => client.on("error", () => {}));
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
        const now = options.clock(await begin(client).catch(lost("begin")));
        const result = await inside.run(true, async () => work(tx, now));
        await client.query("commit").catch(lost("commit"));
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

/** Whether a commit whose answer was lost has happened nobody knows; whoever asked looks again and finds out. */
function lost(attempt: string): (error: unknown) => never {
  return (error) => {
    throw postgresError("storage", attempt, error);
  };
}

/** Begins and asks for the time in one round trip; the clock of the database is the one on which all processes agree. */
async function begin(client: ClientBase): Promise<Date> {
  const answers: unknown = await client.query("begin; select clock_timestamp() as now");
  const [, { rows }] = beginAnswers.parse(answers);
  return rows[0].now;
}

const beginAnswers = z.tuple([
  z.unknown(),
  z.object({ rows: z.tuple([z.object({ now: z.date() })]) }),
]);

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
