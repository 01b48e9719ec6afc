import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { DRILL_CHECKS, type DrillCheck, type DrillFinding } from "../../src/core/drill-check.ts";
import { artifactNames } from "../../src/core/manifest.ts";
import { Secret } from "../../src/core/secret.ts";
import { createDrillJournal } from "../../src/jobs/drill/drill-journal.ts";
import { proveBackup } from "../../src/jobs/drill/drill-proof.ts";
import { drillSetting } from "../../src/jobs/drill/drill-settings.ts";
import type { BackupShelf } from "../../src/jobs/drill/drill-shelf.ts";
import { openWorkspace, sweepDrills } from "../../src/jobs/drill/drill-workspace.ts";
import { findPostgresPrograms } from "../../src/servers/postgres-programs.ts";
import { processesIn } from "../../src/servers/processes-in.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { folderShelf } from "../support/folder-shelf.ts";
import { someOf, tries } from "../support/long-run.ts";
import {
  makeBackup,
  newKeys,
  type BackupKeys,
  type BackupOrder,
  type MadeBackup,
} from "../support/made-backup.ts";
import { query } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let template: TestDatabase;
let keys: BackupKeys;
let programs: string;
let folder: string;

beforeAll(async () => {
  folder = opened.use(await temporaryDirectory("drill-faults")).path;
  await chmod(folder, 0o711);
  template = opened.use(await createTestDatabase());
  const schema = join(import.meta.dirname, "../support/product-shaped.sql");
  await query(template.url, await readFile(schema, "utf8"));
  keys = await newKeys();
  programs = (await findPostgresPrograms(undefined, "the tests")).directory;
});
afterAll(async () => {
  await opened.disposeAsync();
});

const queries = {
  "inbox items": { sql: "select count(*) from inbox_items", atLeast: 2000, atMost: 2000 },
  "the newest inbox item": {
    sql: "select max(created_at) from inbox_items",
    notOlderThan: "1h",
  },
  "open tasks": { sql: "select count(*) from open_tasks", atLeast: 1 },
};

/** A backup of a fresh copy of the source, in a folder of its own. */
async function backup(order: Partial<BackupOrder> = {}): Promise<MadeBackup> {
  await using copy = await createTestDatabase({ template: template.name });
  const own = join(folder, crypto.randomUUID());
  await mkdir(own);
  return await makeBackup({ url: copy.url, programs, folder: own, keys, ...order });
}

type Proved = {
  readonly findings: readonly DrillFinding[];
  readonly of: (check: DrillCheck) => DrillFinding | undefined;
  readonly red: readonly DrillCheck[];
};

async function prove(
  made: MadeBackup,
  options: {
    readonly identity?: string;
    readonly programDirectories?: readonly string[];
    readonly settings?: object;
    readonly signal?: AbortSignal;
    readonly shelf?: BackupShelf;
    /** Where the drill is held. */
    readonly data?: string;
  } = {},
): Promise<Proved> {
  const { signal = AbortSignal.timeout(50_000) } = options;
  const journal = createDrillJournal({
    signal,
    now: () => new Date(),
    scrub: (text) => text,
    report: () => undefined,
  });
  const { data = join(folder, "data"), shelf = folderShelf(made.folder) } = options;
  let places: readonly string[] = [];
  try {
    await using workspace = await openWorkspace(data, signal);
    places = workspace.places;
    await proveBackup(
      {
        manifest: made.manifest,
        shelf,
        workspace,
        identity: new Secret(options.identity ?? keys.drill),
        migrationTable: "alembic_version",
        settings: drillSetting.parse({ queries, ...options.settings }),
        ...(options.programDirectories ? { programDirectories: options.programDirectories } : {}),
      },
      journal,
      signal,
    );
  } finally {
    for (const place of places) expect(await processesIn(place)).toEqual([]);
    expect(await readdir(join(data, "drill"))).toEqual(["lock"]);
  }
  const { findings } = journal.progress();
  return {
    findings,
    of: (check) => findings.find((finding) => finding.check === check),
    red: findings.filter(({ status }) => status !== "pass").map(({ check }) => check),
  };
}

const artifactOf = (made: MadeBackup): string => join(made.folder, artifactNames(made.id).artifact);

const flipped = (bytes: Buffer, at = Math.floor(bytes.length / 2)): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0b100;
  return copy;
};

