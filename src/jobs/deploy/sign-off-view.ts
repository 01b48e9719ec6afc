import { z } from "zod";

import type { Json } from "../../core/json.ts";
import { age } from "../../core/moment.ts";
import { shortCommit } from "../../core/release.ts";
import {
  fieldStandings,
  SIGN_OFF_FIELDS,
  type FieldStanding,
  type SeenField,
  type SignOffField,
} from "../../core/sign-off.ts";
import type { Transaction } from "../../storage/database.ts";
import { answersOf, findSignOff } from "../../storage/sign-off.ts";
import { STEPS as BACKUP_STEPS } from "../backup/backup-report.ts";
import type { Results } from "../operation.ts";
import { verdictName } from "../smoke/flow-within.ts";
import { deployBeginning, DEPLOY_STEPS, FLOW_PARTS, signOffSchema } from "./deploy-report.ts";
import { checksPassedSchema } from "./health-steps.ts";
import { migratedSchema, MIGRATION_STEPS } from "./migration-steps.ts";

/** What people have added to a rollout, as its card reads it. */
export const keptSignOffSchema = z.object({
  state: z.enum(["open", "signed", "superseded"]),
  reviewedBy: z.string().nullable(),
  closedAt: z.coerce.date().nullable(),
  answers: z.array(
    z.object({
      field: z.enum(SIGN_OFF_FIELDS),
      yes: z.boolean(),
      by: z.string(),
      at: z.coerce.date(),
    }),
  ),
});
export type SignOffView = z.output<typeof keptSignOffSchema>;

/** What the card of a rollout needs of its sign-off; null as long as it has not come so far. */
export async function readSignOff(tx: Transaction, runId: string): Promise<Json> {
  const kept = await findSignOff(tx, runId);
  if (!kept) return null;
  const { state, reviewedBy, closedAt } = kept;
  const answers = await answersOf(tx, runId);
  return {
    state,
    reviewedBy,
    closedAt: closedAt?.toISOString() ?? null,
    answers: answers.map(({ field, yes: said, by, at }) => ({
      field,
      yes: said,
      by,
      at: at.toISOString(),
    })),
  };
}

/** How every field of a rollout's sign-off stands, by its journal and by what people said. */
export function signOffStandings(
  results: Results,
  { answers }: Pick<SignOffView, "answers">,
): readonly FieldStanding[] {
  return fieldStandings(seenFields(results), answers);
}

/** What the rollout saw itself. What it was not configured to see is left to a person. */
function seenFields(results: Results): Readonly<Partial<Record<SignOffField, SeenField>>> {
  const fields: Readonly<Record<SignOffField, SeenField | undefined>> = {
    backup: seenBackup(results),
    migration: seenMigration(results),
    api: seenReady(results),
    worker: seenWorker(results),
    smoke: seenFlow(results, FLOW_PARTS.smoke),
    rollback: seenWayBack(results),
  };
  const seen = Object.entries(fields).filter(([, field]) => field !== undefined);
  return Object.fromEntries(seen);
}

const madeSchema = z.object({ id: z.string() });

function seenBackup(results: Results): SeenField | undefined {
  const made = madeSchema.safeParse(results[BACKUP_STEPS.commit]).data;
  if (made) return yes(`${made.id} was made on the way`);
  const backup = deployBeginning(results).gates?.backup;
  if (backup?.kind === "nothing-to-lose") return yes("the database was empty");
  if (backup?.kind !== "made") return undefined;
  return yes(`the newest is from ${backup.at.toISOString().slice(0, 16)}Z`);
}

function seenMigration(results: Results): SeenField | undefined {
  const migrated = migratedSchema.safeParse(results[MIGRATION_STEPS.after]).data;
  if (!migrated) return undefined;
  const { from, to } = migrated;
  const at = to.join(", ");
  return yes(from.join() === to.join() ? `at ${at} already` : `now at ${at}`);
}

function seenReady(results: Results): SeenField | undefined {
  const passed = checksPassedSchema.safeParse(results[DEPLOY_STEPS.ready]).data?.passed;
  return passed && yes(`${passed.join(", ")} ${passed.length === 1 ? "passes" : "pass"}`);
}

function seenWorker(results: Results): SeenField | undefined {
  const isSmoke = signOffSchema.safeParse(results[DEPLOY_STEPS.signOff]).data?.smokeProvesJobs;
  return seenFlow(results, isSmoke === true ? FLOW_PARTS.smoke : FLOW_PARTS.job);
}

function seenFlow(results: Results, part: string): SeenField | undefined {
  const verdict = z.object({ verdict: z.string() }).safeParse(results[verdictName(part)]).data;
  return verdict && { yes: verdict.verdict === "GO", words: `the flow ended ${verdict.verdict}` };
}

/** A release that is gone can still be built anew, which nobody can promise: so a person says. */
function seenWayBack(results: Results): SeenField | undefined {
  const kept = signOffSchema.safeParse(results[DEPLOY_STEPS.signOff]).data;
  if (kept?.isKept !== true || kept.former === null) return undefined;
  return yes(`the image of ${shortCommit(kept.former)} is kept`);
}

function yes(words: string): SeenField {
  return { yes: true, words };
}

/** A field as one line of a card. */
export function fieldLine(standing: FieldStanding, now: Date): string {
  switch (standing.kind) {
    case "open":
      return `☐ ${standing.field}`;
    case "seen":
      return `${standing.yes ? "✓" : "✗"} ${standing.field}: ${standing.words}`;
    case "answered": {
      const { field, by, at } = standing;
      return `${standing.yes ? "☑" : "✗"} ${field} · ${by} ${age(at, now)}`;
    }
  }
}
