import { z } from "zod";

import type { FoundRun } from "../../core/checklist.ts";
import { runName } from "../../core/run-name.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { lastEnded, type Run } from "../../storage/run.ts";
import { changedSince, findSignOff } from "../../storage/sign-off.ts";
import type { LookStep } from "../operation.ts";
import { RUNS_STEP } from "./checklist-view.ts";

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
        const runs: FoundRun[] = [];
        for (const operation of operations) {
          const isSignOff = operation === SIGN_OFF;
          const run = await lastEnded(tx, target, isSignOff ? "deploy" : operation);
          const found = run && (isSignOff ? await signed(tx, run) : ended(run, checks));
          if (!run || !found) continue;
          const later = run.operation === "deploy" && (await changedSince(tx, target, run.id));
          runs.push(later ? overtaken(found, later) : found);
        }
        return runs;
      });
      return found.map(({ begunAt, endedAt, verdict, ...run }) => ({
        ...run,
        ...(verdict === undefined ? {} : { verdict }),
        begunAt: begunAt.toISOString(),
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
    begunAt: run.startedAt ?? run.createdAt,
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
    begunAt: run.startedAt ?? run.createdAt,
    endedAt: kept.closedAt ?? run.endedAt ?? run.createdAt,
    isWhole: true,
  };
}

/** What was deployed, or signed, and is no more what runs there, proves nothing. */
function overtaken(
  { verdict: _past, ...found }: FoundRun,
  later: { readonly id: string; readonly operation: string },
): FoundRun {
  return { ...found, end: `${found.end}, and then ${runName(later.id)} ${later.operation}` };
}

const asked = z.object({ checks: z.array(z.string()) });

/** Whether a run speaks for all that its operation is about: a preflight may have been asked for one check alone. */
function isWhole(run: Run, checks: ChecklistRunsParts["checks"]): boolean {
  if (run.operation !== "preflight") return true;
  const { data } = asked.safeParse(run.input);
  return data !== undefined && checks.every(({ name }) => data.checks.includes(name));
}