/** What befell the file between the backup and the drill, or went wrong when it was made. */
const ARTIFACT_FAULTS: readonly {
  readonly fault: string;
  readonly order?: Partial<BackupOrder>;
  readonly after?: (made: MadeBackup) => Promise<void>;
  readonly identity?: () => Promise<string>;
  readonly caughtBy: DrillCheck;
  readonly because: RegExp;
  /** Others that see it too; null when the drill ends there. */
  readonly also?: readonly DrillCheck[];
}[] = [
  {
    fault: "it is gone",
    after: async (made) => rm(artifactOf(made)),
    caughtBy: "artifact-is-what-was-kept",
    because: /there is no such file/,
  },
  {
    fault: "it was cut to 60 %",
    after: async (made) =>
      truncate(artifactOf(made), Math.floor(made.manifest.artifact.bytes * 0.6)),
    caughtBy: "artifact-is-what-was-kept",
    because: /size/,
  },
  {
    fault: "it is empty",
    after: async (made) => truncate(artifactOf(made), 0),
    caughtBy: "artifact-is-what-was-kept",
    because: /"0 bytes"/,
  },
  {
    fault: "one bit of it flipped",
    after: async (made) => writeFile(artifactOf(made), flipped(await readFile(artifactOf(made)))),
    caughtBy: "artifact-is-what-was-kept",
    because: /SHA-256/,
  },
  {
    fault: "one bit had flipped before it was hashed",
    order: { spoil: { sealed: flipped } },
    caughtBy: "artifact-opens-with-its-key",
    because: /cut or changed/,
  },
  {
    fault: "its end was missing before it was hashed",
    order: { spoil: { sealed: (bytes) => bytes.subarray(0, -100) } },
    caughtBy: "artifact-opens-with-its-key",
    because: /cut or changed/,
  },
  {
    fault: "the key is another one",
    identity: async () => (await newKeys()).drill,
    caughtBy: "artifact-opens-with-its-key",
    because: /not sealed for this key/,
  },
  {
    fault: "the key is none",
    identity: async () => "my password",
    caughtBy: "artifact-opens-with-its-key",
    because: /AGE-SECRET-KEY/,
  },
  {
    fault: "it was never sealed",
    order: { spoil: { sealed: () => Buffer.from("PGDMP in clear") } },
    caughtBy: "artifact-opens-with-its-key",
    because: /no file that age has sealed/,
  },
  {
    fault: "what is sealed is not packed",
    order: { spoil: { packed: () => Buffer.from("PGDMP without zstd, long enough to be read") } },
    caughtBy: "artifact-opens-with-its-key",
    because: /unpacked/,
  },
  {
    fault: "what is sealed was packed by half",
    order: { spoil: { packed: (bytes) => bytes.subarray(0, bytes.length / 2) } },
    caughtBy: "artifact-opens-with-its-key",
    because: /unpacked/,
  },
  {
    fault: "pg_dump was killed and what it wrote was kept",
    order: { spoil: { archive: (bytes) => bytes.subarray(0, Math.floor(bytes.length * 0.6)) } },
    caughtBy: "archive-is-whole",
    because: /complaint/,
  },
  {
    fault: "pg_dump never connected",
    order: { spoil: { archive: () => Buffer.alloc(0) } },
    caughtBy: "artifact-opens-with-its-key",
    because: /0 bytes of archive/,
  },
  {
    fault: "it holds no rows",
    order: { dumpOptions: ["--schema-only"] },
    caughtBy: "row-counts-are-the-same",
    because: /inbox_items \(2000 rows, 0 restored\)/,
    also: [
      "archive-is-whole",
      "application-queries-answer",
      "row-contents-are-the-same",
      "migration-is-the-same",
      "sequences-are-ahead",
    ],
  },
];

describe("a backup whose artifact", () => {
  test.each(someOf(ARTIFACT_FAULTS, 5))(
    "has this fault is caught by the check for it: $fault",
    async ({ order, after, identity, caughtBy, because, also }) => {
      const made = await backup(order);
      await after?.(made);
      const proved = await prove(made, identity ? { identity: await identity() } : {});
      expect(proved.of(caughtBy)?.status).toBe("fail");
      expect(JSON.stringify(proved.of(caughtBy))).toMatch(because);
      expect(proved.red.toSorted()).toEqual([caughtBy, ...(also ?? [])].toSorted());
    },
  );

  test("is sealed for the drill's key alone would be lost with it, and is caught", async () => {
    const made = await backup({ sealFor: [keys.recipients.drill] });
    const proved = await prove(made);
    expect(proved.of("artifact-opens-with-its-key")?.status).toBe("fail");
    expect(JSON.stringify(proved.of("artifact-opens-with-its-key"))).toMatch(/sealed for/);
  });
});

