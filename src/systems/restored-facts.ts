import { z } from "zod";

import { definitionDigest } from "../core/manifest-structure.ts";
import type { StructureObject } from "../core/manifest.ts";
import type { RestoredDatabase } from "./restored-database.ts";

// A drill reads with statements of its own: whoever took the backup could be wrong in the same way twice.

/** Schemas that belong to the application; those of the server and of temporary tables do not. */
const SCHEMAS = `nspname <> 'information_schema' and left(nspname, 3) <> 'pg_'`;

/** Objects that an extension brought along are restored by it and not by the dump. */
const EXTENSIONS_OWN = `select objid from pg_catalog.pg_depend where deptype = 'e'`;

const tableRow = z.object({ schema: z.string(), name: z.string(), quoted: z.string() });
type Table = z.output<typeof tableRow>;

const TABLES = `
  select tables.schemaname as schema, tables.tablename as name,
    quote_ident(tables.schemaname) || '.' || quote_ident(tables.tablename) as quoted
  from pg_catalog.pg_tables as tables
  join pg_catalog.pg_namespace on nspname = tables.schemaname
  join pg_catalog.pg_class on relnamespace = pg_namespace.oid and relname = tables.tablename
  where ${SCHEMAS} and relkind <> 'p' and pg_class.oid not in (${EXTENSIONS_OWN})
  order by schema, name`;

/** Every table that holds rows of its own, partitions among them. */
export async function restoredTables(database: RestoredDatabase): Promise<readonly Table[]> {
  return database.rows(tableRow, TABLES);
}

/** How many rows it has by itself, without those of what inherits from it. */
export async function countRows(database: RestoredDatabase, { quoted }: Table): Promise<number> {
  const [row] = await database.rows(
    z.object({ rows: z.coerce.number() }),
    `select count(*)::text as rows from only ${quoted}`,
  );
  return row?.rows ?? 0;
}

/** The same number for the same rows, whatever their order: `rowHash` of the manifest. */
export async function hashRows(database: RestoredDatabase, { quoted }: Table): Promise<string> {
  const columns = await database.rows(
    z.object({ quoted: z.string(), isText: z.boolean() }),
    `select quote_ident(attname) as quoted, atttypid::regtype::text in ('text', 'character varying') as "isText"
     from pg_catalog.pg_attribute
     where attrelid = $1::regclass and attnum >= 1 and attisdropped is false order by attname`,
    [quoted],
  );
  const hashes = columns.map((column, index) => {
    const value = `one.${column.quoted}`;
    // Whatever else it is, its type says how it is written; a cast could be anybody's.
    const written = column.isText ? value : `concat(${value})`;
    const hash = `hashtextextended(${written} collate "C", ${index + 1})`;
    return `case num_nulls(${value}) when 1 then ${index + 1} else ${hash} end`;
  });
  const [row] = await database.rows(
    z.object({ hash: z.string() }),
    `select coalesce(sum(${hashes.join(" # ") || "0::bigint"}), 0)::text as hash from only ${quoted} as one`,
  );
  return row?.hash ?? "0";
}

const RELATIONS = `
  select pg_class.*, nspname || '.' || relname as full_name
  from pg_catalog.pg_class join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
  where ${SCHEMAS} and pg_class.oid not in (${EXTENSIONS_OWN})`;

