import { execFile } from "node:child_process";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { Client } from "pg";

import { Secret } from "../src/core/secret.ts";
import { createDrillJournal } from "../src/jobs/drill-journal.ts";
import { proveBackup } from "../src/jobs/drill-proof.ts";
import { drillSetting } from "../src/jobs/drill-settings.ts";
import { openWorkspace } from "../src/jobs/drill-workspace.ts";
import { startPostgres } from "../src/servers/postgres.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { folderShelf } from "../test/support/folder-shelf.ts";
import { makeBackup, newKeys } from "../test/support/made-backup.ts";
import type { Bench, Round } from "./bench.ts";

const MEBIBYTE = 1024 * 1024;
const ROWS = 380_000;

/** Shaped as the product's tables are: prose, events in JSON, an index for what is looked for. */
const FILL = `
  create table alembic_version (version_num varchar(32) primary key);
  insert into alembic_version values ('c3a2b7d9f1e0');
  create table inbox_items (id varchar primary key, user_id varchar not null, message_raw text not null,
    created_at timestamptz not null default now());
  insert into inbox_items select 'inb_' || md5(n::text), 'usr_' || n % 50,
    'Remember to write about number ' || n || ' before the week is over; it was called ' || md5((n * 3)::text) ||
    ' in the letter that came with it', now() - n * interval '1 minute'
    from generate_series(1, $ROWS) n;
  create table event_log (id bigint generated always as identity primary key, event_type varchar not null,
    inbox_item varchar references inbox_items (id), payload jsonb not null, created_at timestamptz not null default now());
  insert into event_log (event_type, inbox_item, payload) select (array['captured','synced','completed'])[n % 3 + 1],
    'inb_' || md5(n::text), jsonb_build_object('user_id', 'usr_' || n % 50, 'request_id', md5((n * 11)::text),
      'latency_ms', n % 900, 'status', 'ok')
    from generate_series(1, $ROWS) n;
  create index ix_event_type on event_log (event_type, created_at);
  analyze;`;

export const drill: Bench = {
  name: "drill",
  summary:
    "a drill with every check, beside restoring the same dump in a shell and looking at nothing",
  usualRounds: 3,
  async measure({ rounds, signal }) {
    await using opened = new AsyncDisposableStack();
    const directory = opened.use(await temporaryDirectory("drill-bench"));
    await chmod(directory.path, 0o711);
    const place = (name: string): string => join(directory.path, name);
    const server = opened.use(
      await startPostgres({ directory: place("postgres"), durable: false, signal }),
    );
    await server.ensureDatabase("product");
    const bytes = await fill(server.url("product"), ROWS);
    await mkdir(place("backups"));
    const keys = await newKeys();
    const made = await makeBackup({
      url: server.url("product"),
      programs: server.programs,
      folder: place("backups"),
      keys,
    });
    await writeFile(place("archive"), made.archive);

    const drilled = async (): Promise<void> => {
      const journal = createDrillJournal({
        signal,
        now: () => new Date(),
        scrub: (text) => text,
        report: () => undefined,
      });
      await using workspace = await openWorkspace(place("data"), signal);
      const order = {
        manifest: made.manifest,
        shelf: folderShelf(made.folder),
        workspace,
        identity: new Secret(keys.drill),
        migrationTable: "alembic_version",
        settings: drillSetting.parse({
          queries: { events: { sql: "select count(*) from event_log", atLeast: ROWS } },
        }),
      };
      await proveBackup(order, journal, signal);
      const wrong = journal.progress().findings.filter(({ status }) => status !== "pass");
      if (wrong.length > 0) throw new Error(`The drill found ${JSON.stringify(wrong)}.`);
    };
    const restored = async (): Promise<void> => {
      const fresh = place("fresh");
      {
        await using target = await startPostgres({ directory: fresh, durable: false, signal });
        const args = ["-j2", "--exit-on-error", `--dbname=${target.url()}`, place("archive")];
        await promisify(execFile)(join(target.programs, "pg_restore"), args, { signal });
      }
      await rm(fresh, { recursive: true });
    };
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      signal.throwIfAborted();
      measured.push({ ours: await timed(drilled), beside: await timed(restored) });
    }
    return [
      {
        what: `a drill with every check, ${Math.round(bytes / MEBIBYTE)} MiB of database`,
        unit: "ms",
        besideName: "a fresh server and pg_restore -j2",
        rounds: measured,
        goal: { of: "value", atMost: 10_000 },
      },
    ];
  },
};

async function fill(url: string, rows: number): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(FILL.replaceAll("$ROWS", String(rows)));
    const { rows: sizes } = await client.query<{ bytes: string }>(
      "select pg_database_size(current_database())::text as bytes",
    );
    return Number(sizes[0]?.bytes);
  } finally {
    await client.end();
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
