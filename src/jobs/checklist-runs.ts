import { z } from "zod";

import { runName } from "../core/run-name.ts";
import type { Database } from "../storage/database.ts";
import { lastEnded, type Run } from "../storage/run.ts";
import { RUNS_STEP } from "./checklist-view.ts";
import type { LookStep } from "./operation.ts";

const TIMEOUT_MS = 10_000;

export type ChecklistRunsParts = {
  readonly database: Database;
  readonly target: string;
  readonly checks: readonly { readonly name: string }[];
};

/** Looks up the newest run of each operation that stands for something in a list. */
export function lookForRuns(
  { database, target, checks }: ChecklistRunsParts,
  operations: readonly string[],
): LookStep {
  return {
    kind: "look",
    name: RUNS_STEP,
    timeoutMs: TIMEOUT_MS,
    async look() {
      const found = await database.transaction(async (tx) => {
        const runs: (Run | undefined)[] = [];
        for (const operation of operations) runs.push(await lastEnded(tx, target, operation));
        return runs;
      });
      return found
        .filter((run) => run !== undefined)
        .map((run) => ({
          operation: run.operation,
          run: runName(run.id),
          ...(run.state === "ok" && run.verdict !== null ? { verdict: run.verdict } : {}),
          end: run.verdict ?? run.state,
          endedAt: (run.endedAt ?? run.createdAt).toISOString(),
          isWhole: isWhole(run, checks),
        }));
    },
  };
}

const asked = z.object({ checks: z.array(z.string()) });

/** Whether a run speaks for all that its operation is about: a preflight may have been asked for one check alone. */
function isWhole(run: Run, checks: ChecklistRunsParts["checks"]): boolean {
  if (run.operation !== "preflight") return true;
  const { data } = asked.safeParse(run.input);
  return data !== undefined && checks.every(({ name }) => data.checks.includes(name));
}