/** What every kind of object is, as PostgreSQL spells it: one statement a kind. */
const DEFINITIONS: Readonly<Record<StructureObject["kind"], string>> = {
  table: `
    select full_name as name,
      concat(relkind, ' ', relpersistence, ' ', relrowsecurity, ' ', relforcerowsecurity) as definition
    from relations where relkind = any ('{r,p,f}')`,
  column: `
    select full_name || '.' || attname as name,
      concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
        (select pg_get_expr(adbin, adrelid) from pg_catalog.pg_attrdef where adrelid = attrelid and adnum = attnum)
      ) as definition
    from pg_catalog.pg_attribute join relations on relations.oid = attrelid
    where relkind = any ('{r,p,f,c}') and attnum >= 1 and attisdropped is false`,
  constraint: `
    select full_name || '.' || conname as name,
      concat(pg_get_constraintdef(pg_constraint.oid), ' ', convalidated) as definition
    from pg_catalog.pg_constraint join relations on relations.oid = conrelid`,
  index: `
    select full_name as name, pg_get_indexdef(indexrelid) as definition
    from pg_catalog.pg_index join relations on relations.oid = indexrelid where indisvalid`,
  view: `
    select full_name as name, pg_get_viewdef(oid) as definition from relations
    where relkind = any ('{v,m}')`,
  sequence: `
    select schemaname || '.' || sequencename as name,
      concat_ws(' ', data_type, start_value, increment_by, min_value, max_value, cycle) as definition
    from pg_catalog.pg_sequences join relations on full_name = schemaname || '.' || sequencename
    where relkind = 'S'`,
  function: `
    select nspname || '.' || proname || '(' || pg_get_function_identity_arguments(pg_proc.oid) || ')' as name,
      case prokind when 'a' then pg_get_function_result(pg_proc.oid) else pg_get_functiondef(pg_proc.oid) end
        as definition
    from pg_catalog.pg_proc join pg_catalog.pg_namespace on pg_namespace.oid = pronamespace
    where ${SCHEMAS} and pg_proc.oid not in (${EXTENSIONS_OWN})`,
  trigger: `
    select full_name || '.' || tgname as name,
      concat(pg_get_triggerdef(pg_trigger.oid), ' ', tgenabled) as definition
    from pg_catalog.pg_trigger join relations on relations.oid = tgrelid where tgisinternal is false`,
  type: `
    select nspname || '.' || typname as name,
      concat_ws(' ', typtype,
        case typtype when 'd' then format_type(typbasetype, typtypmod) end, typnotnull, typdefault,
        (select string_agg(quote_literal(enumlabel), ',' order by enumsortorder)
         from pg_catalog.pg_enum where enumtypid = pg_type.oid),
        (select string_agg(pg_get_constraintdef(oid), ',' order by conname)
         from pg_catalog.pg_constraint where contypid = pg_type.oid),
        (select format_type(rngsubtype, null) from pg_catalog.pg_range where rngtypid = pg_type.oid)
      ) as definition
    from pg_catalog.pg_type join pg_catalog.pg_namespace on pg_namespace.oid = typnamespace
    where typtype = any ('{e,d,r}') and ${SCHEMAS} and pg_type.oid not in (${EXTENSIONS_OWN})`,
  policy: `
    select full_name || '.' || polname as name,
      concat_ws(' ', polcmd, polpermissive, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
        as definition
    from pg_catalog.pg_policy join relations on relations.oid = polrelid`,
};

/** Every object of the schema with the digest of what it is. */
export async function restoredObjects(
  database: RestoredDatabase,
): Promise<readonly StructureObject[]> {
  const objects: StructureObject[] = [];
  for (const kind of Object.keys(DEFINITIONS) as StructureObject["kind"][]) {
    const found = await database.rows(
      z.object({ name: z.string(), definition: z.string() }),
      `with relations as (${RELATIONS}) ${DEFINITIONS[kind]}`,
    );
    objects.push(
      ...found.map(({ name, definition }) => ({
        kind,
        name,
        digest: definitionDigest(definition),
      })),
    );
  }
  return objects;
}

export async function restoredExtensions(
  database: RestoredDatabase,
): Promise<readonly { readonly name: string; readonly version: string }[]> {
  return database.rows(
    z.object({ name: z.string(), version: z.string() }),
    `select name, version from pg_catalog.pg_available_extension_versions where installed order by name`,
  );
}

/** Names of what a database holds beyond what every new one does. */
export async function ownObjects(database: RestoredDatabase): Promise<readonly string[]> {
  const found = await database.rows(
    z.object({ name: z.string() }),
    `select full_name as name from (${RELATIONS}) as relations
     union all
     select nspname || '.' || proname from pg_catalog.pg_proc
     join pg_catalog.pg_namespace on pg_namespace.oid = pronamespace
     where ${SCHEMAS} and pg_proc.oid not in (${EXTENSIONS_OWN})
     union all
     select nspname || '.' || typname from pg_catalog.pg_type
     join pg_catalog.pg_namespace on pg_namespace.oid = typnamespace
     where typtype = any ('{e,d}') and ${SCHEMAS} and pg_type.oid not in (${EXTENSIONS_OWN})
     union all
     select 'schema ' || nspname from pg_catalog.pg_namespace
     where ${SCHEMAS} and nspname <> 'public' and oid not in (${EXTENSIONS_OWN})
     order by 1`,
  );
  return found.map(({ name }) => name);
}
