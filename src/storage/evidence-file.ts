import { z } from "zod";

import { actorSchema } from "../core/actor.ts";
import type { Transaction } from "./database.ts";
import { EVIDENCE_CHANNEL } from "./evidence.ts";

const TROUBLES = ["cannot-write", "edited", "ahead", "foreign"] as const;

/** What is wrong with a log's file; the rows are sound whatever it is. */
export type FileTrouble = (typeof TROUBLES)[number];

/** A person's word that the file is to be rendered afresh, whatever stands in it. */
const repairAsk = z.strictObject({ cause: z.string(), actor: actorSchema, reason: z.string() });

export type RepairAsk = z.output<typeof repairAsk>;

const fileRow = z
  .object({
    bytes: z.string(),
    rendered: z.string(),
    trouble: z.enum(TROUBLES).nullable(),
    trouble_detail: z.string().nullable(),
    trouble_since: z.date().nullable(),
    told_at: z.date().nullable(),
    signing_refused: z.string().nullable(),
    repair_cause: z.string().nullable(),
    behind_since: z.date().nullable(),
  })
  .transform((row) => ({
    bytes: Number(row.bytes),
    rendered: BigInt(row.rendered),
    trouble:
      row.trouble === null
        ? undefined
        : { kind: row.trouble, detail: row.trouble_detail ?? "", since: row.trouble_since },
    toldAt: row.told_at ?? undefined,
    signingRefused: row.signing_refused ?? undefined,
    repair: row.repair_cause === null ? undefined : repairAsk.parse(JSON.parse(row.repair_cause)),
    behindSince: row.behind_since ?? undefined,
  }));

/** How far a log's file is known to be on the disk, what is wrong with it, and since when an entry waits for it. */
export type EvidenceFile = z.output<typeof fileRow>;

const UNTOUCHED: EvidenceFile = {
  bytes: 0,
  rendered: 0n,
  trouble: undefined,
  toldAt: undefined,
  signingRefused: undefined,
  repair: undefined,
  behindSince: undefined,
};

export async function fileOf(tx: Transaction, log: string): Promise<EvidenceFile> {
  const [row] = await tx.rows(
    fileRow,
    `select coalesce(f.bytes, 0)::text as bytes, coalesce(f.rendered, 0)::text as rendered, f.trouble,
       f.trouble_detail, f.trouble_since, f.told_at, f.signing_refused, f.repair_cause, e.at as behind_since
     from evidence_head h
     left join evidence_file f on f.log = h.log
     left join evidence e on e.log = h.log and e.seq = coalesce(f.rendered, 0) + 1
     where h.log = $1`,
    [log],
  );
  return row ?? UNTOUCHED;
}

/** What is on the disk for good now. Whoever can write has no trouble any more. */
export async function noteRendered(
  tx: Transaction,
  now: Date,
  log: string,
  { bytes, rendered }: { readonly bytes: number; readonly rendered: bigint },
): Promise<void> {
  await tx.change(
    `insert into evidence_file as f (log, bytes, rendered, rendered_at) values ($1, $2, $3, $4)
     on conflict (log) do update set bytes = $2, rendered = $3, rendered_at = $4,
       trouble = null, trouble_detail = null, trouble_since = null`,
    [log, bytes, String(rendered), now],
  );
}

/** Why the log is not signed as it stands; undefined when it is, or would be. */
export async function noteSigning(
  tx: Transaction,
  log: string,
  refused: string | undefined,
): Promise<void> {
  await tx.change(
    `insert into evidence_file as f (log, signing_refused) values ($1, $2)
     on conflict (log) do update set signing_refused = $2
     where f.signing_refused is distinct from $2`,
    [log, refused ?? null],
  );
}

/** Whatever is news is told at once; the same trouble again is told when it is time to remind of it. */
export async function noteTrouble(
  tx: Transaction,
  now: Date,
  log: string,
  trouble: { readonly kind: FileTrouble; readonly detail: string },
): Promise<void> {
  await tx.change(
    `insert into evidence_file as f (log, trouble, trouble_detail, trouble_since)
     values ($1, $2, $3, $4)
     on conflict (log) do update set trouble = $2, trouble_detail = $3,
       trouble_since = case when f.trouble = $2 then f.trouble_since else $4 end,
       told_at = case when f.trouble = $2 then f.told_at end
     where (f.trouble, f.trouble_detail) is distinct from ($2, $3)`,
    [log, trouble.kind, trouble.detail, now],
  );
}

export async function noteTold(tx: Transaction, log: string, at: Date | undefined): Promise<void> {
  await tx.change(
    `insert into evidence_file (log, told_at) values ($1, $2)
     on conflict (log) do update set told_at = $2`,
    [log, at ?? null],
  );
}

/** Leaves a person's word to whoever renders. */
export async function askRepair(
  tx: Transaction,
  now: Date,
  log: string,
  ask: RepairAsk,
): Promise<void> {
  await tx.change(
    `with asked as (
       update evidence_file set repair_asked_at = $2, repair_cause = $3 where log = $1 returning log
     ) select pg_notify('${EVIDENCE_CHANNEL}', log) from asked`,
    [log, now, JSON.stringify(ask)],
  );
}

/** The file was rendered afresh, or needed no repair after all. */
export async function endRepair(tx: Transaction, log: string): Promise<void> {
  await tx.change(
    `update evidence_file set repair_asked_at = null, repair_cause = null where log = $1`,
    [log],
  );
}