/** What is different in the restored database, made by changing the source after it was counted. */
const RESTORED_FAULTS: readonly {
  readonly fault: string;
  readonly between: string;
  readonly caughtBy: DrillCheck;
  readonly because: RegExp;
  readonly also?: readonly DrillCheck[];
}[] = [
  {
    fault: "a table is missing",
    between: "drop table nothing_yet",
    caughtBy: "structure-is-the-same",
    because: /missing: table public.nothing_yet, /,
    also: [
      "archive-is-whole",
      "row-counts-are-the-same",
      "row-contents-are-the-same",
      "sequences-are-ahead",
    ],
  },
  {
    fault: "one row is missing",
    between: "delete from tasks where id = 'task-7'",
    caughtBy: "row-counts-are-the-same",
    because: /tasks \(500 rows, 499 restored\)/,
    also: ["row-contents-are-the-same"],
  },
  {
    fault: "one value is another",
    between: "update tasks set title = 'another' where id = 'task-7'",
    caughtBy: "row-contents-are-the-same",
    because: /different: public.tasks/,
  },
  {
    fault: "a sequence went back",
    between: "alter table inbox_items alter column id restart with 5",
    caughtBy: "sequences-are-ahead",
    because: /inbox_items_id_seq/,
  },
  {
    fault: "an index is missing",
    between: "drop index ix_tasks_done",
    caughtBy: "structure-is-the-same",
    because: /missing: index public.ix_tasks_done/,
  },
  {
    fault: "a constraint is missing",
    between: "alter table tasks drop constraint tasks_inbox_item_fkey",
    caughtBy: "structure-is-the-same",
    because: /missing: constraint public.tasks.tasks_inbox_item_fkey/,
  },
  {
    fault: "a constraint says something else",
    between:
      "alter table inbox_items drop constraint inbox_items_source_check; " +
      "alter table inbox_items add constraint inbox_items_source_check check (source in ('api', 'mail'))",
    caughtBy: "structure-is-the-same",
    because: /different: constraint public.inbox_items.inbox_items_source_check/,
  },
  {
    fault: "a trigger is missing",
    between: "drop trigger tasks_touch on tasks",
    caughtBy: "structure-is-the-same",
    because: /missing: trigger public.tasks.tasks_touch/,
  },
  {
    fault: "an extension is missing",
    between: "drop extension pg_trgm cascade",
    caughtBy: "structure-is-the-same",
    because: /missing: pg_trgm/,
  },
  {
    fault: "the migration is an older one",
    between: "update alembic_version set version_num = '9c5f8f7f2a1b'",
    caughtBy: "migration-is-the-same",
    because: /9c5f8f7f2a1b/,
    also: ["row-contents-are-the-same"],
  },
  {
    fault: "constraints were left open",
    between:
      "alter table tasks drop constraint tasks_inbox_item_fkey; " +
      "alter table tasks add constraint tasks_inbox_item_fkey foreign key (inbox_item) references inbox_items (id) not valid",
    caughtBy: "constraints-and-indexes-are-sound",
    because: /tasks_inbox_item_fkey/,
    also: ["structure-is-the-same"],
  },
  {
    fault: "it is another database",
    between: "drop schema public cascade; create schema public; create table other (x integer)",
    caughtBy: "structure-is-the-same",
    because: /not in the source: .*other/,
    also: [
      "archive-is-whole",
      "application-queries-answer",
      "row-counts-are-the-same",
      "row-contents-are-the-same",
      "sequences-are-ahead",
      "migration-is-the-same",
    ],
  },
  {
    fault: "the application's rows are gone",
    between: "truncate inbox_items cascade",
    caughtBy: "application-queries-answer",
    because: /inbox items/,
    also: ["row-counts-are-the-same", "row-contents-are-the-same"],
  },
  {
    fault: "a role that a policy names is absent",
    between:
      "do $$ begin create role drill_absent; exception when duplicate_object then null; end $$; " +
      "drop policy everybody on inbox_items; create policy everybody on inbox_items to drill_absent using (weight > 0)",
    caughtBy: "restore-ends-without-error",
    because: /role \\"drill_absent\\" does not exist/,
  },
  {
    fault: "a view wants to run a program on the server",
    between:
      "create function hostile() returns integer language plpgsql as " +
      "$$ begin copy (select 1) to program 'touch /tmp/drill-was-here'; return 1; end $$; " +
      "create materialized view trap as select public.hostile() with no data; " +
      "update pg_class set relispopulated = true where relname = 'trap'",
    caughtBy: "restore-ends-without-error",
    because: /must be superuser/,
  },
];

