import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { chmod, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

import { cardText } from "../../src/core/card-text.ts";
import { artifactNames } from "../../src/core/manifest.ts";
import { runName } from "../../src/core/run-name.ts";
import { Secret } from "../../src/core/secret.ts";
import { drillSetting } from "../../src/jobs/drill/drill-settings.ts";
import type { BackupShelf } from "../../src/jobs/drill/drill-shelf.ts";
import { createDrill, type DrillInput } from "../../src/jobs/drill/drill.ts";
import { createEngine, type Engine } from "../../src/jobs/engine/engine.ts";
import { engineSettings } from "../../src/jobs/settings.ts";
import { findPostgresPrograms } from "../../src/servers/postgres-programs.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { newestDrills, verifiedBackups } from "../../src/storage/drill.ts";
import { findRun, type Run } from "../../src/storage/run.ts";
import { createTestDatabase } from "../database.ts";
import { nobodyAsked, someApprovals } from "../support/engine-target.ts";
import { LOG, openEvidenceLog, PLACE, type EvidenceLog } from "../support/evidence-log.ts";
import { folderShelf } from "../support/folder-shelf.ts";
import { makeBackup, newKeys, type BackupKeys, type MadeBackup } from "../support/made-backup.ts";
import { query, readEntries } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let log: EvidenceLog;
let keys: BackupKeys;
let folder: string;
/** An older one, whose file was cut, and a newer one that is whole. */
let damaged: MadeBackup;
let whole: MadeBackup;

const HOUR_MS = 3_600_000;

beforeAll(async () => {
  log = opened.use(await openEvidenceLog());
  folder = opened.use(await temporaryDirectory("drill")).path;
  await chmod(folder, 0o711);
  await mkdir(join(folder, "backups"));
  keys = await newKeys();
  const programs = (await findPostgresPrograms(undefined, "the tests")).directory;
  const source = opened.use(await createTestDatabase());
  const schema = join(import.meta.dirname, "../support/product-shaped.sql");
  await query(source.url, await readFile(schema, "utf8"));
  const order = { url: source.url, programs, folder: join(folder, "backups"), keys };
  damaged = await makeBackup({ ...order, at: new Date(Date.now() - 30 * HOUR_MS) });
  whole = await makeBackup({ ...order, at: new Date(Date.now() - 2 * HOUR_MS) });
  const artifact = join(folder, "backups", artifactNames(damaged.id).artifact);
  await writeFile(artifact, (await readFile(artifact)).subarray(0, -1));
});
afterAll(async () => opened.disposeAsync());
beforeEach(async () => {
  await query(
    log.url,
    "delete from drill; delete from outbox; delete from run_step; delete from run",
  );
});

type Options = { readonly settings?: object; readonly shelf?: BackupShelf };

function engineWith({ settings, shelf }: Options = {}): Engine {
  const drill = createDrill({
    database: log.database,
    target: LOG.target,
    dataFolder: join(folder, "data"),
    shelf: shelf ?? folderShelf(join(folder, "backups")),
    identity: new Secret(keys.drill),
    migrationTable: "alembic_version",
    settings: drillSetting.parse({
      queries: { "inbox items": { sql: "select count(*) from inbox_items", atLeast: 2000 } },
      ...settings,
    }),
    tool: "flightdeck test",
    scrub: (text) => text,
    anyOf: () => 0,
  });
  const target = {
    ...nobodyAsked,
    operations: [drill],
    timeZone: "UTC",
    configHash: "test",
    place: PLACE,
  };
  return createEngine({
    approvals: someApprovals,
    database: log.database,
    targets: new Map([[LOG.target, target]]),
    settings: engineSettings.parse({}),
    origin: { build: "test", instance: "test", scrub: (text) => text },
    onError: (error) => {
      throw error;
    },
  });
}

async function admit(engine: Engine, which: DrillInput["which"] = "newest"): Promise<Run> {
  const admission = await log.database.transaction(async (tx, now) =>
    engine.admit(tx, now, {
      target: LOG.target,
      operation: "drill",
      input: { which },
      cause: `test-${crypto.randomUUID()}`,
      actor: { via: "flightdeck", name: "the test" },
    }),
  );
  if (admission.kind !== "created") throw new Error(`It was ${admission.kind}.`);
  return admission.run;
}

const never = new AbortController().signal;

async function drilled(which?: DrillInput["which"], options?: Options) {
  const engine = engineWith(options);
  const { id } = await admit(engine, which);
  await engine.execute(id, never);
  return await ended(engine, id);
}

async function ended(engine: Engine, id: string) {
  const run = await log.database.transaction(async (tx) => findRun(tx, id));
  const card = await log.database.transaction(async (tx, now) => engine.cardOf(tx, now, id));
  const entries = await readEntries(log.url, LOG.target);
  const entry = entries.findLast((one) => one.run === runName(id));
  return { run, text: card ? cardText(card) : "", entry };
}

const verified = async () =>
  log.database.transaction(async (tx) => verifiedBackups(tx, LOG.target));

describe("a drill of the newest backup", () => {
  test("verifies it, tells how long the way back takes, and marks it", async () => {
    const { run, text, entry } = await drilled();
    expect(run).toMatchObject({ state: "ok", verdict: "VERIFIED" });
    expect(text).toMatch(/^🟢 .* · drill VERIFIED\n/);
    expect(text).toContain(whole.id);
    expect(text).toMatch(/back in \d.*, without the last 2h/);
    expect(text.match(/✓ /g)).toHaveLength(16);
    expect(await verified()).toEqual([whole.id]);
    expect(entry).toMatchObject({ kind: "run.result", operation: "drill", result: "VERIFIED" });
    expect(entry?.facts).toMatchObject({
      backup: whole.id,
      "backup-digest": whole.manifest.artifact.sha256,
      tool: "flightdeck test",
      loss: "2h",
      server: expect.stringMatching(/^PostgreSQL \d+.*fsync off/),
      steps: expect.stringMatching(
        /^\d{4}-.*Z choose the backup \d+ms; .* fetch .* open .* restore .* check the pages \d+ms/,
      ),
    });
    expect(await readdir(join(folder, "data", "drill"))).toEqual(["lock"]);
  });

  test("fails one that would lose too much, by the check for it", async () => {
    const { run, text } = await drilled("newest", {
      settings: { loseAtMost: "1h" },
    });
    expect(run?.verdict).toBe("FAILED");
    expect(text).toContain("✗ times-are-within-budget");
    expect(text).toMatch(/age of what would have been restored: expected at most 1h, seen 2h/);
    expect(await verified()).toEqual([]);
  });

  test("with no question of the application's says so, and does not count it", async () => {
    const { run, text } = await drilled("newest", { settings: { queries: {} } });
    expect(run?.verdict).toBe("VERIFIED");
    expect(text).toContain("– application-queries-answer: not configured");
  });

  test("says that it could not verify when nobody answers where backups are", async () => {
    const shelf = folderShelf(join(folder, "backups"));
    const silent: BackupShelf = {
      ...shelf,
      fetch: async () => {
        throw new Error("nobody answers");
      },
    };
    const { run, text } = await drilled("newest", { shelf: silent });
    expect(run?.verdict).toBe("COULD NOT VERIFY");
    expect(text).toMatch(/^🟡/);
    expect(text).toContain("? artifact-is-what-was-kept: fetch: nobody answers");
    expect(text).toContain("not reached, after artifact-is-what-was-kept");
    expect(await verified()).toEqual([]);
  });
});

describe("a drill of a backup whose manifest", () => {
  const saying = (change: (text: string) => string): BackupShelf => {
    const shelf = folderShelf(join(folder, "backups"));
    return {
      ...shelf,
      read: async (name, signal) => {
        const text = await shelf.read(name, signal);
        return text === undefined ? undefined : change(text);
      },
    };
  };

  test.each([
    ["was cut", (text: string) => text.slice(0, -100), "is no JSON"],
    ["lost a count", (text: string) => text.replace('"rows":', '"r":'), "source.tables.0"],
  ])("%s fails, by the check of what was kept", async (_what, change, reason) => {
    const { run, text, entry } = await drilled("newest", { shelf: saying(change) });
    expect(run).toMatchObject({ state: "ok", verdict: "FAILED" });
    expect(text).toMatch(/^🔴 .* · drill FAILED\n✗ artifact-is-what-was-kept: manifest: expected/);
    expect(entry?.facts).toMatchObject({
      backup: whole.id,
      "backup-digest": "its manifest does not tell",
      fail: expect.stringContaining(reason),
      unknown: expect.stringContaining("not reached, after artifact-is-what-was-kept"),
    });
    expect(entry?.facts["unknown"]).not.toContain("nothing-is-left-behind");
    const { last } = await log.database.transaction(async (tx) => newestDrills(tx, LOG.target));
    expect(last).toMatchObject({ backup: whole.id, verdict: "FAILED" });
    expect(await readdir(join(folder, "data", "drill"))).toEqual(["lock"]);
  });

  test("is of a later version could not be verified, for it may well be sound", async () => {
    const shelf = saying((text) => JSON.stringify({ ...JSON.parse(text), v: 2 }));
    const { run, text } = await drilled("newest", { shelf });
    expect(run?.verdict).toBe("COULD NOT VERIFY");
    expect(text).toMatch(/\? artifact-is-what-was-kept: read the manifest: .* is of version 2/);
    expect(await verified()).toEqual([]);
  });

  test("is gone between the choice and the drill could not be verified", async () => {
    let reads = 0;
    const shelf = folderShelf(join(folder, "backups"));
    const vanishing: BackupShelf = {
      ...shelf,
      read: async (name, signal) => ((reads += 1) === 1 ? shelf.read(name, signal) : undefined),
    };
    const { run, text } = await drilled("newest", { shelf: vanishing });
    expect(run?.verdict).toBe("COULD NOT VERIFY");
    expect(text).toContain(`has no ${artifactNames(whole.id).manifest}`);
  });
});

describe("a drill of another backup", () => {
  test("takes an older one, finds that it is damaged, and marks nothing", async () => {
    const { run, text, entry } = await drilled("older");
    expect(run?.verdict).toBe("FAILED");
    expect(text).toMatch(/^🔴 .* · drill FAILED\n✗ artifact-is-what-was-kept: size/);
    expect(entry?.facts).toMatchObject({
      backup: damaged.id,
      fail: expect.stringMatching(/artifact-is-what-was-kept: size .* SHA-256/),
    });
    expect(await verified()).toEqual([]);
  });

  test("takes the one that is named, and fails without a verdict when there is none", async () => {
    const there = await drilled(whole.id);
    expect(there.run?.verdict).toBe("VERIFIED");
    const missing = await drilled("20200101T000000Z");
    expect(missing.run).toMatchObject({ state: "failed", verdict: null });
    expect(missing.text).toContain("has no 20200101T000000Z.manifest.json");
  });

  test("takes back what was verified when a later drill of it fails", async () => {
    await drilled();
    await drilled("newest", { settings: { loseAtMost: "1h" } });
    expect(await verified()).toEqual([]);
    const { last, verified: proved } = await log.database.transaction(async (tx) =>
      newestDrills(tx, LOG.target),
    );
    expect([last?.verdict, proved?.verdict]).toEqual(["FAILED", "VERIFIED"]);
  });
});

describe("a drill that is interrupted", () => {
  /** Calls back when the drill has begun to restore. */
  async function whileRestoring(interrupt: () => Promise<void>): Promise<() => void> {
    let once = false;
    const listener = (message: unknown): void => {
      const { process } = message as { process: { readonly spawnargs?: readonly string[] } };
      queueMicrotask(() => {
        if (once || !process.spawnargs?.includes("--exit-on-error")) return;
        once = true;
        void interrupt();
      });
    };
    subscribe("child_process", listener);
    return () => unsubscribe("child_process", listener);
  }
  const isClear = async (): Promise<boolean> =>
    (await readdir(join(folder, "data", "drill"))).join() === "lock";

  test("by a stop begins anew in the next process, and leaves nothing of the first", async () => {
    const engine = engineWith();
    const { id } = await admit(engine);
    const stopping = new AbortController();
    const stop = await whileRestoring(async () => stopping.abort());
    await engine.execute(id, stopping.signal);
    stop();
    await vi.waitUntil(isClear, { timeout: 20_000 });
    expect((await ended(engine, id)).run?.state).toBe("running");
    await engine.execute(id, never);
    const { run, entry } = await ended(engine, id);
    expect(run?.verdict).toBe("VERIFIED");
    expect(entry?.facts["steps"]?.match(/ restore /g)).toHaveLength(1);
  });

  test("by a person ends without a verdict and is cleared away", async () => {
    const engine = engineWith();
    const { id } = await admit(engine);
    const stop = await whileRestoring(async () => {
      await log.database.transaction(async (tx, now) => engine.cancel(tx, now, id));
    });
    await engine.execute(id, never);
    stop();
    const { run } = await ended(engine, id);
    // The restore may have been quicker than the word of the person; then the verdict stands.
    expect(["cancelled", "ok"]).toContain(run?.state);
    await vi.waitUntil(isClear, { timeout: 20_000 });
  });

  test("is not disturbed by a second one, which waits for the room", async () => {
    const engine = engineWith();
    const [one, other] = [await admit(engine), await admit(engine)];
    await Promise.all([engine.execute(one.id, never), engine.execute(other.id, never)]);
    for (const { id } of [one, other]) {
      expect((await ended(engine, id)).run?.verdict).toBe("VERIFIED");
    }
    expect(await isClear()).toBe(true);
  });
});
