import { few, qualified } from "./drill-words.ts";
import type { Manifest, StructureObject } from "./manifest.ts";
import type { Observation } from "./status.ts";

type Source = Manifest["source"];
type Extension = Source["extensions"][number];

export type RestoredStructure = {
  readonly objects: readonly StructureObject[];
  readonly extensions: readonly Extension[];
};

/** Everything that the source had is there and is the same, and nothing else came along. */
export function judgeStructure(
  source: Pick<Source, "structure" | "extensions">,
  restored: RestoredStructure,
): readonly Observation[] {
  const kept = new Map(source.structure.map((one) => [labelOf(one), one.digest]));
  const found = new Map(restored.objects.map((one) => [labelOf(one), one.digest]));
  const extensions = source.extensions.map(versioned);
  const foundExtensions = restored.extensions.map(versioned);
  return [
    comparison(`${kept.size} objects of the schema`, {
      missing: tablesFirst([...kept.keys()].filter((label) => !found.has(label))),
      changed: [...kept]
        .filter(([label, digest]) => found.has(label) && found.get(label) !== digest)
        .map(([label]) => label),
      strange: tablesFirst([...found.keys()].filter((label) => !kept.has(label))),
    }),
    comparison(`${extensions.length} extensions`, {
      missing: extensions.filter((one) => !foundExtensions.includes(one)),
      changed: [],
      strange: foundExtensions.filter((one) => !extensions.includes(one)),
    }),
  ];
}

export type RestoredTable = {
  readonly schema: string;
  readonly name: string;
  readonly rows: number;
  readonly rowHash: string | null;
};

/** Exactly the rows of the snapshot: a table may be empty when it was empty. */
export function judgeRowCounts(
  source: Pick<Source, "tables">,
  restored: readonly RestoredTable[],
): readonly Observation[] {
  const found = new Map(restored.map((table) => [qualified(table), table.rows]));
  const kept = source.tables.map((table) => ({ name: qualified(table), rows: table.rows }));
  const total = kept.reduce((sum, { rows }) => sum + rows, 0);
  return [
    comparison(`${total} rows in ${kept.length} tables`, {
      missing: kept.filter(({ name }) => !found.has(name)).map(({ name }) => name),
      changed: kept
        .filter(({ name, rows }) => found.has(name) && found.get(name) !== rows)
        .map(({ name, rows }) => `${name} (${rows} rows, ${found.get(name)} restored)`),
      strange: [...found.keys()].filter((name) => !kept.some((table) => table.name === name)),
    }),
  ];
}

/** The same rows and not only as many: every table whose rows were hashed in the snapshot is hashed again. */
export function judgeRowContents(
  source: Pick<Source, "tables">,
  restored: readonly RestoredTable[],
): readonly Observation[] {
  const hashed = source.tables.filter(({ rowHash }) => rowHash !== null);
  const found = new Map(restored.map((table) => [qualified(table), table.rowHash]));
  return [
    comparison(`contents of ${hashed.length} of ${source.tables.length} tables`, {
      missing: hashed.map(qualified).filter((name) => (found.get(name) ?? null) === null),
      changed: hashed
        .filter((table) => {
          const restoredHash = found.get(qualified(table)) ?? null;
          return restoredHash !== null && restoredHash !== table.rowHash;
        })
        .map(qualified),
      strange: [],
    }),
  ];
}

type Differences = {
  readonly missing: readonly string[];
  readonly changed: readonly string[];
  readonly strange: readonly string[];
};

function comparison(what: string, { missing, changed, strange }: Differences): Observation {
  const told = [
    ...(missing.length > 0 ? [`missing: ${few(missing)}`] : []),
    ...(changed.length > 0 ? [`different: ${few(changed)}`] : []),
    ...(strange.length > 0 ? [`not in the source: ${few(strange)}`] : []),
  ];
  return {
    what,
    expected: "as in the snapshot",
    actual: told.length === 0 ? "as in the snapshot" : told.join("; "),
    ok: told.length === 0,
  };
}

/** Whoever misses a table need not be told of each of its columns. */
function tablesFirst(labels: readonly string[]): readonly string[] {
  const tables = labels.filter((label) => label.startsWith(TABLE));
  const parts = tables.map((label) => ` ${label.slice(TABLE.length)}.`);
  const others = labels.filter(
    (label) => !label.startsWith(TABLE) && !parts.some((part) => label.includes(part)),
  );
  return [...tables, ...others];
}

const TABLE = "table ";

function labelOf({ kind, name }: StructureObject): string {
  return `${kind} ${name}`;
}

function versioned({ name, version }: Extension): string {
  return `${name} ${version}`;
}
