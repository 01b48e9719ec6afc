import { Client } from "pg";
import { expect, test } from "vitest";

import { ownDatabase } from "../../src/own-servers.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";

test("of processes that begin at once on an empty folder one starts PostgreSQL, and the others join it", async () => {
  await using opening = new AsyncDisposableStack();
  const { path: dataFolder } = opening.use(await temporaryDirectory("own-servers"));
  const { signal } = new AbortController();
  const parts = { dataFolder, signal, opening };
  const urls = await Promise.all([1, 2, 3].map(async () => ownDatabase(parts, "attach")));
  const servers = new Set<string>();
  for (const url of urls) servers.add(await startOf(url.reveal()));
  expect(servers.size).toBe(1);
}, 60_000);

/** When the server began tells two of them apart. */
async function startOf(url: string): Promise<string> {
  const client = new Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ began: string }>(
      "select pg_postmaster_start_time()::text as began",
    );
    return rows[0]?.began ?? "";
  } finally {
    await client.end();
  }
}
