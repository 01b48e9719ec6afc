import { Client, type QueryResult, type QueryResultRow } from "pg";

import { entryHash, entrySchema, genesisHash, type Entry } from "../../src/core/entry.ts";

/** All entries of a log, with the chain walked: a gap or a broken link throws. */
export async function readEntries(databaseUrl: string, log = "sandbox"): Promise<readonly Entry[]> {
  const { rows } = await query<{ canonical: string; prev: string; hash: string; seq: string }>(
    databaseUrl,
    `select canonical, prev, hash, seq from evidence where log = $1 order by evidence.seq`,
    [log],
  );
  let previous = genesisHash(`flightdeck/evidence/${log}`);
  return rows.map((row, index) => {
    const entry = entrySchema.parse(JSON.parse(row.canonical));
    const sound =
      row.seq === String(index + 1) &&
      entry.seq === row.seq &&
      entry.prev === previous &&
      row.prev === previous &&
      row.hash === entryHash(row.canonical);
    if (!sound) throw new Error(`The chain is broken at ${row.seq}.`);
    previous = row.hash;
    return entry;
  });
}

export async function query<Row extends QueryResultRow = QueryResultRow>(
  databaseUrl: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<QueryResult<Row>> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await client.query<Row>(sql, [...values]);
  } finally {
    await client.end();
  }
}
