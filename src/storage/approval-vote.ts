import { z } from "zod";

import type { BondedVote } from "../core/approval-bond.ts";
import type { Transaction } from "./database.ts";
import { storableText } from "./storable.ts";

const voteRow = z
  .object({
    telegram_id: z.string(),
    name: z.string(),
    via: z.enum(["telegram", "cli"]),
    vote: z.enum(["yes", "no"]),
    at: z.date(),
    cause: z.string(),
    mac: z.instanceof(Buffer),
  })
  .transform(({ telegram_id: telegram, ...row }) => ({ telegram, ...row }));

export type ApprovalVote = z.output<typeof voteRow>;

/** Keeps what a person said. False: this person has said something before, and that counts. */
export async function castVote(
  tx: Transaction,
  approvalId: string,
  { telegram, name, via, vote, at, cause, mac }: BondedVote & { readonly mac: Buffer },
): Promise<boolean> {
  const cast = await tx.change(
    `insert into approval_vote (approval_id, telegram_id, name, via, vote, at, cause, mac)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
    [approvalId, telegram, storableText(name), via, vote, at, cause, mac],
  );
  return cast === 1;
}

/** What people said, in the order in which they did. */
export async function votesOf(
  tx: Transaction,
  approvalId: string,
): Promise<readonly ApprovalVote[]> {
  return tx.rows(
    voteRow,
    `select telegram_id, name, via, vote, at, cause, mac from approval_vote
     where approval_id = $1 order by at, telegram_id`,
    [approvalId],
  );
}
