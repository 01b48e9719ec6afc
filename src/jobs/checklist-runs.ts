import { z } from "zod";

import type { FoundRun } from "../core/checklist.ts";
import { runName } from "../core/run-name.ts";
import type { Database, Transaction } from "../storage/database.ts";
import { lastEnded, type Run } from "../storage/run.ts";
import { findSignOff } from "../storage/sign-off.ts";
import { RUNS_STEP } from "./checklist-view.ts";
import type { LookStep } from "./operation.ts";

const TIMEOUT_MS = 10_000;

export type ChecklistRunsParts = {
  readonly database: Database;
  readonly target: string;
  readonly checks: readonly { readonly name: string }[];
};

/** What stands in for an operation here: the signing of the newest deployment, which is rows beside its run. */
const SIGN_OFF = "sign-off";

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
        const runs: (FoundRun | undefined)[] = [];
        for (const operation of operations) {
          const isSignOff = operation === SIGN_OFF;
          const run = await lastEnded(tx, target, isSignOff ? "deploy" : operation);
          if (run) runs.push(isSignOff ? await signed(tx, run) : ended(run, checks));
        }
        return runs;
      });
      return found
        .filter((run) => run !== undefined)
        .map(({ endedAt, verdict, ...run }) => ({
          ...run,
          ...(verdict === undefined ? {} : { verdict }),
          endedAt: endedAt.toISOString(),
        }));
    },
  };
}

function ended(run: Run, checks: ChecklistRunsParts["checks"]): FoundRun {
  return {
    operation: run.operation,
    run: runName(run.id),
    verdict: run.state === "ok" ? (run.verdict ?? undefined) : undefined,
    end: run.verdict ?? run.state,
    endedAt: run.endedAt ?? run.createdAt,
    isWhole: isWhole(run, checks),
  };
}

/** The rollout was signed when people have answered for it and somebody else has reviewed it. */
async function signed(tx: Transaction, run: Run): Promise<FoundRun | undefined> {
  const kept = await findSignOff(tx, run.id);
  if (!kept) return undefined;
  const isSigned = kept.state === "signed";
  return {
    operation: SIGN_OFF,
    run: runName(run.id),
    verdict: isSigned ? "SIGNED" : undefined,
    end: isSigned ? "SIGNED" : "not signed yet",
    endedAt: kept.closedAt ?? run.endedAt ?? run.createdAt,
    isWhole: true,
  };
}

const asked = z.object({ checks: z.array(z.string()) });

/** Whether a run speaks for all that its operation is about: a preflight may have been asked for one check alone. */
function isWhole(run: Run, checks: ChecklistRunsParts["checks"]): boolean {
  if (run.operation !== "preflight") return true;
  const { data } = asked.safeParse(run.input);
  return data !== undefined && checks.every(({ name }) => data.checks.includes(name));
}
