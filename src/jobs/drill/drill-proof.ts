import { stat, statfs } from "node:fs/promises";

import { z } from "zod";

import { judgeAnswers } from "../../core/drill-answers.ts";
import { judgeArchive, judgeArtifact, judgeOpening } from "../../core/drill-artifact.ts";
import {
  judgeRowContents,
  judgeRowCounts,
  judgeStructure,
  type RestoredTable,
} from "../../core/drill-contents.ts";
import {
  judgeRestore,
  judgeServer,
  majorFor,
  type ThrowAwayServer,
} from "../../core/drill-server.ts";
import {
  judgeMigration,
  judgePages,
  judgeSequences,
  judgeSoundness,
} from "../../core/drill-soundness.ts";
import { few, qualified } from "../../core/drill-words.ts";
import { artifactNames, type Manifest } from "../../core/manifest.ts";
import { valueText } from "../../core/measurement-text.ts";
import { Secret } from "../../core/secret.ts";
import { findPostgresPrograms, type PostgresPrograms } from "../../servers/postgres-programs.ts";
import { startPostgres, type PostgresServer } from "../../servers/postgres.ts";
import { postgresEnvironment } from "../../systems/postgres-environment.ts";
import {
  createRestorePrograms,
  type Environment,
  type ProgramEnd,
  type RestorePrograms,
} from "../../systems/restore-programs.ts";
import {
  createUntrustedExtensions,
  openAsApplication,
  openRestored,
  type RestoredDatabase,
} from "../../systems/restored-database.ts";
import {
  countRows,
  hashRows,
  ownObjects,
  restoredExtensions,
  restoredObjects,
  restoredTables,
} from "../../systems/restored-facts.ts";
import {
  restoredHeads,
  restoredSequences,
  restoredSoundness,
} from "../../systems/restored-soundness.ts";
import { openSealed } from "../../systems/sealed-archive.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { DrillJournal } from "./drill-journal.ts";
import { askQueries } from "./drill-queries.ts";
import type { DrillSettings } from "./drill-settings.ts";
import { weigh, type BackupShelf } from "./drill-shelf.ts";
import type { DrillWorkspace } from "./drill-workspace.ts";

export type DrillOrder = {
  readonly manifest: Manifest;
  readonly shelf: BackupShelf;
  readonly workspace: DrillWorkspace;
  /** The key that drills hold; without it nothing can be proved. */
  readonly identity: Secret | undefined;
  readonly migrationTable: string;
  readonly settings: DrillSettings;
  /** Where the programs of PostgreSQL are; PATH and the usual places unless given. */
  readonly programDirectories?: readonly string[];
};

/** What was used, for whoever reads the result later. */
export type DrillTools = { readonly server: string; readonly programs: string };

/** Of a drill that came to no restore. */
export const NO_TOOLS: DrillTools = { server: "", programs: "" };

const DATABASE = "restored";
/** Owns what is restored, and may do nothing else: what is restored brings functions of its own, which may run. */
const OWNER = "restorer";
const MEBIBYTE = 1024 * 1024;
/** A server that nobody has used yet. */
const EMPTY_CLUSTER_BYTES = 128 * MEBIBYTE;

/**
 * The server's settings decide how long a restore takes. Nothing of it must survive, so it need not be durable; what is
 * measured is told together with what it was measured on.
 */
const SERVER_SETTINGS = {
  shared_buffers: "128MB",
  maintenance_work_mem: "128MB",
  max_wal_size: "2GB",
  // Rows that come into a table of the same transaction, and every index, then need no log, however small they are.
  wal_level: "minimal",
  max_wal_senders: "0",
  wal_skip_threshold: "0",
  autovacuum: "off",
};

/** Restores a backup into a server of its own and writes down what it finds, as far as it comes. */
export async function proveBackup(
  order: DrillOrder,
  journal: DrillJournal,
  signal: AbortSignal,
): Promise<DrillTools> {
  const { manifest } = order;
  if (!(await proveArtifact(order, journal, signal))) return NO_TOOLS;
  const programs = await journal.phase("find programs", "recovery", async () =>
    findPostgresPrograms(
      majorFor(manifest.source),
      `the backup ${manifest.id}`,
      order.programDirectories,
    ),
  );
  if (programs.kind !== "seen") {
    journal.judge("archive-is-whole", programs, () => []);
    return NO_TOOLS;
  }
  const tools = createRestorePrograms(programs.value.directory);
  const extensions = await proveArchive(order, tools, journal, signal);
  if (!extensions) return NO_TOOLS;
  return proveRestore({ ...order, extensions }, programs.value, tools, journal, signal);
}

