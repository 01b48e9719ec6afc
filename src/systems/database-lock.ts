import { Client } from "pg";

import { createScrubber } from "../core/redaction.ts";
import type { Secret } from "../core/secret.ts";
import { untilAborted } from "../core/waiting.ts";
import { postgresError, postgresOptions } from "./postgres.ts";
import { safeCause, SystemError } from "./system-error.ts";

/** Held until it is disposed of, or until its connection ends, whatever ends it. */
type DatabaseLock = AsyncDisposable;

/**
 * Keeps two of us from changing one database at once, even when they know nothing of each other: whoever has the lock of
 * this name holds it by an open connection to that very database. It needs no right but to connect.
 */
export type DatabaseLocks = {
  /** Undefined: somebody else has it. */
  take(
    lock: { readonly url: Secret; readonly name: string },
    signal: AbortSignal,
  ): Promise<DatabaseLock | undefined>;
};

const CONNECT_TIMEOUT_MS = 15_000;

export function createDatabaseLocks(): DatabaseLocks {
  return { take };
}

const take: DatabaseLocks["take"] = async ({ url, name }, signal) => {
  signal.throwIfAborted();
  const client = clientOf(url);
  // A connection that is lost loses the lock, and tells nobody; what it guards has to bear that.
  client.on("error", () => {});
  const close = async (): Promise<void> => client.end().catch(() => {});
  try {
    const asked = async (): Promise<boolean> => {
      await client.connect();
      const sql = "select pg_try_advisory_lock(hashtextextended($1, 0)) as held";
      const { rows } = await client.query<{ held: boolean }>(sql, [name]);
      return rows[0]?.held === true;
    };
    if (await untilAborted(asked(), signal)) return { [Symbol.asyncDispose]: close };
  } catch (error) {
    void close();
    if (signal.aborted) throw signal.reason;
    throw postgresError("postgres", `take the lock "${name}"`, error, url);
  }
  await close();
  return undefined;
};

function clientOf(url: Secret): Client {
  try {
    return new Client({ ...postgresOptions(url), connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof SystemError) throw error;
    const cause = safeCause(error, createScrubber([url]));
    const message = `the database URL cannot be used: ${cause.message}`;
    throw new SystemError("postgres", "rejected", message, { cause });
  }
}
