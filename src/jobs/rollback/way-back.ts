import { chmod } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { judgeArtifact } from "../../core/drill-artifact.ts";
import { findingOf, type DrillFinding } from "../../core/drill-check.ts";
import {
  judgeRowContents,
  judgeRowCounts,
  judgeStructure,
  type RestoredTable,
} from "../../core/drill-contents.ts";
import { majorFor } from "../../core/drill-server.ts";
import { judgeMigration, judgeSequences } from "../../core/drill-soundness.ts";
import { few, qualified } from "../../core/drill-words.ts";
import type { Manifest } from "../../core/manifest.ts";
import type { Secret } from "../../core/secret.ts";
import { temporaryDirectory } from "../../servers/temporary-directory.ts";
import { findRestorePrograms } from "../../systems/find-restore-programs.ts";
import { postgresEnvironment } from "../../systems/postgres-environment.ts";
import { createRestorePrograms } from "../../systems/restore-programs.ts";
import { openRestored, type RestoredDatabase } from "../../systems/restored-database.ts";
import {
  countRows,
  hashRows,
  ownObjects,
  restoredExtensions,
  restoredObjects,
  restoredTables,
} from "../../systems/restored-facts.ts";
import { restoredHeads, restoredSequences } from "../../systems/restored-soundness.ts";
import { openSealed } from "../../systems/sealed-archive.ts";
import { explanationOf } from "../drill/drill-result.ts";
import { weigh } from "../drill/drill-shelf.ts";

export type WayBack = {
  /** The artifact as it lies here. */
  readonly artifact: string;
  /** Undefined when there is none: then nobody can say whether all came back. */
  readonly manifest: Manifest | undefined;
  readonly identity: Secret;
  /** The empty database that takes it in. */
  readonly to: Secret;
  readonly migrationTable: string;
  /** Hears what is done, step by step. */
  readonly tell: (line: string) => void;
};

export type WayBackEnd =
  | { readonly kind: "restored"; readonly differences: readonly string[] }
  | { readonly kind: "unproved"; readonly reason: string }
  /** Nothing was changed in the database. */
  | { readonly kind: "refused"; readonly reason: string };

const STATEMENT_TIMEOUT_MS = 4 * 3_600_000;

/** Brings a backup back into an empty database, all of it or nothing, and compares it with what was counted. */
export async function restoreInto(order: WayBack, signal: AbortSignal): Promise<WayBackEnd> {
  const { artifact, manifest, identity, to, tell } = order;
  const refused = (reason: string): WayBackEnd => ({ kind: "refused", reason });
  if (manifest) {
    const weighed = { from: artifact, ...(await weigh(artifact)) };
    const finding = findingOf(
      "artifact-is-what-was-kept",
      { kind: "seen", value: weighed },
      (value) => judgeArtifact(manifest.artifact, value),
    );
    if (finding.status !== "pass") return refused(`The file is damaged: ${explanationOf(finding)}`);
    tell(`The file is what the manifest says: ${weighed.bytes} bytes, ${weighed.sha256}.`);
  }
  const place = { url: to, statementTimeoutMs: STATEMENT_TIMEOUT_MS };
  await using database = await openRestored(place, signal);
  const target = await describe(database);
  const there = await ownObjects(database);
  if (there.length > 0) {
    return refused(
      `The database ${target.database} is not empty: it holds ${few(there)}. ` +
        "Restore into a new one (createdb NAME), so that nothing is overwritten.",
    );
  }
  tell(`The database ${target.database} on PostgreSQL ${target.version} is empty.`);

  await using folder = await temporaryDirectory("restore");
  await chmod(folder.path, 0o700);
  const archive = join(folder.path, "archive");
  const opened = await openSealed({ from: artifact, to: archive, identity }, signal);
  if (opened.kind === "refused") return refused(`The file cannot be opened: ${opened.reason}.`);
  tell(`The key opens it: ${opened.archiveBytes} bytes of archive.`);

  const major = manifest ? majorFor(manifest.source) : target.major;
  const tools = createRestorePrograms(await findRestorePrograms(major, signal));
  await using environment = await postgresEnvironment(to);
  const { variables } = environment;
  const restored = await tools.restore(
    { archive, environment: variables, manner: { kind: "real" } },
    signal,
  );
  if (restored.exitCode !== 0) {
    return refused(`pg_restore gave up, and nothing was restored: ${few(restored.complaints)}`);
  }
  for (const complaint of restored.complaints) tell(`pg_restore: ${complaint}`);
  tell(
    `Everything is restored, in one transaction. All of it belongs to ${target.role}; owners and grants of before are not.`,
  );
  const analyzed = await tools.analyze(variables, 1, signal);
  tell(
    analyzed.exitCode === 0
      ? "The planner knows the tables."
      : `The planner does not know the tables yet (run vacuumdb --analyze-only): ${few(analyzed.complaints)}`,
  );
  if (!manifest) return { kind: "unproved", reason: "There is no manifest beside the file." };
  const findings = await compare(database, manifest, order.migrationTable).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      return error instanceof Error ? error.message : String(error);
    },
  );
  if (typeof findings === "string") {
    return { kind: "unproved", reason: `It could not be compared: ${findings}.` };
  }
  for (const { check, status } of findings) tell(`${status === "pass" ? "✓" : "✗"} ${check}`);
  const differences = findings
    .filter(({ status }) => status !== "pass")
    .map((finding) => `${finding.check}: ${explanationOf(finding)}`);
  return { kind: "restored", differences };
}

async function compare(
  database: RestoredDatabase,
  { source }: Manifest,
  migrationTable: string,
): Promise<readonly DrillFinding[]> {
  const hashed = source.tables.filter(({ rowHash }) => rowHash !== null).map(qualified);
  const tables: RestoredTable[] = [];
  for (const table of await restoredTables(database)) {
    const rowHash = hashed.includes(qualified(table)) ? await hashRows(database, table) : null;
    tables.push({ ...table, rows: await countRows(database, table), rowHash });
  }
  const structure = {
    objects: await restoredObjects(database),
    extensions: await restoredExtensions(database),
  };
  const seen = <Value>(value: Value) => ({ kind: "seen", value }) as const;
  return [
    findingOf("structure-is-the-same", seen(structure), (value) => judgeStructure(source, value)),
    findingOf("row-counts-are-the-same", seen(tables), (value) => judgeRowCounts(source, value)),
    findingOf("row-contents-are-the-same", seen(tables), (value) =>
      judgeRowContents(source, value),
    ),
    findingOf("sequences-are-ahead", seen(await restoredSequences(database)), (value) =>
      judgeSequences(source, value),
    ),
    findingOf(
      "migration-is-the-same",
      seen(await restoredHeads(database, migrationTable)),
      (value) => judgeMigration(source, value),
    ),
  ];
}

async function describe(database: RestoredDatabase) {
  const [row] = await database.rows(
    z.object({
      database: z.string(),
      version: z.string(),
      versionNumber: z.coerce.number(),
      role: z.string(),
    }),
    `select current_database() as database, current_setting('server_version') as version,
       current_setting('server_version_num') as "versionNumber", current_user as role`,
  );
  if (!row) throw new Error("the database says nothing of itself");
  return { ...row, major: Math.floor(row.versionNumber / 10_000) };
}
