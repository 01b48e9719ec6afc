import { execFile } from "node:child_process";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { Secret } from "../src/core/secret.ts";
import { createDrillJournal } from "../src/jobs/drill/drill-journal.ts";
import { proveBackup } from "../src/jobs/drill/drill-proof.ts";
import { drillSetting } from "../src/jobs/drill/drill-settings.ts";
import { openWorkspace } from "../src/jobs/drill/drill-workspace.ts";
import { startPostgres } from "../src/servers/postgres.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { folderShelf } from "../test/support/folder-shelf.ts";
import { makeBackup, newKeys } from "../test/support/made-backup.ts";
import type { Bench, Comparison, Conditions, Round } from "./bench.ts";
import { EVENTS_A_MESSAGE, fillAsProduct, USUAL_MESSAGES } from "./product-data.ts";

const MEBIBYTE = 1024 * 1024;

const SUMMARY =
  "a drill with every check, beside restoring the same dump in a shell and looking at nothing";

export const drill: Bench = {
  name: "drill",
  summary: SUMMARY,
  usualRounds: 3,
  measure: async (conditions) =>
    measureDrill({ messages: USUAL_MESSAGES, withinMs: 10_000 }, conditions),
};

/** Four times as much: some 1.1 GB. */
export const drillOfMuch: Bench = {
  name: "drill-of-much",
  summary: `${SUMMARY}; of a gigabyte`,
  usualRounds: 1,
  measure: async (conditions) =>
    measureDrill({ messages: 4 * USUAL_MESSAGES, withinMs: 35_000 }, conditions),
};

async function measureDrill(
  { messages, withinMs }: { readonly messages: number; readonly withinMs: number },
  { rounds, signal }: Conditions,
): Promise<readonly Comparison[]> {
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(await temporaryDirectory("drill-bench"));
  await chmod(directory.path, 0o711);
  const place = (name: string): string => join(directory.path, name);
  const server = opened.use(
    await startPostgres({ directory: place("postgres"), durable: false, signal }),
  );
  await server.ensureDatabase("product");
  const bytes = await fillAsProduct(server.url("product"), messages);
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
        queries: {
          events: { sql: "select count(*) from event_log", atLeast: EVENTS_A_MESSAGE * messages },
        },
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
      goal: { of: "value", atMost: withinMs },
    },
  ];
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
