import { z } from "zod";

import type { RestoredSequence, Soundness } from "../core/drill-soundness.ts";
import { definitionDigest } from "../core/manifest-structure.ts";
import type { RestoredDatabase } from "./restored-database.ts";

const named = z.object({ name: z.string() });

/** Whether what the schema promises is true of the rows. */
export async function restoredSoundness(database: RestoredDatabase): Promise<Soundness> {
  const invalid = await database.rows(
    named,
    `select indexrelid::regclass::text as name from pg_catalog.pg_index
     where not (indisvalid and indisready and indislive) order by 1`,
  );
  const unvalidated = await database.rows(
    z.object({ name: z.string(), definition: z.string() }),
    `select nspname || '.' || relname || '.' || conname as name,
       concat(pg_get_constraintdef(pg_constraint.oid), ' ', convalidated) as definition
     from pg_catalog.pg_constraint
     join pg_catalog.pg_class on pg_class.oid = conrelid
     join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
     where not convalidated order by 1`,
  );
  const orphans: string[] = [];
  for (const { name, statement } of await database.rows(foreignKey, FOREIGN_KEYS)) {
    const [row] = await database.rows(z.object({ rows: z.coerce.number() }), statement);
    if (row !== undefined && row.rows > 0) orphans.push(`${name} (${row.rows} rows)`);
  }
  return {
    invalidIndexes: invalid.map(({ name }) => name),
    unvalidated: unvalidated.map(({ name, definition }) => ({
      name,
      digest: definitionDigest(definition),
    })),
    orphans,
  };
}

const foreignKey = z.object({ name: z.string(), statement: z.string() });

/**
 * Makes for each foreign key the statement that counts its orphans. A key of several columns of which one is null points
 * at nothing by right, and one that nobody ever validated promises nothing.
 */
const FOREIGN_KEYS = `
  select keys.conrelid::regclass::text || '.' || keys.conname as name,
    format('select count(*)::text as rows from %s as child where %s and not exists (select from %s as parent where %s)',
      keys.conrelid::regclass,
      string_agg(format('child.%I is not null', child.attname), ' and ' order by pairs.n),
      keys.confrelid::regclass,
      string_agg(format('parent.%I operator(%I.%s) child.%I', parent.attname, op_schema.nspname, op.oprname, child.attname),
        ' and ' order by pairs.n)
    ) as statement
  from pg_catalog.pg_constraint as keys
  cross join lateral unnest(keys.conkey, keys.confkey, keys.conpfeqop) with ordinality as pairs(own, other, equals, n)
  join pg_catalog.pg_attribute as child on child.attrelid = keys.conrelid and child.attnum = pairs.own
  join pg_catalog.pg_attribute as parent on parent.attrelid = keys.confrelid and parent.attnum = pairs.other
  join pg_catalog.pg_operator as op on op.oid = pairs.equals
  join pg_catalog.pg_namespace as op_schema on op_schema.oid = op.oprnamespace
  where keys.contype = 'f' and keys.conparentid = 0 and keys.convalidated
  group by keys.oid, keys.conrelid, keys.confrelid, keys.conname
  order by 1`;

const sequenceRow = z.object({
  schema: z.string(),
  name: z.string(),
  lastValue: z.string().nullable(),
  step: z.string(),
  quotedTable: z.string().nullable(),
  quotedColumn: z.string().nullable(),
});

/** A sequence and the column whose default or identity takes from it. */
const SEQUENCES = `
  select s.schemaname as schema, s.sequencename as name, s.last_value::text as "lastValue",
    s.increment_by::text as step, feeds.refobjid::regclass::text as "quotedTable",
    (select quote_ident(attname) from pg_catalog.pg_attribute
     where attrelid = feeds.refobjid and attnum = feeds.refobjsubid) as "quotedColumn"
  from pg_catalog.pg_sequences as s
  join pg_catalog.pg_namespace on nspname = s.schemaname
  join pg_catalog.pg_class as c on c.relnamespace = pg_namespace.oid and c.relname = s.sequencename
  left join pg_catalog.pg_depend as feeds on feeds.objid = c.oid and feeds.deptype in ('a', 'i')
    and feeds.classid = 'pg_catalog.pg_class'::regclass and feeds.refobjsubid > 0
  where left(nspname, 3) <> 'pg_' and nspname <> 'information_schema'
  order by 1, 2`;

export async function restoredSequences(
  database: RestoredDatabase,
): Promise<readonly RestoredSequence[]> {
  const sequences: RestoredSequence[] = [];
  for (const { quotedTable, quotedColumn, ...sequence } of await database.rows(
    sequenceRow,
    SEQUENCES,
  )) {
    const farthest =
      quotedTable === null || quotedColumn === null
        ? null
        : await farthestValue(database, quotedTable, quotedColumn, BigInt(sequence.step) > 0n);
    sequences.push({ ...sequence, farthest });
  }
  return sequences;
}

async function farthestValue(
  database: RestoredDatabase,
  table: string,
  column: string,
  upwards: boolean,
): Promise<string | null> {
  const [row] = await database.rows(
    z.object({ value: z.string().nullable() }),
    `select ${upwards ? "max" : "min"}(${column})::bigint::text as value from ${table}`,
  );
  return row?.value ?? null;
}

/** What the table of the migration tool says, in its first column; none when there is no such table. */
export async function restoredHeads(
  database: RestoredDatabase,
  migrationTable: string,
): Promise<readonly string[]> {
  const [place] = await database.rows(
    z.object({ table: z.string(), column: z.string() }),
    `select c.oid::regclass::text as table, quote_ident(a.attname) as column
     from pg_catalog.pg_class as c
     join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p') and $1::text in (c.relname::text, n.nspname || '.' || c.relname)
       and left(n.nspname, 3) <> 'pg_'
     order by n.nspname = 'public' desc, n.nspname, a.attnum limit 1`,
    [migrationTable],
  );
  if (!place) return [];
  const rows = await database.rows(
    z.object({ head: z.string() }),
    `select ${place.column}::text as head from ${place.table} order by 1`,
  );
  return rows.map(({ head }) => head);
}
