import { z } from "zod";

import { RELEASE_LESSONS, type MetRelease, type ReleaseLesson } from "../core/release.ts";
import type { Transaction } from "./database.ts";

const releaseRow = z
  .object({
    commit: z.string(),
    lesson: z.enum(RELEASE_LESSONS),
    schema_revision: z.string().nullable(),
    first_met_at: z.date(),
    met_at: z.date(),
  })
  .transform((row): MetRelease => ({
    commit: row.commit,
    lesson: row.lesson,
    schemaRevision: row.schema_revision ?? undefined,
    firstMetAt: row.first_met_at,
    metAt: row.met_at,
  }));

/** Keeps what a run taught of a release. The same lesson on the same schema is one row, however often it is learnt. */
export async function meetRelease(
  tx: Transaction,
  now: Date,
  target: string,
  release: {
    readonly commit: string;
    readonly lesson: ReleaseLesson;
    readonly schemaRevision: string | undefined;
    readonly runId: string;
  },
): Promise<void> {
  await tx.change(
    `insert into release (target, commit, lesson, schema_revision, first_met_at, met_at, run_id)
     values ($1, $2, $3, $4, $5, $5, $6)
     on conflict (target, commit, lesson, coalesce(schema_revision, '')) do update
       set met_at = greatest(release.met_at, excluded.met_at), run_id = excluded.run_id`,
    [target, release.commit, release.lesson, release.schemaRevision ?? null, now, release.runId],
  );
}

/** Everything that was learnt of the target's releases, the newest first. */
export async function metReleases(tx: Transaction, target: string): Promise<readonly MetRelease[]> {
  return tx.rows(
    releaseRow,
    `select commit, lesson, schema_revision, first_met_at, met_at from release
     where target = $1 order by met_at desc limit 200`,
    [target],
  );
}
