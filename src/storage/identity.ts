import { z } from "zod";

import type { Database } from "./database.ts";

/**
 * Tells this database from others of its cluster, the same for every process that uses it: replicas share what is named
 * after it, and two Flightdecks that were given the same Redis do not.
 */
export async function databaseIdentity(database: Pick<Database, "transaction">): Promise<string> {
  return database.transaction(async (tx) => {
    const [row] = await tx.rows(
      z.object({ name: z.string(), oid: z.string() }),
      `select datname as name, oid::text from pg_database where datname = current_database()`,
      [],
    );
    if (!row) throw new Error("This database is not in its own cluster's list.");
    return `${row.name}-${row.oid}`;
  });
}
