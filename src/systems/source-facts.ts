import { z } from "zod";

import { definitionDigest, structureDigest } from "../core/manifest-structure.ts";
import { rowText, type SourceFacts, type StructureObject } from "../core/manifest.ts";

/** Asks within one open transaction; what it sees is one snapshot. */
export type AskSource = (sql: string, values?: readonly unknown[]) => Promise<readonly unknown[]>;

export type FactsWanted = {
  /** The table of the migration tool, with its schema or without; what is not there has no heads. */
  readonly migrationTable: string;
  /** Tables up to this size are read once more for a hash over their rows. */
  readonly hashUpToBytes: number;
};

/**
 * Reads what a restored copy has to be equal to. A drill has its own ways to read the same, so that one mistake here
 * cannot hide another.
 */
export async function sourceFacts(ask: AskSource, wanted: FactsWanted): Promise<SourceFacts> {
  for (const [name, value] of Object.entries(rowText)) {
    await ask(`select set_config($1, $2, true)`, [name, value]);
  }
  // With row security a count would be of what this role may see; an error is the better answer.
  await ask(`select set_config('row_security', 'off', true)`);
  const [server] = z.tuple([serverSchema]).parse(await ask(SERVER));
  const structure = z
    .array(structureRow)
    .parse(await ask(STRUCTURE))
    .map(({ kind, name, definition }): StructureObject => ({
      kind,
      name,
      digest: definitionDigest(definition),
    }));
  return {
    ...server,
    systemIdentifier: await systemIdentifier(ask),
    migrationHeads: await migrationHeads(ask, wanted.migrationTable),
    extensions: z.array(extensionRow).parse(await ask(EXTENSIONS)),
    tables: await tables(ask, wanted.hashUpToBytes),
    sequences: z.array(sequenceRow).parse(await ask(SEQUENCES)),
    structure,
    structureDigest: structureDigest(structure),
    rowText: { ...rowText },
  };
}

async function tables(ask: AskSource, hashUpToBytes: number): Promise<SourceFacts["tables"]> {
  const named = z.array(tableRow).parse(await ask(TABLES));
  const counted: SourceFacts["tables"] = [];
  for (const { schema, name, quoted, bytes, rowHash } of named) {
    const hash = bytes <= hashUpToBytes ? `coalesce(sum(${rowHash}), 0)::text` : "null";
    // ONLY, because what inherits from it has a line of its own.
    const [row] = z
      .tuple([countRow])
      .parse(
        await ask(`select count(*)::float8 as "rows", ${hash} as "rowHash" from only ${quoted} t`),
      );
    counted.push({ schema, name, ...row });
  }
  return counted;
}

async function migrationHeads(ask: AskSource, table: string): Promise<string[]> {
  const [schema, name] = table.includes(".") ? table.split(".", 2) : [undefined, table];
  const [found] = z
    .array(z.object({ quoted: z.string(), heading: z.string() }))
    .parse(await ask(MIGRATION_TABLE, [schema ?? null, name]));
  if (!found) return [];
  const { quoted, heading } = found;
  const rows = await ask(`select ${heading}::text as head from ${quoted} order by 1`);
  return z
    .array(z.object({ head: z.string() }))
    .parse(rows)
    .map(({ head }) => head);
}

/** Hosted servers may keep it to themselves, and an error would end the transaction. */
async function systemIdentifier(ask: AskSource): Promise<string | null> {
  const [may] = z
    .tuple([z.object({ allowed: z.boolean() })])
    .parse(
      await ask(
        `select has_function_privilege('pg_catalog.pg_control_system()', 'execute') as allowed`,
      ),
    );
  if (!may.allowed) return null;
  const [row] = z
    .tuple([z.object({ id: z.string() })])
    .parse(await ask(`select system_identifier::text as id from pg_catalog.pg_control_system()`));
  return row.id;
}

const countRow = z.object({ rows: z.int(), rowHash: z.string().nullable() });

/** What a dump holds: neither the server's own, nor what an extension brings along. */
const OURS = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;
const notOfAnExtension = (catalog: string, oid: string): string =>
  `not exists (select from pg_depend e where e.deptype = 'e' and e.classid = 'pg_catalog.${catalog}'::regclass and e.objid = ${oid})`;

const SERVER = `
  select current_database() as database,
    pg_database_size(current_database())::float8 as "databaseBytes",
    current_setting('server_version') as "serverVersion",
    current_setting('server_version_num')::int as "serverVersionNumber",
    pg_encoding_to_char(d.encoding) as encoding,
    d.datcollate as collation,
    case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text as "walPosition"
  from pg_database d where d.datname = current_database()`;
const serverSchema = z.object({
  database: z.string(),
  databaseBytes: z.int(),
  serverVersion: z.string(),
  serverVersionNumber: z.int(),
  encoding: z.string(),
  collation: z.string(),
  walPosition: z.string().nullable(),
});