describe("a restored database in which", () => {
  test.each(someOf(RESTORED_FAULTS, 3))(
    "$fault is caught by the check for it",
    async ({ between, caughtBy, because, also }) => {
      const proved = await prove(await backup({ between }));
      expect(JSON.stringify(proved.of(caughtBy))).toMatch(because);
      expect(proved.of(caughtBy)?.status).toBe("fail");
      expect(proved.red.toSorted()).toEqual([caughtBy, ...(also ?? [])].toSorted());
    },
  );

  test("a named role was made beforehand can have policies for it", async () => {
    const made = await backup({
      between:
        "do $$ begin create role drill_absent; exception when duplicate_object then null; end $$; " +
        "drop policy everybody on inbox_items; create policy everybody on inbox_items to drill_absent using (weight > 0)",
    });
    const proved = await prove(made, { settings: { roles: ["drill_absent"] } });
    expect(proved.red).toEqual([]);
  });
});

/** Programs of PostgreSQL of which one behaves in its own way: the script knows the real one as $REAL. */
async function programsWith(
  scripts: Readonly<Record<string, string>>,
  without: readonly string[] = [],
): Promise<string> {
  const directory = join(folder, crypto.randomUUID());
  await mkdir(directory, { mode: 0o755 });
  for (const name of await readdir(programs)) {
    if (without.includes(name)) continue;
    const real = join(programs, name);
    const body = scripts[name] ?? 'exec "$REAL" "$@"';
    await writeFile(join(directory, name), `#!/bin/sh\nREAL=${real}\nBIN=${programs}\n${body}\n`, {
      mode: 0o755,
    });
  }
  return directory;
}

const WHEN_RESTORING = 'case "$*" in *--exit-on-error*) ';

describe("a drill on a machine where", () => {
  test("pg_restore complains and ends with 0 is not taken in", async () => {
    const directory = await programsWith({
      pg_restore: `"$REAL" "$@"; ${WHEN_RESTORING} echo "pg_restore: warning: errors ignored on restore: 1" >&2;; esac; exit 0`,
    });
    const proved = await prove(await backup(), { programDirectories: [directory] });
    expect(proved.red).toEqual(["restore-ends-without-error"]);
    expect(proved.of("restore-ends-without-error")?.status).toBe("fail");
  });

  test("the server says that the disk is full fails the restore, by what was said", async () => {
    const directory = await programsWith({
      pg_restore: `${WHEN_RESTORING} echo 'pg_restore: error: could not extend file "base/1/2": No space left on device' >&2; exit 1;; esac; exec "$REAL" "$@"`,
    });
    const proved = await prove(await backup(), { programDirectories: [directory] });
    expect(proved.red).toEqual(["restore-ends-without-error"]);
    expect(JSON.stringify(proved.findings)).toContain("No space left on device");
  });

  test("there is no room to begin with says so and proves nothing", async () => {
    const made = await backup();
    const manifest = structuredClone(made.manifest);
    manifest.source.databaseBytes = 1e15;
    const proved = await prove({ ...made, manifest });
    expect(proved.red).toEqual(["artifact-is-what-was-kept"]);
    expect(proved.of("artifact-is-what-was-kept")).toMatchObject({
      status: "unknown",
      reason: expect.stringMatching(/it takes 2000 TB of room/),
    });
  });

  test("pg_amcheck is not installed could not verify the pages, and says what to install", async () => {
    const directory = await programsWith({}, ["pg_amcheck"]);
    const proved = await prove(await backup(), { programDirectories: [directory] });
    expect(proved.red).toEqual(["index-pages-are-sound"]);
    expect(proved.of("index-pages-are-sound")).toMatchObject({
      status: "unknown",
      reason: expect.stringMatching(/pg_amcheck is not installed/),
    });
  });

  test("a page of an index is damaged is caught by the check of the pages", async () => {
    // The build of an index writes past the server's memory, so what is changed on disk is what will be read.
    const directory = await programsWith({
      pg_restore: `"$REAL" "$@" || exit $?
${WHEN_RESTORING}
  export PGUSER=postgres
  psql="$BIN/psql -X -q -t -A"
  $psql -c checkpoint
  data=$($psql -c 'show data_directory')
  file=$($psql -c "select pg_relation_filepath('ix_inbox_api')")
  head -c 64 /dev/zero | tr '\\0' '\\377' | dd of="$data/$file" bs=1 seek=8216 conv=notrunc 2>/dev/null
;; esac; exit 0`,
    });
    const proved = await prove(await backup(), { programDirectories: [directory] });
    expect(proved.red).toEqual(["index-pages-are-sound"]);
    expect(JSON.stringify(proved.findings)).toContain("ix_inbox_api");
  });

  test("the server hangs is stopped by its deadline and leaves nothing", async () => {
    const directory = await programsWith({
      pg_restore: `${WHEN_RESTORING} exec sleep 600;; esac; exec "$REAL" "$@"`,
    });
    const made = await backup();
    const begun = performance.now();
    const drill = prove(made, {
      programDirectories: [directory],
      signal: AbortSignal.timeout(6_000),
    });
    await expect(drill).rejects.toThrow(/timeout/);
    expect(performance.now() - begun).toBeLessThan(40_000);
  });

  test("the major that the backup needs is not installed says which to install", async () => {
    const made = await backup();
    const manifest = structuredClone(made.manifest);
    manifest.source.serverVersionNumber = 990_000;
    const proved = await prove({ ...made, manifest });
    expect(proved.of("archive-is-whole")).toMatchObject({
      status: "unknown",
      reason: expect.stringMatching(/Install PostgreSQL 99/),
    });
  });

  test("a drill was killed is cleaned up by the next start", async () => {
    const data = join(folder, "killed");
    const left = join(data, "drill", "drill-abcdef", "vault");
    await mkdir(left, { recursive: true });
    await writeFile(join(left, "archive"), "rows in clear");
    await sweepDrills(data);
    expect(await readdir(join(data, "drill"))).toEqual(["lock"]);
  });

  test("another drill is under way is not cleaned up meanwhile", async () => {
    const data = join(folder, "busy");
    const signal = AbortSignal.timeout(20_000);
    await using workspace = await openWorkspace(data, signal);
    await sweepDrills(data);
    await expect(readdir(workspace.path)).resolves.toEqual(["vault"]);
  });
});

