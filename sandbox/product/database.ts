import { Client, DatabaseError } from "pg";
import type { QueryResultRow } from "pg";

export type Query = <Row extends QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<readonly Row[]>;

export type Database = Disposable & {
  readonly query: Query;
  transaction<Result>(work: (query: Query) => Promise<Result>): Promise<Result>;
};

const limit = 15;

/**
 * A pool with the manners of the product's own: it does not notice that a pooled connection died until it is used, fails
 * that one request and only then throws the pooled ones away. Nothing in it has a deadline, so a frozen server holds its
 * requests for ever; only the wait for a free place is bounded.
 */
export function createDatabase(url: string, poolWaitMs: number): Database {
  const idle: Client[] = [];
  const open = new Set<Client>();
  const waiting: PromiseWithResolvers<void>[] = [];
  let places = limit;
  let closed = false;

  const discard = (client: Client): void => {
    open.delete(client);
    client.connection.stream.destroy();
  };

  const connect = async (): Promise<Client> => {
    if (closed) throw new Error("the pool is closed");
    const client = new Client({ connectionString: url });
    client.on("error", () => {
      // Staying silent is the trap: the pool learns of a dead connection only by using it.
    });
    open.add(client);
    try {
      await client.connect();
      return client;
    } catch (error) {
      discard(client);
      throw error;
    }
  };

  const withClient = async <Result>(work: (client: Client) => Promise<Result>): Promise<Result> => {
    await takePlace();
    try {
      const client = idle.shift() ?? (await connect());
      try {
        const result = await work(client);
        idle.push(client);
        return result;
      } catch (error) {
        if (isRefusedStatement(error)) idle.push(client);
        else [client, ...idle.splice(0)].forEach(discard);
        throw error;
      }
    } finally {
      const next = waiting.shift();
      if (next === undefined) places += 1;
      else next.resolve();
    }
  };

  const takePlace = async (): Promise<void> => {
    if (places > 0) {
      places -= 1;
      return;
    }
    const turn = Promise.withResolvers<void>();
    waiting.push(turn);
    const timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(turn), 1);
      turn.reject(new Error(`no database connection became free within ${poolWaitMs} ms`));
    }, poolWaitMs);
    await turn.promise.finally(() => clearTimeout(timer));
  };

  return {
    query: (text, values) => withClient((client) => queryOf(client)(text, values)),
    transaction: (work) =>
      withClient(async (client) => {
        await client.query("begin");
        try {
          const result = await work(queryOf(client));
          await client.query("commit");
          return result;
        } catch (error) {
          if (isRefusedStatement(error)) await client.query("rollback");
          throw error;
        }
      }),
    [Symbol.dispose]: () => {
      closed = true;
      idle.length = 0;
      open.forEach(discard);
    },
  };
}

function queryOf(client: Client): Query {
  return async <Row extends QueryResultRow>(text: string, values: readonly unknown[] = []) =>
    (await client.query<Row>(text, [...values])).rows;
}

/** The server refused one statement and the connection lives on; class 57P is the server going away. */
function isRefusedStatement(error: unknown): boolean {
  return error instanceof DatabaseError && !error.code?.startsWith("57P");
}
