import { readdirSync } from "node:fs";
import { join } from "node:path";

import { Client } from "pg";

import type { Secret } from "../core/secret.ts";
import { postgresError, postgresOptions } from "../systems/postgres.ts";

const FOLDER = join(import.meta.dirname, "migrations");
const TABLE = "migration";
/** Longer than any migration of ours takes. */
const LOCK_TIMEOUT_MS = 60_000;

/** The schema of this database is newer than this program; going on could damage what it does not know. */
class NewerSchemaError extends Error {
  override readonly name = "NewerSchemaError";
}

/**
 * Brings the schema up to date under the library's advisory lock, so that several processes may start at once.
 *
 * @throws {NewerSchemaError} when the database knows migrations that this program does not
 * @throws {SystemError} when the database cannot be reached
 */
export async function migrate(url: Secret, log: (message: string) => void): Promise<void> {
  const client = new Client({ ...postgresOptions(url), connectionTimeoutMillis: 5_000 });
  // A server that dies in the middle tells the pending query; this listener only keeps the process alive.
  client.on("error", () => {});
  await client.connect().catch((error: unknown) => {
    throw postgresError("storage", "connect to Flightdeck's database", error);
  });
  try {
    if (!(await hasPending(client))) return;
    // Loaded only when there is something to do: it brings a lot along that a running bot never needs.
    const { runner } = await import("node-pg-migrate");
    await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await runner({
      dbClient: client,
      // Somebody who starts at the same time is at it; afterwards there is nothing left to do.
      advisoryLockMode: "wait",
      dir: FOLDER,
      migrationsTable: TABLE,
      direction: "up",
      checkOrder: true,
      singleTransaction: true,
      log: () => {},
      logger: { debug: () => {}, info: () => {}, warn: log, error: log },
    });
  } finally {
    await client.end();
  }
}

/** @throws {NewerSchemaError} */
async function hasPending(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ present: boolean }>(
    "select to_regclass($1) is not null as present",
    [TABLE],
  );
  if (rows[0]?.present !== true) return true;
  const known = new Set(readdirSync(FOLDER).map((file) => file.replace(/\.sql$/, "")));
  const applied = await client.query<{ name: string }>(`select name from ${TABLE} order by id`);
  const foreign = applied.rows.map((row) => row.name).filter((name) => !known.has(name));
  if (foreign.length === 0) return applied.rows.length < known.size;
  throw new NewerSchemaError(
    `The database has migrations that this version does not know (${foreign.join(", ")}). ` +
      "Start the newer version again, or restore Flightdeck's own data from before the upgrade.",
  );
}