async function proveArtifact(
  { manifest, shelf, workspace, identity }: DrillOrder,
  journal: DrillJournal,
  signal: AbortSignal,
): Promise<boolean> {
  const { artifact } = manifest;
  const fetched = await journal.phase("fetch", "recovery", async () => {
    await demandRoom(manifest, workspace.path);
    const name = artifactNames(manifest.id).artifact;
    const from = shelf.name;
    if (!(await shelf.fetch(name, workspace.artifact, signal))) {
      return { from, bytes: 0, sha256: "there is no such file" };
    }
    return { from, ...(await weigh(workspace.artifact)) };
  });
  if (
    !journal.judge("artifact-is-what-was-kept", fetched, (value) => judgeArtifact(artifact, value))
  ) {
    return false;
  }
  const opened = await journal.phase("open", "recovery", async () => {
    if (identity === undefined) throw new Error("no key for drills is configured");
    const { artifact: from, archive: to } = workspace;
    return openSealed({ from, to, identity }, signal);
  });
  const recipients = [...new Set(Object.values(artifact.recipients))];
  return journal.judge("artifact-opens-with-its-key", opened, (value) =>
    judgeOpening(recipients, value),
  );
}

/** The extensions that the archive asks for; undefined when it cannot be read. What is missing in it is still restored. */
async function proveArchive(
  { manifest, workspace }: DrillOrder,
  tools: RestorePrograms,
  journal: DrillJournal,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const { source, artifact } = manifest;
  const archive = await journal.phase("read", "proof", async () => {
    const list = await tools.list(workspace.archive, signal);
    if (!("lines" in list)) {
      return { listed: 0, tables: [], extensions: [], complaint: wordsOf(list) };
    }
    const read = await tools.read(workspace.archive, signal);
    const tables = source.tables.filter(({ schema, name }) =>
      list.lines.some((line) => line.includes(` TABLE DATA ${schema} ${name} `)),
    );
    return {
      listed: list.listed,
      tables: tables.map(qualified),
      extensions: list.lines.flatMap((line) => / EXTENSION - (\S+)/.exec(line)?.[1] ?? []),
      complaint: read.exitCode === 0 && read.complaints.length === 0 ? undefined : wordsOf(read),
    };
  });
  const kept = { listed: artifact.listed, tables: source.tables.map(qualified) };
  journal.judge("archive-is-whole", archive, (value) => judgeArchive(kept, value));
  const isReadable = archive.kind === "seen" && archive.value.complaint === undefined;
  return isReadable ? archive.value.extensions : undefined;
}

async function proveRestore(
  order: DrillOrder & { readonly extensions: readonly string[] },
  programs: PostgresPrograms,
  tools: RestorePrograms,
  journal: DrillJournal,
  signal: AbortSignal,
): Promise<DrillTools> {
  const { manifest, workspace, settings } = order;
  const { source } = manifest;
  await using opened = new AsyncDisposableStack();
  const started = await journal.phase("start a server", "recovery", async () => {
    const server = opened.use(
      await startPostgres({
        directory: workspace.server,
        durable: false,
        settings: SERVER_SETTINGS,
        programDirectories: [programs.directory],
        signal,
      }),
    );
    const url = new Secret(server.url(DATABASE));
    const { variables } = opened.use(await postgresEnvironment(url));
    const prepared = await tools.prepare(
      {
        environment: variables,
        database: DATABASE,
        owner: OWNER,
        encoding: source.encoding,
        roles: settings.roles,
      },
      signal,
    );
    demandSuccess("make the database", prepared);
    await createUntrustedExtensions(url, order.extensions, signal);
    const place = { url, statementTimeoutMs: settings.timeout };
    const database = opened.use(await openRestored(place, signal));
    return { place, database, environment: variables, facts: await serverFacts(server, database) };
  });
  const isFresh = journal.judge("server-is-fresh-and-apart", started, ({ facts }) =>
    judgeServer(source, facts),
  );
  const used = {
    server: started.kind === "seen" ? started.value.facts.words : "",
    programs: programs.directory,
  };
  if (started.kind !== "seen" || !isFresh) return used;
  const { place, database, environment } = started.value;

  const restored = await journal.phase("restore", "recovery", async () => {
    const manner = { kind: "rehearsal", jobs: settings.jobs } as const;
    const asOwner = settings.superuser ? environment : { ...environment, PGUSER: OWNER };
    return tools.restore({ archive: workspace.archive, environment: asOwner, manner }, signal);
  });
  if (!journal.judge("restore-ends-without-error", restored, judgeRestore)) return used;
  await journal.phase("analyze", "recovery", async () =>
    demandSuccess("analyze", await tools.analyze(environment, settings.jobs, signal)),
  );
  const answers = await journal.phase("ask the application's questions", "recovery", async () => {
    const asOwner = new Secret(place.url.reveal().replace("user=postgres", `user=${OWNER}`));
    await using application = await openAsApplication({ ...place, url: asOwner }, signal);
    return await askQueries(application, settings.queries);
  });
  journal.judge(
    "application-queries-answer",
    Object.keys(settings.queries).length > 0
      ? answers
      : { kind: "unasked", reason: "the configuration asks nothing; see drill.queries" },
    (value) => judgeAnswers(new Date(manifest.snapshotAt), value),
  );
  const { collation } = started.value.facts;
  await proveContents({ ...order, database, environment, collation }, tools, journal, signal);
  return used;
}

