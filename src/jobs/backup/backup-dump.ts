import { join } from "node:path";

import {
  artifactNames,
  backupIdOf,
  MANIFEST_FORMAT,
  manifestSchema,
  type Manifest,
} from "../../core/manifest.ts";
import type { Secret } from "../../core/secret.ts";
import { pause } from "../../core/waiting.ts";
import { ensurePrivateFolder, readPrivateFile, replaceFile } from "../../storage/private-file.ts";
import { findDumpPrograms } from "../../systems/dump-programs.ts";
import { writeDump } from "../../systems/dump.ts";
import { openSnapshot, type Snapshot } from "../../systems/snapshot.ts";
import { sourceFacts } from "../../systems/source-facts.ts";
import { clearFolder, draftName, removeUnfinished } from "./backup-folder.ts";
import type { BackupParts } from "./backup-parts.ts";
import type { dumpedSchema, Progress } from "./backup-report.ts";

const MEBIBYTE = 1024 * 1024;
const LOOK_AGAIN_MS = 200;

type DumpParts = Pick<
  BackupParts,
  "target" | "origin" | "configHash" | "build" | "settings" | "folder"
>;

type EarlierBackups = {
  /** How large the last one is; null when there is none. */
  readonly bytes: number | null;
  readonly ids: ReadonlySet<string>;
};

/**
 * Dumps into the folder, and counts the source in the same snapshot meanwhile. What it leaves is a file and the draft of
 * its manifest; nothing of that counts until the manifest is in the bucket.
 */
export async function dump(
  parts: DumpParts,
  run: string,
  earlier: EarlierBackups,
  context: { readonly signal: AbortSignal; report(progress: Progress): void },
): Promise<ReturnType<typeof dumpedSchema.parse>> {
  const { settings, folder } = parts;
  const { recipients } = settings;
  await ensurePrivateFolder(folder);
  await clearFolder(folder);
  const startedAt = performance.now();
  // When one half fails the other is of no use.
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  await using snapshot = await openNewSnapshot(settings.database, earlier, signal);
  const programs = await findDumpPrograms(snapshot.serverVersionNumber, signal);
  const id = backupIdOf(snapshot.takenAt);
  const file = join(folder, artifactNames(id).artifact);
  try {
    const counting = sourceFacts(snapshot.ask, {
      migrationTable: settings.migrationTable,
      hashUpToBytes: settings.hashUpToMebibytes * MEBIBYTE,
    });
    const writing = writeDump(
      {
        url: settings.database,
        snapshot: snapshot.id,
        programs,
        recipients: [recipients.drill, recipients.recovery],
        file,
        onBytes: (bytes) =>
          context.report({
            bytes,
            of: earlier.bytes,
            sinceMs: Math.round(performance.now() - startedAt),
          }),
      },
      signal,
    );
    const [facts, written] = await bothOrNeither(failed, [counting, writing]);
    const draft: Manifest = {
      format: MANIFEST_FORMAT,
      v: 1,
      id,
      target: parts.target,
      origin: parts.origin,
      run,
      config: parts.configHash,
      build: parts.build,
      artifact: {
        key: artifactNames(id).artifact,
        bytes: written.bytes,
        sha256: written.sha256,
        dump: "pg_dump custom",
        compression: "zstd",
        encryption: "age",
        recipients,
        listed: null,
      },
      snapshotAt: snapshot.takenAt.toISOString(),
      madeAt: new Date().toISOString(),
      source: { ...facts, clientVersion: programs.version },
    };
    await replaceFile(join(folder, draftName(id)), textOf(draft));
    return {
      id,
      bytes: written.bytes,
      sha256: written.sha256,
      tookMs: Math.round(performance.now() - startedAt),
      snapshotAt: draft.snapshotAt,
      serverVersionNumber: facts.serverVersionNumber,
      tables: facts.tables.length,
      rows: facts.tables.reduce((sum, { rows }) => sum + rows, 0),
    };
  } catch (error) {
    await removeUnfinished(folder, id);
    throw error;
  }
}

/** A backup is named by its second, and a name that is taken would be uploaded over. */
async function openNewSnapshot(
  url: Secret,
  { ids }: EarlierBackups,
  signal: AbortSignal,
): Promise<Snapshot> {
  for (;;) {
    const snapshot = await openSnapshot(url, signal);
    if (!ids.has(backupIdOf(snapshot.takenAt))) return snapshot;
    await snapshot[Symbol.asyncDispose]();
    await pause(LOOK_AGAIN_MS, signal);
  }
}

/** Waits for both even when one fails, so that nothing is written any more by whom nobody waits for. */
async function bothOrNeither<One, Other>(
  failed: AbortController,
  works: readonly [Promise<One>, Promise<Other>],
): Promise<readonly [One, Other]> {
  try {
    return await Promise.all(works);
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled(works);
    throw error;
  }
}

/** The manifest as far as a dump could write it, or as it was committed; undefined on a machine that made neither. */
export async function draftOf(folder: string, id: string): Promise<Manifest | undefined> {
  await ensurePrivateFolder(folder);
  const text =
    (await readPrivateFile(join(folder, draftName(id)))) ??
    (await readPrivateFile(join(folder, artifactNames(id).manifest)));
  return text === undefined ? undefined : manifestSchema.parse(JSON.parse(text));
}

/** A manifest as a file: for people too, who may have nothing else on the worst day. */
export function textOf(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
