import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { RESTORE_USAGE, understandRestore, type RestoreOptions } from "./cli-restore-options.ts";
import { EXIT, loadFiles, type Terminal } from "./cli-terminal.ts";
import { resolveReferences } from "./config/references.ts";
import type { CommandLine } from "./core/command-line.ts";
import { readManifest } from "./core/manifest-reading.ts";
import { artifactNames, type Manifest } from "./core/manifest.ts";
import { createScrubber } from "./core/redaction.ts";
import { Secret } from "./core/secret.ts";
import { bucketShelf, manifestIn, manifestReadingOn } from "./jobs/drill/drill-shelf.ts";
import { restoreInto, type WayBackEnd } from "./jobs/rollback/way-back.ts";
import { temporaryDirectory } from "./servers/temporary-directory.ts";
import { identityProblem } from "./systems/age.ts";
import { createBucket } from "./systems/bucket.ts";
import { postgresUrlProblem } from "./systems/postgres.ts";
import { SystemError } from "./systems/system-error.ts";

/** What was asked cannot be done as it was asked; the message says what would be right. */
class RestoreUsageError extends Error {
  override readonly name = "RestoreUsageError";
}

type Files = readonly [string, ...string[]];

/** The way back on the worst day: nothing but this program, the file and the key. */
export async function restoreBackup(
  terminal: Terminal,
  line: CommandLine,
  files: Files,
): Promise<number> {
  const understood = understandRestore(line);
  if (!understood.ok) {
    terminal.stderr(`${understood.message}\n${RESTORE_USAGE}`);
    return EXIT.usage;
  }
  try {
    return await restore(terminal, understood.options, files);
  } catch (error) {
    if (error instanceof SystemError) {
      terminal.stderr(`${error.message}\nNothing was restored.\n`);
      return EXIT.no;
    }
    if (!(error instanceof RestoreUsageError)) throw error;
    terminal.stderr(`${error.message}\n`);
    return EXIT.usage;
  }
}

async function restore(terminal: Terminal, options: RestoreOptions, files: Files): Promise<number> {
  const { signal } = terminal;
  const to = addressOf(options.to, terminal);
  const identity = identityAt(options.identity, terminal);
  const scrub = createScrubber([to, identity]);
  const tell = (text: string): void => terminal.stdout(`${scrub(text)}\n`);
  await using room = await temporaryDirectory("fetch");
  const found =
    options.from.kind === "file"
      ? await besideFile(options.from.path, terminal)
      : await fromBucket(options.from.id, terminal, files, room.path);
  const end = await restoreInto({ ...found, identity, to, tell }, signal);
  return endOf(end, terminal, scrub);
}

function endOf(end: WayBackEnd, terminal: Terminal, scrub: (text: string) => string): number {
  switch (end.kind) {
    case "refused":
      terminal.stderr(`${scrub(end.reason)}\n`);
      return EXIT.no;
    case "unproved":
      terminal.stderr(
        `${scrub(end.reason)} So nobody can tell whether all came back: look at the data before anybody uses it.\n`,
      );
      return EXIT.unknown;
    case "restored":
      for (const difference of end.differences) terminal.stderr(`${scrub(difference)}\n`);
      if (end.differences.length > 0) return EXIT.no;
      terminal.stdout("It is what was counted when the backup was taken.\n");
      return EXIT.ok;
  }
}

type Found = {
  readonly artifact: string;
  readonly manifest: Manifest | undefined;
  readonly migrationTable: string;
};

const MIGRATION_TABLE = "alembic_version";

async function besideFile(path: string, { sources }: Terminal): Promise<Found> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) throw new RestoreUsageError(`There is no file ${path}.`);
  const id = /^(\d{8}T\d{6}Z)\.dump\.zst\.age$/.exec(basename(path))?.[1];
  const name = id === undefined ? `${basename(path)}.manifest.json` : artifactNames(id).manifest;
  const beside = join(dirname(path), name);
  const isThere = await stat(beside).catch(() => undefined);
  const manifest = isThere ? manifestIn(readManifest(sources.readFile(beside), name)) : undefined;
  return { artifact: path, manifest, migrationTable: MIGRATION_TABLE };
}

async function fromBucket(
  id: string,
  terminal: Terminal,
  files: Files,
  room: string,
): Promise<Found> {
  const config = loadFiles(terminal, files);
  if (!config) throw new RestoreUsageError("The bucket is that of the configuration.");
  const [{ settings }] = config.targets;
  const { bucket: bucketSettings } = settings.systems ?? {};
  if (!bucketSettings) {
    throw new RestoreUsageError(`${files[0]} configures no bucket; name the file instead.`);
  }
  const bucket = createBucket(bucketSettings, settings.target);
  try {
    const shelf = bucketShelf(bucket);
    const manifest = manifestIn(await manifestReadingOn(shelf, id, terminal.signal));
    const artifact = join(room, artifactNames(id).artifact);
    if (!(await shelf.fetch(artifactNames(id).artifact, artifact, terminal.signal))) {
      throw new RestoreUsageError(`${shelf.name} has the manifest of ${id} and not its bytes.`);
    }
    const migrationTable = settings.backup?.migrationTable ?? MIGRATION_TABLE;
    return { artifact, manifest, migrationTable };
  } finally {
    await bucket.close();
  }
}

function addressOf(typed: string, { sources }: Terminal): Secret {
  const { tree, findings } = resolveReferences(typed, sources);
  const [finding] = findings;
  if (finding) throw new RestoreUsageError(`--to: ${finding.message}`);
  const address = tree instanceof Secret ? tree.reveal().trim() : String(tree);
  const problem = postgresUrlProblem(address);
  if (problem !== undefined) throw new RestoreUsageError(`--to: ${problem}`);
  return new Secret(address);
}

function identityAt(path: string, { sources }: Terminal): Secret {
  let text: string;
  try {
    text = sources.readFile(path);
  } catch (cause) {
    throw new RestoreUsageError(`--identity ${path} cannot be read.`, { cause });
  }
  const problem = identityProblem(text);
  if (problem !== undefined) throw new RestoreUsageError(`--identity ${path}: ${problem}`);
  return new Secret(text);
}
