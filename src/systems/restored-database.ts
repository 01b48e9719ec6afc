import { Client, escapeIdentifier } from "pg";
import { z } from "zod";

import { rowText } from "../core/manifest.ts";
import type { Secret } from "../core/secret.ts";
import { postgresError, postgresOptions } from "./postgres.ts";

/** A session in which whatever is read of a restored database is read, and nothing is changed. */
export type RestoredDatabase = AsyncDisposable & {
  rows<Schema extends z.ZodType>(
    schema: Schema,
    sql: string,
    values?: readonly unknown[],
  ): Promise<z.output<Schema>[]>;
};

/** Makes those of the extensions that only a superuser may make, so that the restore itself needs no such rights. */
export async function createUntrustedExtensions(
  url: Secret,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const client = new Client({
    ...postgresOptions(url),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: EXTENSION_TIMEOUT_MS,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      `select e.name from pg_available_extensions e
       join pg_available_extension_versions v on v.name = e.name and v.version = e.default_version
       where e.name = any($1) and v.superuser and not v.trusted order by 1`,
      [names],
    );
    for (const { name } of rows) {
      await client.query(`create extension if not exists ${escapeIdentifier(name)} cascade`);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw postgresError("postgres", `create the extensions ${names.join(", ")}`, error, url);
  } finally {
    client.connection.stream.destroy();
  }
}

const EXTENSION_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 15_000;

export type RestoredPlace = {
  readonly url: Secret;
  /** How long one statement may take. */
  readonly statementTimeoutMs: number;
};

/** A session whose rows are written as text by the settings of every manifest, so that both sides hash the same. */
export async function openRestored(
  place: RestoredPlace,
  signal: AbortSignal,
): Promise<RestoredDatabase> {
  // A policy must not hide rows; an error is the better answer.
  return openSession(place, { ...rowText, row_security: "off" }, signal);
}

/** A session as the application has it, which names its tables without their schema. */
export async function openAsApplication(
  place: RestoredPlace,
  signal: AbortSignal,
): Promise<RestoredDatabase> {
  return openSession(place, {}, signal);
}

async function openSession(
  { url, statementTimeoutMs }: RestoredPlace,
  settings: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<RestoredDatabase> {
  signal.throwIfAborted();
  const client = new Client({
    ...postgresOptions(url),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // The server's own limit cannot be relied on when it is the server that hangs.
    query_timeout: statementTimeoutMs + 5_000,
  });
  client.on("error", () => {});
  const hangUp = (): void => void client.connection.stream.destroy();
  signal.addEventListener("abort", hangUp, { once: true });
  const close = async (): Promise<void> => {
    signal.removeEventListener("abort", hangUp);
    hangUp();
  };
  const ask = async (sql: string, values: readonly unknown[] = []): Promise<unknown[]> => {
    try {
      const { rows } = await client.query<Record<string, unknown>>(sql, [...values]);
      return rows;
    } catch (error) {
      signal.throwIfAborted();
      throw postgresError("postgres", "read the restored database", error, url);
    }
  };
  try {
    await client.connect().catch((error: unknown) => {
      signal.throwIfAborted();
      throw postgresError("postgres", "connect to the restored database", error, url);
    });
    const all = {
      ...settings,
      statement_timeout: String(statementTimeoutMs),
      default_transaction_read_only: "on",
    };
    for (const [name, value] of Object.entries(all)) {
      await ask("select set_config($1, $2, false)", [name, value]);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    rows: async (schema, sql, values) => z.array(schema).parse(await ask(sql, values)),
    [Symbol.asyncDispose]: close,
  };
}
