import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { refuseStrangeFile } from "../../src/jobs/evidence/strange-file.ts";
import { takeFileLock } from "../../src/servers/file-lock.ts";
import { append } from "../../src/storage/evidence.ts";
import {
  appendEntries,
  appendEntry,
  expectRendered,
  LOG,
  openEvidenceLog,
  startRendering,
  type EvidenceLog,
} from "../support/evidence-log.ts";
import { query, readEntries } from "../support/records.ts";

let log: EvidenceLog;

beforeEach(async () => {
  log = await openEvidenceLog();
});
afterEach(async () => log[Symbol.asyncDispose]());

const draft = {
  kind: "run.result",
  target: LOG.target,
  actor: { via: "flightdeck", name: "the test" },
  operation: "preflight",
  run: "R-1",
  config: "test",
  build: "test",
  instance: "test",
  facts: {},
} as const;

async function appendAt(now: string, once: string, facts: Record<string, string> = {}) {
  await log.database.transaction(async (tx) =>
    append(tx, new Date(now), LOG.target, once, { ...draft, facts }),
  );
}

describe("an entry", () => {
  test("behind a clock that went back follows one that says so", async () => {
    await appendAt("2026-11-23T12:00:00Z", "one");
    await appendAt("2026-11-23T11:00:00Z", "two");
    await appendAt("2026-11-23T11:00:01Z", "three");
    const entries = await readEntries(log.url);
    expect(entries.map(({ kind, at }) => [kind, at])).toEqual([
      ["run.result", "2026-11-23T12:00:00.000Z"],
      ["clock.jumped", "2026-11-23T11:00:00.000Z"],
      ["run.result", "2026-11-23T11:00:00.000Z"],
      ["run.result", "2026-11-23T11:00:01.000Z"],
    ]);
    expect(entries[1]?.facts).toEqual({
      from: "2026-11-23T12:00:00.000Z",
      to: "2026-11-23T11:00:00.000Z",
    });
  });

  test("in which the last net caught a secret is followed by one that names the field, not the value", async () => {
    const token = "123456789:AAExampleExampleExampleExampleExample";
    await appendAt("2026-11-23T12:00:00Z", "one", { reason: `got ${token}`, checks: "none" });
    const [entry, net] = await readEntries(log.url);
    expect(entry?.facts).toEqual({ reason: "got [secret]", checks: "none" });
    expect(net).toMatchObject({
      kind: "secret.masked",
      run: "R-1",
      facts: { entry: "1", fields: "facts.reason" },
    });
    const { rows } = await query<{ canonical: string }>(log.url, "select canonical from evidence");
    expect(JSON.stringify(rows)).not.toContain(token);
  });

  test("is recorded once, and so is what goes with it", async () => {
    await appendAt("2026-11-23T12:00:00Z", "one");
    await appendAt("2026-11-23T11:00:00Z", "one");
    expect(await readEntries(log.url)).toHaveLength(1);
  });

  test("that is told ten megabytes keeps their beginning, their length and their digest", async () => {
    await appendEntry(log.database, "x".repeat(10 * 1024 * 1024));
    const [entry] = await readEntries(log.url);
    expect(entry?.facts["fact"]).toMatch(
      /^x{3000,}.*\(10485760 characters, sha256 [0-9a-f]{64}\)$/,
    );
    await using _rendering = startRendering(log);
    await expectRendered(log);
  });
});

describe("a start", () => {
  test("is refused where the file knows more than the rows", async () => {
    await renderAll(5);
    await query(
      log.url,
      `set session_replication_role = replica; delete from evidence where seq > 3;
       update evidence_head set size = 3, head = (select hash from evidence where seq = 3)`,
    );
    await expect(refuseStrangeFile({ ...log, log: LOG })).rejects.toThrow(
      /ends with #3: an older database was restored\. `flightdeck evidence adopt --reason "…"`/,
    );
  });

  test("is refused where another log's file stands", async () => {
    await renderAll(1);
    const other = { target: LOG.target, origin: "flightdeck/evidence/production" };
    await expect(refuseStrangeFile({ ...log, log: other })).rejects.toThrow(
      'log.md is the log of "flightdeck/evidence/sandbox"',
    );
  });

  test("goes on where the file is right, or is not there", async () => {
    await expect(refuseStrangeFile({ ...log, log: LOG })).resolves.toBeUndefined();
    await renderAll(2);
    await expect(refuseStrangeFile({ ...log, log: LOG })).resolves.toBeUndefined();
  });

  async function renderAll(count: number): Promise<void> {
    await appendEntries(log.database, count);
    await using _rendering = startRendering(log);
    await expectRendered(log);
  }
});

describe("a lock on a file", () => {
  test("is for one at a time, and free when it was given back", async () => {
    const path = `${log.directory}/.lock`;
    {
      await using held = await takeFileLock(path);
      expect(held?.lost.aborted).toBe(false);
      expect(await takeFileLock(path)).toBeUndefined();
    }
    await using again = await takeFileLock(path);
    expect(again).toBeDefined();
  });

  test("in a folder that is not there says so", async () => {
    await expect(takeFileLock(`${log.directory}/nowhere/.lock`)).rejects.toThrow(
      /nowhere\/\.lock cannot be locked: .*No such file/,
    );
  });
});
