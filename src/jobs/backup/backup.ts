import { hash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { artifactNames, type Manifest } from "../../core/manifest.ts";
import { valueText } from "../../core/measurement-text.ts";
import { backupReadBack, knowBackup, knownBackups } from "../../storage/backup.ts";
import { ensurePrivateFolder, replaceFile } from "../../storage/private-file.ts";
import { recipientOf } from "../../systems/age.ts";
import { recognise } from "../../systems/dump.ts";
import {
  defineOperation,
  type Occurrence,
  type Operation,
  type Results,
  type Step,
} from "../operation.ts";
import { backupCard, backupDetails } from "./backup-card.ts";
import { draftOf, dump, textOf } from "./backup-dump.ts";
import { draftName, roomIn, thinFolder } from "./backup-folder.ts";
import type { BackupParts } from "./backup-parts.ts";
import { prune, recordDeleted, retentionOf, stillThere } from "./backup-prune.ts";
import { readBack } from "./backup-read-back.ts";
import {
  dumpedSchema,
  preparedSchema,
  readBackSchema,
  reportOf,
  STEPS,
  type BackupReport,
} from "./backup-report.ts";
import { backupOf, clearOrphans, takeStock } from "./backup-stock.ts";

const MINUTE_MS = 60_000;
const LEAST_ROOM_BYTES = 64 * 1024 * 1024;

/**
 * What is not named by a manifest is no backup. So everything before the manifest is a look: it may be done again or
 * given up at any moment, and nothing that counts has changed. The manifest is the one effect, and deleting what is old
 * comes only after it.
 */
export function createBackup(parts: BackupParts): Operation {
  const { database, target } = parts;
  return defineOperation({
    name: "backup",
    summary: "the database dumped, sealed, stored elsewhere and read back",
    effect: "mutate",
    input: z.strictObject({}),
    steps: () => stepsOf(parts),
    conclude: (_input, results) => ({
      verdict: "SAVED",
      facts: factsOf(reportOf(results), parts),
    }),
    async keeps(tx) {
      const [newest] = (await knownBackups(tx, target)).filter(
        ({ problem }) => problem === undefined,
      );
      return newest ? { id: newest.id, snapshotAt: newest.snapshotAt.toISOString() } : null;
    },
    card: (view) => backupCard(view, parts.bucket.place),
    details: backupDetails,
  });

  function stepsOf(of: BackupParts): readonly Step[] {
    const { settings, bucket, folder } = of;
    return [
      {
        kind: "look",
        name: STEPS.prepare,
        timeoutMs: 5 * MINUTE_MS,
        look: async ({ signal }) => prepare(of, signal),
      },
      {
        kind: "look",
        name: STEPS.dump,
        timeoutMs: settings.timeout,
        async look({ run, results, signal, report }) {
          const { last } = preparedSchema.parse(results[STEPS.prepare]);
          const known = await database.transaction(async (tx) => knownBackups(tx, target));
          const ids = new Set(known.map(({ id }) => id));
          return dump(of, run, { bytes: last?.bytes ?? null, ids }, { signal, report });
        },
      },
      {
        kind: "look",
        name: STEPS.upload,
        timeoutMs: settings.timeout,
        async look({ results, signal, report }) {
          const dumped = dumpedSchema.parse(results[STEPS.dump]);
          const { artifact } = artifactNames(dumped.id);
          // Whoever takes over a run may be another machine, or another day.
          const file = await recognise(join(folder, artifact), dumped, signal);
          if (!file) {
            throw new Error(`the file that was dumped is not on this machine any more; start anew`);
          }
          const startedAt = performance.now();
          // Whatever was begun for this target before was begun by a run that is over.
          await bucket.abandonUploads(signal);
          const onBytes = (bytes: number): void =>
            report({ bytes, of: file.bytes, sinceMs: Math.round(performance.now() - startedAt) });
          await bucket.upload(artifact, file, onBytes, signal);
          return { bytes: file.bytes };
        },
      },
      {
        kind: "look",
        name: STEPS.readBack,
        timeoutMs: settings.timeout,
        async look({ results, signal, report }) {
          const {
            id,
            bytes: of,
            sha256,
            serverVersionNumber,
          } = dumpedSchema.parse(results[STEPS.dump]);
          const startedAt = performance.now();
          const onBytes = (bytes: number): void =>
            report({ bytes, of, sinceMs: Math.round(performance.now() - startedAt) });
          const { identity } = settings;
          const name = artifactNames(id).artifact;
          const seen = await readBack(
            bucket,
            { name, bytes: of, sha256, identity, serverVersionNumber, onBytes },
            signal,
          );
          if (seen.ok) return { listed: seen.listed };
          // Nobody may take it for a backup, not even a person who looks into the bucket.
          await bucket.remove(name, signal);
          throw new Error(`what was stored is not what was sent: ${seen.problem}`);
        },
      },
      {
        kind: "act",
        name: STEPS.commit,
        timeoutMs: 5 * MINUTE_MS,
        async observe({ results, signal }) {
          const manifest = await manifestFor(of, results);
          const stored = await bucket.readText(artifactNames(manifest.id).manifest, signal);
          if (stored === undefined) return { kind: "absent" };
          if (stored === textOf(manifest)) return committed(of, manifest, results);
          const reason = `${bucket.place} has another manifest of ${manifest.id}`;
          return { kind: "unclear", reason };
        },
        async act({ results, signal }) {
          const manifest = await manifestFor(of, results);
          const { manifest: name } = artifactNames(manifest.id);
          if (!(await bucket.putOnce(name, textOf(manifest), signal))) {
            const stored = await bucket.readText(name, signal);
            if (stored !== textOf(manifest)) throw new Error(`${name} was in the bucket already`);
          }
          const { result } = await committed(of, manifest, results);
          return result;
        },
      },
      {
        kind: "act",
        name: STEPS.retention,
        timeoutMs: 30 * MINUTE_MS,
        async baseline() {
          const { plan } = await database.transaction(async (tx) =>
            retentionOf(tx, target, settings),
          );
          return plan.remove;
        },
        async observe({ baseline, run, signal }) {
          const planned = z.array(z.string()).parse(baseline);
          // Deleting twice is deleting once, so what is left may be gone about again.
          if ((await stillThere(of, planned, signal)).length > 0) return { kind: "absent" };
          for (const id of planned) await recordDeleted(of, id, run);
          return { kind: "happened", result: { removed: planned, locked: [], failed: [] } };
        },
        async act({ baseline, run, signal }) {
          await thinFolder(folder, settings.keepHere);
          return prune(of, z.array(z.string()).parse(baseline), run, signal);
        },
        outcomeOf: (result) => {
          const {
            removed = [],
            locked = [],
            failed = [],
          } = reportOf({ [STEPS.retention]: result }).pruned ?? {};
          return `${removed.length} deleted, ${locked.length + failed.length} not`;
        },
      },
    ];
  }
}

/** Everything that can be found out before an hour of dumping is. */
async function prepare(
  parts: BackupParts,
  signal: AbortSignal,
): Promise<ReturnType<typeof preparedSchema.parse>> {
  const { settings, folder, postgres } = parts;
  const { identity, recipients, database: url } = settings;
  if (identity !== undefined && (await recipientOf(identity)) !== recipients.drill) {
    throw new Error("backup.identity does not belong to backup.recipients.drill");
  }
  const stock = await takeStock(parts, signal);
  await clearOrphans(parts, new Date(), signal);
  const [last] = stock;
  const [{ bytes }] = z
    .tuple([z.object({ bytes: z.number() })])
    .parse(await postgres.query({ url, sql: SIZE }, signal));
  // A dump is packed, so without an earlier one the database's own size is more than enough.
  const wanted = Math.max(LEAST_ROOM_BYTES, last ? 2 * last.bytes : bytes);
  await ensurePrivateFolder(folder);
  const room = await roomIn(folder);
  if (room < wanted) {
    const size = (value: number): string => valueText(value, "Bytes");
    throw new Error(`${folder} has room for ${size(room)}, and a backup needs ${size(wanted)}`);
  }
  return {
    known: stock.length,
    last: last ? { bytes: last.bytes, tookMs: last.tookMs ?? null } : null,
  };
}

const SIZE = "select pg_database_size(current_database())::float8 as bytes";

/** The manifest as it will stand in the bucket: the same text each time that it is asked for. */
async function manifestFor(parts: BackupParts, results: Results): Promise<Manifest> {
  const { id } = dumpedSchema.parse(results[STEPS.dump]);
  const { listed } = readBackSchema.parse(results[STEPS.readBack]);
  const draft = await draftOf(parts.folder, id);
  if (!draft) throw new Error("the draft of the manifest is not on this machine any more");
  return { ...draft, artifact: { ...draft.artifact, listed } };
}

/** What follows from a manifest in the bucket; doing it twice is doing it once. */
async function committed(
  { database, target, folder }: BackupParts,
  manifest: Manifest,
  results: Results,
): Promise<Extract<Occurrence, { readonly kind: "happened" }>> {
  const { tookMs } = dumpedSchema.parse(results[STEPS.dump]);
  const { id } = manifest;
  await database.transaction(async (tx, now) => {
    await knowBackup(tx, target, { ...backupOf(manifest), tookMs, readBackAt: now });
    await backupReadBack(tx, now, target, { id, problem: undefined });
  });
  const text = textOf(manifest);
  await replaceFile(join(folder, artifactNames(id).manifest), text);
  await rm(join(folder, draftName(id)), { force: true });
  return { kind: "happened", result: { id, manifestSha256: hash("sha256", text) } };
}

/** What the evidence keeps: enough to find the very bytes again, and to know them. */
function factsOf(
  { dumped, readBack: opened, committed: done, pruned }: BackupReport,
  { bucket, settings }: BackupParts,
): Readonly<Record<string, string>> {
  if (!dumped) return {};
  return {
    backup: dumped.id,
    place: bucket.place,
    bytes: String(dumped.bytes),
    digest: dumped.sha256,
    ...(done ? { "manifest-digest": done.manifestSha256 } : {}),
    "snapshot-at": dumped.snapshotAt,
    tables: String(dumped.tables),
    rows: String(dumped.rows),
    opened: settings.identity === undefined ? "no" : `yes, ${opened?.listed ?? 0} listed`,
    ...(pruned && pruned.removed.length > 0 ? { deleted: pruned.removed.join(" ") } : {}),
    ...(pruned && pruned.locked.length > 0 ? { locked: pruned.locked.join(" ") } : {}),
    ...(pruned && pruned.failed.length > 0
      ? { "not-deleted": pruned.failed.map(({ id, reason }) => `${id}: ${reason}`).join("; ") }
      : {}),
  };
}
