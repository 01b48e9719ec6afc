import { z } from "zod";

import type { QueryAnswer } from "../../core/drill-answers.ts";
import type { RestoredDatabase } from "../../systems/restored-database.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { DrillSettings } from "./drill-settings.ts";

/** Asks each question; a refusal is an answer, and not being able to ask is none. */
export async function askQueries(
  database: RestoredDatabase,
  queries: DrillSettings["queries"],
): Promise<readonly QueryAnswer[]> {
  const answers: QueryAnswer[] = [];
  for (const [name, { sql, atLeast, atMost, notOlderThan }] of Object.entries(queries)) {
    const expectation = { name, atLeast, atMost, notOlderThanMs: notOlderThan };
    try {
      const [row] = await database.rows(z.record(z.string(), z.unknown()), sql);
      answers.push({ expectation, value: firstValue(row) });
    } catch (error) {
      if (!(error instanceof SystemError) || error.kind !== "rejected") throw error;
      answers.push({ expectation, value: undefined, error: error.message });
    }
  }
  return answers;
}

function firstValue(row: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const [value] = Object.values(row ?? {});
  if (value === null || value === undefined) return undefined;
  if (value instanceof Date) return value.toISOString();
  return typeof value === "string" ? value : JSON.stringify(value);
}
