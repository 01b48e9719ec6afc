import { artifactNames } from "../../core/manifest.ts";
import { planRetention, type RetentionPlan } from "../../core/retention.ts";
import { backupDeleted, knownBackups, type KnownBackup } from "../../storage/backup.ts";
import type { Transaction } from "../../storage/database.ts";
import { verifiedBackups } from "../../storage/drill.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { BackupParts } from "./backup-parts.ts";
import type { prunedSchema } from "./backup-report.ts";
import type { BackupSettings } from "./backup-settings.ts";

type Pruned = ReturnType<typeof prunedSchema.parse>;

/** What would stay and what would go, from what is known now. */
export async function retentionOf(
  tx: Transaction,
  target: string,
  { keep }: Pick<BackupSettings, "keep">,
): Promise<{ readonly plan: RetentionPlan; readonly backups: readonly KnownBackup[] }> {
  const verified = new Set(await verifiedBackups(tx, target));
  const backups = await knownBackups(tx, target);
  const keepable = backups.map(({ id, snapshotAt, problem }) => ({
    id,
    snapshotAt,
    good: problem === undefined,
    verified: verified.has(id),
  }));
  return { plan: planRetention(keepable, keep), backups };
}

/**
 * Deletes those of the named backups that may still go, the manifest first: what has none is no backup. Each is an entry.
 * What could not be deleted is told and does no harm; the next time it is tried again.
 */
export async function prune(
  parts: BackupParts,
  ids: readonly string[],
  run: string,
  signal: AbortSignal,
): Promise<Pruned> {
  const { database, target, bucket, settings } = parts;
  const { plan } = await database.transaction(async (tx) => retentionOf(tx, target, settings));
  const pruned: { [Key in keyof Pruned]: Pruned[Key] } = { removed: [], locked: [], failed: [] };
  for (const id of ids.filter((one) => plan.remove.includes(one))) {
    const { manifest, artifact } = artifactNames(id);
    try {
      if (!(await bucket.remove(manifest, signal)) || !(await bucket.remove(artifact, signal))) {
        pruned.locked.push(id);
        continue;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SystemError)) throw error;
      pruned.failed.push({ id, reason: error.message });
      continue;
    }
    await recordDeleted(parts, id, run);
    pruned.removed.push(id);
  }
  return pruned;
}

/** Which of them are still in the bucket. */
export async function stillThere(
  { bucket }: Pick<BackupParts, "bucket">,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names = new Set((await bucket.list(signal)).map(({ name }) => name));
  return ids.filter((id) => Object.values(artifactNames(id)).some((name) => names.has(name)));
}

/** Writes down that a backup is no more; the same deletion is written down once. */
export async function recordDeleted(parts: BackupParts, id: string, run: string): Promise<void> {
  const { database, target, record, bucket } = parts;
  await database.transaction(async (tx, now) => {
    await backupDeleted(tx, now, target, id);
    await record(tx, now, {
      operation: "backup",
      cause: `backup-${id}`,
      actor: { via: "flightdeck", name: "retention" },
      event: {
        kind: "backup.deleted",
        result: "deleted",
        facts: { backup: id, place: bucket.place, by: run },
      },
    });
  });
}
