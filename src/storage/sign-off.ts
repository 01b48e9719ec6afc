import { z } from "zod";

import { SIGN_OFF_FIELDS, type AnsweredField } from "../core/sign-off.ts";
import type { Transaction } from "./database.ts";

const signOffRow = z
  .object({
    run_id: z.string(),
    target: z.string(),
    state: z.enum(["open", "signed", "superseded"]),
    reviewed_by: z.string().nullable(),
    closed_at: z.date().nullable(),
  })
  .transform((row) => ({
    runId: row.run_id,
    target: row.target,
    state: row.state,
    reviewedBy: row.reviewed_by,
    closedAt: row.closed_at,
  }));

/** The part of a rollout that lies with people; what it saw itself lies in the journal of its run. */
export type KeptSignOff = z.output<typeof signOffRow>;

const COLUMNS = "run_id, target, state, reviewed_by, closed_at";

/** Opens the sign-off of a run, once; gives back the runs whose own was open until now, and means nothing any more. */
export async function openSignOff(
  tx: Transaction,
  now: Date,
  target: string,
  runId: string,
): Promise<readonly string[]> {
  const superseded = await tx.rows(
    z.object({ run_id: z.string() }),
    `update sign_off set state = 'superseded', closed_at = $2
     where target = $1 and state = 'open' and run_id <> $3 returning run_id`,
    [target, now, runId],
  );
  await tx.change(
    `insert into sign_off (run_id, target, opened_at) values ($1, $2, $3)
     on conflict (run_id) do nothing`,
    [runId, target, now],
  );
  return superseded.map((row) => row.run_id);
}

export async function findSignOff(
  tx: Transaction,
  runId: string,
  lock: "for update" | "" = "",
): Promise<KeptSignOff | undefined> {
  const [kept] = await tx.rows(
    signOffRow,
    `select ${COLUMNS} from sign_off where run_id = $1 ${lock}`,
    [runId],
  );
  return kept;
}

const answerRow = z
  .object({
    field: z.enum(SIGN_OFF_FIELDS),
    yes: z.boolean(),
    answered_by: z.string(),
    answered_at: z.date(),
  })
  .transform((row): AnsweredField => ({
    field: row.field,
    yes: row.yes,
    by: row.answered_by,
    at: row.answered_at,
  }));

export async function answersOf(tx: Transaction, runId: string): Promise<readonly AnsweredField[]> {
  return tx.rows(
    answerRow,
    `select field, yes, answered_by, answered_at from sign_off_answer where run_id = $1`,
    [runId],
  );
}

/** The newest answer counts, for somebody may have tapped beside it. */
export async function keepAnswer(
  tx: Transaction,
  runId: string,
  { field, yes, by, at }: AnsweredField,
): Promise<void> {
  await tx.change(
    `insert into sign_off_answer (run_id, field, yes, answered_by, answered_at)
     values ($1, $2, $3, $4, $5)
     on conflict (run_id, field) do update set yes = excluded.yes,
       answered_by = excluded.answered_by, answered_at = excluded.answered_at`,
    [runId, field, yes, by, at],
  );
}

/** Signs an open sign-off, once. */
export async function sign(
  tx: Transaction,
  now: Date,
  runId: string,
  reviewedBy: string,
): Promise<boolean> {
  const changed = await tx.change(
    `update sign_off set state = 'signed', reviewed_by = $3, closed_at = $2
     where run_id = $1 and state = 'open'`,
    [runId, now, reviewedBy],
  );
  return changed === 1;
}

/** The newest run that has changed what is deployed since this one, as far as it got; undefined when none has. */
export async function changedSince(
  tx: Transaction,
  target: string,
  runId: string,
): Promise<{ readonly id: string; readonly operation: string } | undefined> {
  const [later] = await tx.rows(
    z.object({ id: z.string(), operation: z.string() }),
    `select id, operation from run
     where target = $1 and id > $2 and operation in ('deploy', 'rollback')
       and exists (select from run_step where run_id = run.id and kind = 'act' and state <> 'cleared')
     order by id desc limit 1`,
    [target, runId],
  );
  return later;
}