async function proveContents(
  order: DrillOrder & {
    readonly database: RestoredDatabase;
    readonly environment: Environment;
    readonly collation: string;
  },
  tools: RestorePrograms,
  journal: DrillJournal,
  signal: AbortSignal,
): Promise<void> {
  const { manifest, database, environment, collation, migrationTable } = order;
  const { source } = manifest;
  const structure = await journal.phase("compare the structure", "proof", async () => ({
    objects: await restoredObjects(database),
    extensions: await restoredExtensions(database),
  }));
  journal.judge("structure-is-the-same", structure, (value) => judgeStructure(source, value));

  // It has a connection and a core of its own; the reader of rows has the other.
  const pages = journal.phase("check the pages", "proof", async () => {
    const ended = await tools.amcheck(environment, order.settings.jobs, signal);
    if (ended) return ended;
    throw new Error("pg_amcheck is not installed (Debian: apt-get install -y postgresql-contrib)");
  });
  pages.catch(() => {});

  const tables = await journal.phase("count rows", "proof", async () => {
    const counts: RestoredTable[] = [];
    for (const table of await restoredTables(database)) {
      counts.push({ ...table, rows: await countRows(database, table), rowHash: null });
    }
    return counts;
  });
  journal.judge("row-counts-are-the-same", tables, (value) => judgeRowCounts(source, value));

  const hashed = source.tables.filter(({ rowHash }) => rowHash !== null).map(qualified);
  const contents = await journal.phase("compare the contents", "proof", async () => {
    const contents: RestoredTable[] = [];
    for (const table of await restoredTables(database)) {
      if (!hashed.includes(qualified(table))) continue;
      contents.push({ ...table, rows: 0, rowHash: await hashRows(database, table) });
    }
    return contents;
  });
  const wasHashed = source.tables.length === 0 || hashed.length > 0;
  journal.judge(
    "row-contents-are-the-same",
    wasHashed
      ? contents
      : { kind: "unasked", reason: "the backup hashed no table; all are too large for it" },
    (value) => judgeRowContents(source, value),
  );

  const soundness = await journal.phase("check constraints and indexes", "proof", async () =>
    restoredSoundness(database),
  );
  journal.judge("constraints-and-indexes-are-sound", soundness, (value) =>
    judgeSoundness(source, value),
  );
  const sequences = await journal.phase("check sequences", "proof", async () =>
    restoredSequences(database),
  );
  journal.judge("sequences-are-ahead", sequences, (value) => judgeSequences(source, value));
  const heads = await journal.phase("check the migration", "proof", async () =>
    restoredHeads(database, migrationTable),
  );
  journal.judge("migration-is-the-same", heads, (value) => judgeMigration(source, value));
  journal.judge("index-pages-are-sound", await pages, (value) =>
    judgePages(source, { ...value, collation }),
  );
}

type DescribedServer = ThrowAwayServer & { readonly collation: string; readonly words: string };

async function serverFacts(
  { major }: PostgresServer,
  database: RestoredDatabase,
): Promise<DescribedServer> {
  const [row] = await database.rows(
    z.object({
      systemIdentifier: z.string(),
      listensOn: z.string(),
      socketDirectory: z.string(),
      version: z.string(),
      collation: z.string(),
      settings: z.string(),
    }),
    `select system_identifier::text as "systemIdentifier",
       current_setting('listen_addresses') as "listensOn",
       current_setting('unix_socket_directories') as "socketDirectory",
       current_setting('server_version') as version, datcollate as collation,
       (select string_agg(name || ' ' || current_setting(name), ', ' order by name) from pg_settings
        where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'shared_buffers',
          'maintenance_work_mem', 'max_wal_size', 'wal_level', 'autovacuum')) as settings
     from pg_control_system(), pg_database where datname = current_database()`,
  );
  if (!row) throw new Error("the server says nothing of itself");
  const { mode } = await stat(row.socketDirectory);
  return {
    major,
    systemIdentifier: row.systemIdentifier,
    listensOn: row.listensOn,
    collation: row.collation,
    socketMode: (mode & 0o777).toString(8),
    objects: await ownObjects(database),
    words: `PostgreSQL ${row.version.split(" ")[0]}, ${row.settings}`,
  };
}

/** The archive and the restored database are both there at once. */
async function demandRoom({ artifact, source }: Manifest, path: string): Promise<void> {
  const needed = artifact.bytes + 2 * source.databaseBytes + EMPTY_CLUSTER_BYTES;
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new SystemError(
    "disk",
    "rejected",
    `it takes ${valueText(needed, "Bytes")} of room, and ${valueText(free, "Bytes")} are free`,
  );
}

function demandSuccess(what: string, ended: ProgramEnd): void {
  if (ended.exitCode !== 0) throw new Error(`cannot ${what}: ${wordsOf(ended)}`);
}

function wordsOf({ exitCode, complaints }: ProgramEnd): string {
  return complaints.length > 0 ? few(complaints) : `it ended with ${exitCode ?? "a signal"}`;
}
