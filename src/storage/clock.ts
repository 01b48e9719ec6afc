import { z } from "zod";

import type { Clock } from "./database.ts";

const nowRow = z.object({ now: z.date() });

/** The clock of the database: the one clock on which all processes agree. */
export const databaseClock: Clock = async (tx) => {
  const [row] = await tx.rows(nowRow, "select clock_timestamp() as now");
  if (!row) throw new Error("The database did not tell the time.");
  return row.now;
};
