import { z } from "zod";

/**
 * What a backup says of itself. A manifest is written last, so it is the commit mark: an artifact without one never
 * happened. It holds names, counts and digests and no value of any row, because it is kept in clear beside what is sealed.
 *
 * Everything under `source` was read in the very snapshot that the dump was made of, so what is restored must be equal,
 * not similar. Two exceptions: sequences and the size of the database stand outside of snapshots.
 */
export const MANIFEST_FORMAT = "flightdeck-backup";

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const moment = z.iso.datetime({ precision: 3 });
const count = z.int().nonnegative();

/**
 * The name of a backup, and how its files' names begin: the second in which it was begun, in UTC. It means the same when
 * the database that counted everything else is lost.
 */
export const backupIdSchema = z.string().regex(/^\d{8}T\d{6}Z$/);

/** A table that holds rows of its own; partitions are listed, what only groups them is not. */
const tableSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  /** Exact, by `count(*)`. */
  rows: count,
  /**
   * The sum over all rows, which no order of rows changes, of what the columns of a row come to by `#`. The n-th column by
   * name comes to `hashtextextended(its value as text, n)`, and to n where it is null. What a value is as text depends on
   * the settings named by `rowText`. Null where the table was too large to be read once more, "0" where it is empty.
   */
  rowHash: z
    .string()
    .regex(/^-?\d+$/)
    .nullable(),
});

const sequenceSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  /** The last value given; null when none was. A dump that was made later holds the same or a higher one. */
  lastValue: z
    .string()
    .regex(/^-?\d+$/)
    .nullable(),
});

/**
 * One thing of the schema and what it is. The digest is SHA-256 over its definition as PostgreSQL spells it with an empty
 * search path, after `plainDefinition`, because a restore reads an expression anew and spells its casts differently.
 */
const objectSchema = z.strictObject({
  kind: z.enum([
    "table",
    "column",
    "constraint",
    "index",
    "view",
    "sequence",
    "function",
    "trigger",
    "type",
    "policy",
  ]),
  /** With its schema, and where it belongs to a table with that: `public.work_item.title`. */
  name: z.string(),
  digest,
});

/** The settings under which a row is written as text before it is hashed; the same on both sides, or no hash is equal. */
export const rowText = {
  timezone: "UTC",
  datestyle: "ISO, YMD",
  intervalstyle: "iso_8601",
  extra_float_digits: "1",
  bytea_output: "hex",
  search_path: "",
} as const;

export const manifestSchema = z.strictObject({
  format: z.literal(MANIFEST_FORMAT),
  v: z.literal(1),
  id: backupIdSchema,
  target: z.string(),
  /** The evidence log that tells of it. */
  origin: z.string(),
  run: z.string(),
  /** Hash of the configuration in force. */
  config: z.string(),
  build: z.string(),
  artifact: z.strictObject({
    /** Its key in the bucket, and the name of the local file: `artifactNames`. */
    key: z.string(),
    bytes: z.int().positive(),
    sha256: digest,
    /** From the inside out: what `pg_restore` reads, what packs it, what seals it. */
    dump: z.literal("pg_dump custom"),
    compression: z.literal("zstd"),
    encryption: z.literal("age"),
    recipients: z.strictObject({ drill: z.string(), recovery: z.string() }),
    /** Entries that `pg_restore --list` counts; null when whoever made it has no identity to open it with. */
    listed: count.nullable(),
  }),
  /** When the snapshot was taken, by the clock of the source: what is later is not in it. */
  snapshotAt: moment,
  madeAt: moment,
  source: z.strictObject({
    /** Tells a cluster from every other; null where the server does not tell. */
    systemIdentifier: z.string().nullable(),
    database: z.string(),
    databaseBytes: count,
    serverVersion: z.string(),
    serverVersionNumber: count,
    clientVersion: z.string(),
    encoding: z.string(),
    collation: z.string(),
    walPosition: z.string().nullable(),
    /** What the table of the migration tool holds, such as Alembic's one head; empty when there is no such table. */
    migrationHeads: z.array(z.string()),
    extensions: z.array(z.strictObject({ name: z.string(), version: z.string() })),
    tables: z.array(tableSchema),
    sequences: z.array(sequenceSchema),
    structure: z.array(objectSchema),
    /** `structureDigest` of `structure`, for a first glance. */
    structureDigest: digest,
    rowText: z.strictObject(
      Object.fromEntries(Object.keys(rowText).map((name) => [name, z.string()])) as Record<
        keyof typeof rowText,
        z.ZodString
      >,
    ),
  }),
});

export type Manifest = z.output<typeof manifestSchema>;
export type SourceFacts = Omit<Manifest["source"], "clientVersion">;
export type StructureObject = z.output<typeof objectSchema>;

/** A backup's two names, the same in the bucket below its folder and in the local folder. */
export function artifactNames(id: string): {
  readonly artifact: string;
  readonly manifest: string;
} {
  return { artifact: `${id}.dump.zst.age`, manifest: `${id}.manifest.json` };
}

/** The backup whose manifest has this name; undefined for any other file. */
export function idOfManifest(name: string): string | undefined {
  return /^(\d{8}T\d{6}Z)\.manifest\.json$/.exec(name)?.[1];
}

export function backupIdOf(begun: Date): string {
  return begun.toISOString().replace(/[-:]|\.\d{3}/g, "");
}

/** When a backup with this name was begun. */
export function begunAt(id: string): Date {
  return new Date(
    id.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, "$1-$2-$3T$4:$5:$6Z"),
  );
}
