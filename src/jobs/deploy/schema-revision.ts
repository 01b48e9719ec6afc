import { z } from "zod";

import type { Systems } from "../../systems/index.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { RolloutSettings } from "./rollout-settings.ts";

/**
 * The revisions at which the target's database stands: one on most days, several where branches of migrations were not
 * merged, none before the first migration.
 */
export async function schemaRevisions(
  { postgres }: Pick<Systems, "postgres">,
  { database: url, table }: NonNullable<RolloutSettings["schema"]>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  // The setting takes nothing for a table but the name of one.
  const sql = `select version_num from ${table} order by version_num`;
  const rows = await postgres.query({ url, sql }, signal).catch((error: unknown) => {
    // The first migration makes the table.
    if (error instanceof SystemError && error.code === UNDEFINED_TABLE) return [];
    throw error;
  });
  return rowsSchema.parse(rows).map((row) => row.version_num);
}

const UNDEFINED_TABLE = "42P01";

const rowsSchema = z.array(z.object({ version_num: z.string() }));
