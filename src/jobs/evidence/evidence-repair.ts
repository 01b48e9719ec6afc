import { randomUUID } from "node:crypto";

import type { Actor } from "../../core/actor.ts";
import type { Database } from "../../storage/database.ts";
import { askRepair, fileOf } from "../../storage/evidence-file.ts";

/** What became of a person's wish to have the log's file rendered afresh; the leader does it. */
export type RepairAnswer =
  | { readonly kind: "asked" }
  | { readonly kind: "refused"; readonly message: string };

/** Leaves an approver's word for the leader, if there is an edited file for it to replace. */
export async function askForRepair(
  { database, target }: { readonly database: Database; readonly target: string },
  order: { readonly actor: Actor; readonly reason: string },
): Promise<RepairAnswer> {
  return database.transaction(async (tx, now) => {
    const { trouble, repair } = await fileOf(tx, target);
    switch (trouble?.kind) {
      case "edited":
        if (!repair) await askRepair(tx, now, target, { cause: `cli-${randomUUID()}`, ...order });
        return { kind: "asked" };
      case undefined:
        return refused(`The file of ${target} needs no repair.`);
      case "cannot-write":
        return refused(`The file cannot be written (${trouble.detail}); that goes on by itself.`);
      case "ahead":
      case "foreign":
        return refused(trouble.detail);
    }
  });
}

function refused(message: string): RepairAnswer {
  return { kind: "refused", message };
}
