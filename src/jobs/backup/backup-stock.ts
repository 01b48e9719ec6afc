import {
  artifactNames,
  begunAt,
  idOfManifest,
  manifestSchema,
  type Manifest,
} from "../../core/manifest.ts";
import {
  backupStocked,
  knowBackup,
  knownBackups,
  type KnownBackup,
  type NewBackup,
} from "../../storage/backup.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { BackupParts } from "./backup-parts.ts";

type Stocked = Pick<BackupParts, "database" | "target" | "bucket">;

/** What no manifest names is not touched for so long, because somebody may be about to write its manifest. */
const ORPHAN_AGE_MS = 24 * 3_600_000;

/**
 * Compares what is known with what is in the bucket: takes in what only the bucket knows, and marks what is not there as
 * it should be. Gives back what there is, newest first.
 */
export async function takeStock(
  { database, target, bucket }: Stocked,
  signal: AbortSignal,
): Promise<readonly KnownBackup[]> {
  const sizes = new Map((await bucket.list(signal)).map(({ name, bytes }) => [name, bytes]));
  const inBucket = [...sizes.keys()].flatMap((name) => idOfManifest(name) ?? []);
  const known = await database.transaction(async (tx) => knownBackups(tx, target));
  const knownIds = new Set(known.map(({ id }) => id));
  for (const id of inBucket.filter((one) => !knownIds.has(one))) {
    const manifest = await readManifest(bucket, id, signal);
    // Another target's, or of a later version: neither ours to show nor ours to delete.
    if (manifest?.target !== target) continue;
    await database.transaction(async (tx) => knowBackup(tx, target, backupOf(manifest)));
  }
  return database.transaction(async (tx) => {
    for (const { id, bytes } of await knownBackups(tx, target)) {
      await backupStocked(tx, target, id, problemOf(id, bytes, sizes));
    }
    return knownBackups(tx, target);
  });
}

/** Deletes what was uploaded for a backup that never came to be, once it is old enough to be nobody's. */
export async function clearOrphans(
  { bucket }: Pick<BackupParts, "bucket">,
  now: Date,
  signal: AbortSignal,
): Promise<number> {
  const names = new Set((await bucket.list(signal)).map(({ name }) => name));
  const orphans = [...names].filter((name) => {
    const id = /^(\d{8}T\d{6}Z)\.dump\.zst\.age$/.exec(name)?.[1];
    return (
      id !== undefined &&
      !names.has(artifactNames(id).manifest) &&
      now.getTime() - begunAt(id).getTime() > ORPHAN_AGE_MS
    );
  });
  for (const name of orphans) await bucket.remove(name, signal);
  return orphans.length;
}

function problemOf(
  id: string,
  bytes: number,
  sizes: ReadonlyMap<string, number>,
): string | undefined {
  const { artifact, manifest } = artifactNames(id);
  if (!sizes.has(manifest)) return "its manifest is not in the bucket";
  const size = sizes.get(artifact);
  if (size === undefined) return "its bytes are not in the bucket";
  return size === bytes ? undefined : `the bucket has ${size} bytes of it, not ${bytes}`;
}

/** Undefined when this version cannot read it. */
async function readManifest(
  bucket: BackupParts["bucket"],
  id: string,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const text = await bucket.readText(artifactNames(id).manifest, signal);
  if (text === undefined) return undefined;
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The manifest of one backup. */
export async function manifestOf(
  bucket: BackupParts["bucket"],
  id: string,
  signal: AbortSignal,
): Promise<Manifest> {
  const manifest = await readManifest(bucket, id, signal);
  if (manifest) return manifest;
  const message = `${bucket.place} has no manifest of ${id} that can be read`;
  throw new SystemError("bucket", "malformed", message);
}

/** What is kept of a manifest to know the backup by. */
export function backupOf({ id, artifact, snapshotAt, run, source }: Manifest): NewBackup {
  return {
    id,
    snapshotAt: new Date(snapshotAt),
    bytes: artifact.bytes,
    sha256: artifact.sha256,
    run,
    tables: source.tables.length,
    rows: source.tables.reduce((sum, { rows }) => sum + rows, 0),
    tookMs: undefined,
    readBackAt: undefined,
  };
}