const mayMount = process.getuid?.() === 0 && existsSync("/bin/mount");

describe.skipIf(!mayMount && process.env["CI"] === undefined)(
  "a drill on a file system that is too small",
  () => {
    let place: string;
    /** Takes all the room that is left, as anything else on the same disk may. */
    const takeRoom = (): string => `cat /dev/zero > ${place}/others 2>/dev/null`;

    async function mount(mebibytes: number): Promise<AsyncDisposable> {
      place = join(folder, crypto.randomUUID());
      await mkdir(place);
      const options = `size=${mebibytes}m,mode=0755`;
      execFileSync("/bin/mount", ["-t", "tmpfs", "-o", options, "tmpfs", place]);
      return {
        async [Symbol.asyncDispose]() {
          execFileSync("/bin/umount", ["--lazy", place]);
        },
      };
    }

    test("does not begin, and says how much it takes", async () => {
      const made = await backup();
      await using _small = await mount(64);
      const proved = await prove(made, { data: place });
      expect(proved.red).toEqual(["artifact-is-what-was-kept"]);
      expect(proved.of("artifact-is-what-was-kept")).toMatchObject({
        status: "unknown",
        reason: expect.stringMatching(/it takes \d+ MB of room, and 6\d(?:\.\d)? MB are free/),
      });
    });

    test("could not verify what it has no room to open, and calls no backup broken for it", async () => {
      const made = await backup();
      await using _small = await mount(256);
      const shelf = folderShelf(made.folder);
      const filling: BackupShelf = {
        ...shelf,
        async fetch(name, to, signal) {
          const found = await shelf.fetch(name, to, signal);
          spawnSync("/bin/sh", ["-c", takeRoom()]);
          return found;
        },
      };
      const proved = await prove(made, { data: place, shelf: filling });
      expect(proved.red).toEqual(["artifact-opens-with-its-key"]);
      expect(proved.of("artifact-opens-with-its-key")).toMatchObject({
        status: "unknown",
        reason: expect.stringMatching(/ENOSPC/),
      });
    });

    test("fails the restore that fills it, and leaves nothing", async () => {
      const made = await backup();
      await using _small = await mount(256);
      const directory = await programsWith({
        pg_restore: `${WHEN_RESTORING} ${takeRoom()};; esac; exec "$REAL" "$@"`,
      });
      const proved = await prove(made, { data: place, programDirectories: [directory] });
      expect(proved.red).toEqual(["restore-ends-without-error"]);
      expect(proved.of("restore-ends-without-error")?.status).toBe("fail");
      expect(JSON.stringify(proved.findings)).toContain("No space left on device");
    });
  },
);

describe("a healthy backup", () => {
  test(
    "gives no finding, however often it is drilled",
    async () => {
      const made = await backup();
      for (let n = 0; n < tries({ short: 1, long: 100 }); n += 1) {
        const proved = await prove(made);
        expect(proved.red).toEqual([]);
        // The other three are judged by the run that this is a part of.
        expect(proved.findings.length).toBe(DRILL_CHECKS.length - 3);
      }
    },
    tries({ short: 120_000, long: 1_800_000 }),
  );
});
