import { z } from "zod";

import { jsonSchema } from "../core/json.ts";
import type { Transaction } from "./database.ts";

const preflightRow = z
  .object({ ended_at: z.date(), result: jsonSchema })
  .transform((row) => ({ at: row.ended_at, result: row.result }));

/** What the preflights since a moment have answered, the newest first. */
export async function preflightsSince(
  tx: Transaction,
  target: string,
  since: Date,
): Promise<readonly z.output<typeof preflightRow>[]> {
  return tx.rows(
    preflightRow,
    `select step.ended_at, step.result
     from run join run_step as step on step.run_id = run.id
     where run.target = $1 and run.operation = 'preflight' and run.state = 'ok'
       and step.state = 'done' and step.ended_at >= $2
     order by step.ended_at desc limit 50`,
    [target, since],
  );
}