const EXTENSIONS = `select extname as name, extversion as version from pg_extension order by 1`;
const extensionRow = z.object({ name: z.string(), version: z.string() });

/**
 * The server writes the expression that hashes a row by its columns: a row as one text costs twice as much. CONCAT asks
 * the type how a value is written, and no cast that somebody may have defined; a text is written as it is.
 */
const ROW_HASH = `
  select coalesce(string_agg(
    format('case when t.%1$I is not distinct from null then %2$s else pg_catalog.hashtextextended(%3$s collate "C", %2$s) end',
      attname, n, case when atttypid in ('text'::regtype, 'varchar'::regtype) then format('t.%I', attname)
        else format('pg_catalog.concat(t.%I)', attname) end),
    ' # ' order by n), '0::bigint')
  from (
    select attname, atttypid, row_number() over (order by attname) as n from pg_attribute
    where attrelid = c.oid and attnum > 0 and not attisdropped
  ) as columns`;

const TABLES = `
  select n.nspname as schema, c.relname as name, format('%I.%I', n.nspname, c.relname) as quoted,
    pg_table_size(c.oid)::float8 as bytes, (${ROW_HASH}) as "rowHash"
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and ${OURS} and ${notOfAnExtension("pg_class", "c.oid")}
  order by 1, 2`;
const tableRow = z.object({
  schema: z.string(),
  name: z.string(),
  quoted: z.string(),
  bytes: z.number(),
  rowHash: z.string(),
});

const SEQUENCES = `
  select n.nspname as schema, c.relname as name, pg_sequence_last_value(c.oid)::text as "lastValue"
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'S' and ${OURS} and ${notOfAnExtension("pg_class", "c.oid")}
  order by 1, 2`;
const sequenceRow = z.object({
  schema: z.string(),
  name: z.string(),
  lastValue: z.string().nullable(),
});

const MIGRATION_TABLE = `
  select format('%I.%I', n.nspname, c.relname) as quoted,
    (select quote_ident(attname) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
      order by attnum limit 1) as heading
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and c.relname = $2 and n.nspname = coalesce($1, n.nspname) and ${OURS}
  order by n.nspname <> 'public', n.nspname limit 1`;

const structureRow = z.object({
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
  name: z.string(),
  definition: z.string(),
});

/** An invalid index is not dumped, so it is not missed either. */
const STRUCTURE = `
  with relation as (
    select c.oid, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
      n.nspname || '.' || c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where ${OURS} and ${notOfAnExtension("pg_class", "c.oid")}
  )
  select 'table' as kind, name,
    concat_ws(' ', relkind, relpersistence, relrowsecurity, relforcerowsecurity) as definition
  from relation where relkind in ('r', 'p', 'f')
  union all
  select 'column', r.name || '.' || a.attname,
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
      pg_get_expr(d.adbin, d.adrelid))
  from relation r join pg_attribute a on a.attrelid = r.oid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where r.relkind in ('r', 'p', 'f', 'c') and a.attnum > 0 and not a.attisdropped
  union all
  select 'constraint', r.name || '.' || c.conname, concat_ws(' ', pg_get_constraintdef(c.oid), c.convalidated)
  from relation r join pg_constraint c on c.conrelid = r.oid
  union all
  select 'index', r.name, pg_get_indexdef(r.oid)
  from relation r join pg_index i on i.indexrelid = r.oid where i.indisvalid
  union all
  select 'view', name, pg_get_viewdef(oid) from relation where relkind in ('v', 'm')
  union all
  select 'sequence', r.name,
    concat_ws(' ', format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle)
  from relation r join pg_sequence s on s.seqrelid = r.oid
  union all
  select 'function', n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    case when p.prokind = 'a' then pg_get_function_result(p.oid) else pg_get_functiondef(p.oid) end
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where ${OURS} and ${notOfAnExtension("pg_proc", "p.oid")}
  union all
  select 'trigger', r.name || '.' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
  from relation r join pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal
  union all
  select 'type', n.nspname || '.' || t.typname,
    concat_ws(' ', t.typtype, case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
      t.typnotnull, t.typdefault,
      (select string_agg(quote_literal(enumlabel), ',' order by enumsortorder) from pg_enum where enumtypid = t.oid),
      (select string_agg(pg_get_constraintdef(c.oid), ',' order by conname) from pg_constraint c where contypid = t.oid),
      (select format_type(rngsubtype, null) from pg_range where rngtypid = t.oid))
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
  where t.typtype in ('e', 'd', 'r') and ${OURS} and ${notOfAnExtension("pg_type", "t.oid")}
  union all
  select 'policy', r.name || '.' || p.polname,
    concat_ws(' ', p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid),
      pg_get_expr(p.polwithcheck, p.polrelid))
  from relation r join pg_policy p on p.polrelid = r.oid
  order by 1, 2, 3`;
