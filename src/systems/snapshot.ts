import { Socket } from "node:net";

import { Client } from "pg";
import { z } from "zod";

import type { Secret } from "../core/secret.ts";
import { postgresError, postgresOptions } from "./postgres.ts";
import type { AskSource } from "./source-facts.ts";

/** One moment of a database, held open so that several can read the same. */
export type Snapshot = AsyncDisposable & {
  /** For `pg_dump --snapshot`. */
  readonly id: string;
  readonly takenAt: Date;
  readonly serverVersionNumber: number;
  readonly ask: AskSource;
};

const CONNECT_TIMEOUT_MS = 15_000;
const snapshotRow = z.object({ id: z.string(), at: z.date(), version: z.int() });

/** Opens a transaction that reads only and sees nothing later; aborting the signal hangs up. */
export async function openSnapshot(url: Secret, signal: AbortSignal): Promise<Snapshot> {
  signal.throwIfAborted();
  await using opening = new AsyncDisposableStack();
  const socket = new Socket();
  const client = new Client({
    ...postgresOptions(url),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    stream: () => socket,
  });
  // What befalls the connection rejects the query too; an error event that nobody hears would be fatal.
  client.on("error", () => {});
  const hangUp = (): void => void socket.destroy();
  const attempt = `read PostgreSQL at ${client.host}:${client.port}`;
  const ask: AskSource = async (sql, values = []) => {
    try {
      const { rows } = await client.query<Record<string, unknown>>(sql, [...values]);
      return rows;
    } catch (error) {
      signal.throwIfAborted();
      throw postgresError("postgres", attempt, error, url);
    }
  };
  signal.addEventListener("abort", hangUp, { once: true });
  opening.defer(async () => {
    signal.removeEventListener("abort", hangUp);
    // A server that is gone or frozen reads no farewell.
    socket.destroy();
  });
  await client.connect().catch((error: unknown) => {
    signal.throwIfAborted();
    throw postgresError("postgres", attempt, error, url);
  });
  await ask("begin isolation level repeatable read read only");
  // It stands still while the dump is made, which may take hours; the step's deadline is the bound.
  await ask("set local idle_in_transaction_session_timeout = 0");
  await ask("set local statement_timeout = 0");
  const [{ id, at, version }] = z
    .tuple([snapshotRow])
    .parse(
      await ask(
        `select pg_export_snapshot() as id, now() as at, current_setting('server_version_num')::int as version`,
      ),
    );
  const opened = opening.move();
  return {
    id,
    takenAt: at,
    serverVersionNumber: version,
    ask,
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}
