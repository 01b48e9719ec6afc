import { execFileSync } from "node:child_process";
import { rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { Moment } from "../../src/core/trace.ts";
import {
  appendEntries,
  expectRendered,
  filesOf,
  openEvidenceLog,
  startRendering,
  type EvidenceLog,
} from "../support/evidence-log.ts";
import { someOf, tries } from "../support/long-run.ts";
import { query, readEntries } from "../support/records.ts";
import { spawnEvidence } from "../support/spawn-evidence.ts";

const ROTATE_AT_BYTES = 8_000;

let log: EvidenceLog;
let file: string;

beforeEach(async () => {
  log = await openEvidenceLog();
  file = join(log.directory, "log.md");
});
afterEach(async () => log[Symbol.asyncDispose]());

describe("a writer and a renderer that are killed again and again", () => {
  const rounds = tries({ short: 4, long: 500 });

  test(
    `leave no entry lost or doubled, and a file that is its rows (${2 * rounds} kills)`,
    { timeout: rounds * 5_000 + 60_000 },
    async () => {
      const random = seeded(13);
      const said: string[] = [];
      for (let round = 0; round < rounds; round += 1) {
        await using writer = spawnEvidence("append", log);
        await using renderer = spawnEvidence("render", log);
        await Promise.all([writer.ready, renderer.ready]);
        await sleep(random() * 250);
        const [first, second] = random() < 0.5 ? [writer, renderer] : [renderer, writer];
        first.kill("SIGKILL");
        await sleep(random() * 50);
        second.kill("SIGKILL");
        await Promise.all([writer.exited, renderer.exited]);
        said.push(...writer.said());
      }
      await finish();
      const kept = (await readEntries(log.url)).map(({ cause }) => cause);
      expect(new Set(kept).size).toBe(kept.length);
      expect(kept).toEqual(expect.arrayContaining(said));
      expect(said.length).toBeGreaterThan(rounds);
    },
  );
});

describe("a renderer that is killed", () => {
  const moments = ["log.written", "log.synced", "log.recorded", "log.moved"] as const;

  const strikes = moments.flatMap((moment) => [1, 2].map((nth) => [moment, nth] as const));
  test.each(someOf(strikes, 1))(
    "at %s, the %i. time: the next one goes on",
    async (moment, nth) => {
      await appendEntries(log.database, 20);
      await strike(moment, nth);
      await appendEntries(log.database, 2);
      await finish();
      expect(await repairs()).toEqual([]);
    },
  );

  test("while it cuts a torn end: the next one goes on", async () => {
    await appendEntries(log.database, 5);
    await finish();
    await query(log.url, "update evidence_file set bytes = 0, rendered = 0");
    await truncate(file, (await filesOf(log.directory)).join("").length - 200);
    await strike("log.cut");
    await finish();
    expect(await repairs()).toEqual(["torn"]);
  });

  test.each(someOf(["log.drafted", "log.replaced"] as const, 1))(
    "at %s of a part that was lost: it is whole again, and told once",
    async (moment) => {
      await appendEntries(log.database, 20);
      await finish();
      await appendEntries(log.database, 1);
      await finish();
      await rm(join(log.directory, "log"), { recursive: true });
      await strike(moment);
      await finish();
      expect(await repairs()).toEqual(["lost"]);
    },
  );
});

describe("two renderers of one folder", () => {
  test("write each entry once, because one waits for the other", async () => {
    await using writer = spawnEvidence("append", log);
    await using one = spawnEvidence("render", log);
    await using other = spawnEvidence("render", log);
    await Promise.all([writer.ready, one.ready, other.ready]);
    await sleep(1_500);
    writer.kill("SIGKILL");
    await writer.exited;
    await expectRendered(log);
    expect([one.errors(), other.errors()].filter((errors) => errors !== "")).toEqual([
      expect.stringContaining("another process writes in"),
    ]);
  });

  test("a paused one keeps the other from writing, and goes on when it wakes up", async () => {
    await using paused = spawnEvidence("render", log);
    await paused.ready;
    await appendEntries(log.database, 1);
    await expectRendered(log);
    paused.kill("SIGSTOP");
    await using other = spawnEvidence("render", log);
    await other.ready;
    const before = await filesOf(log.directory);
    await appendEntries(log.database, 3);
    await expect.poll(() => other.errors()).toContain("another process writes in");
    await sleep(1_500);
    expect(await filesOf(log.directory)).toEqual(before);
    paused.kill("SIGCONT");
    await expectRendered(log);
    paused.kill("SIGKILL");
    await appendEntries(log.database, 3);
    await expectRendered(log);
  });
});

const hasStrace = canRun("strace", "--version");

describe.skipIf(!hasStrace && process.env["CI"] === undefined)("a renderer under strace", () => {
  test("is there to be tried", () => {
    expect(hasStrace).toBe(true);
  });

  const calls = ["pwrite64", "fdatasync", "rename", "fsync"];
  const points = calls.flatMap((call) =>
    Array.from({ length: tries({ short: 2, long: 40 }) }, (_, n) => [call, n + 1] as const),
  );

  test.each(someOf(points, 1))("killed at %s, the %i. of it", async (call, nth) => {
    await appendEntries(log.database, 4);
    await using renderer = spawnEvidence("render", log, {
      under: strace(`${call}:signal=SIGKILL:when=${nth}`),
      rotateAtBytes: ROTATE_AT_BYTES,
    });
    await renderer.ready;
    for (let n = 0; n < 10 * nth && !(await ended(renderer)); n += 1) {
      await appendEntries(log.database, 8);
      await sleep(30);
    }
    expect(await Promise.race([renderer.exited, sleep(10_000)])).toBe("SIGKILL");
    await finish();
    expect(await repairs()).toEqual([]);
  });

  test.each(someOf(["fdatasync", "pwrite64"], 1))(
    "that is told EIO by %s says so, writes anew what memory alone may hold, and goes on",
    async (call) => {
      await appendEntries(log.database, 3);
      await using renderer = spawnEvidence("render", log, {
        under: strace(`${call}:error=EIO:when=2`),
        rotateAtBytes: 1024 * 1024,
      });
      await renderer.ready;
      // Several appends may come to one write.
      for (let n = 0; n < 40 && renderer.errors() === ""; n += 1) {
        await appendEntries(log.database, 2);
        await sleep(200);
      }
      await expect.poll(() => renderer.errors(), { timeout: 10_000 }).toContain("EIO");
      await expectRendered(log);
    },
  );
});

const MOUNT = "/bin/mount";
const UNMOUNT = "/bin/umount";
const mayMount = process.getuid?.() === 0 && canRun(MOUNT, "--version");

describe.skipIf(!mayMount && process.env["CI"] === undefined)("a disk that is full", () => {
  test("stops the file, is told, and when there is room the file is whole again", async () => {
    execFileSync(MOUNT, ["-t", "tmpfs", "-o", "size=256k", "tmpfs", log.directory]);
    try {
      await using rendering = startRendering(log);
      for (let n = 0; n < 20; n += 1) await appendEntries(log.database, 20);
      await expect.poll(() => rendering.errors.join("\n"), { timeout: 20_000 }).toContain("ENOSPC");
      await expect
        .poll(async () => {
          const { rows } = await query(log.url, "select trouble from evidence_file");
          return rows;
        })
        .toEqual([{ trouble: "cannot-write" }]);
      execFileSync(MOUNT, ["-o", "remount,size=8m", log.directory]);
      await expectRendered(log);
    } finally {
      execFileSync(UNMOUNT, ["--lazy", log.directory]);
    }
  });
});

function strace(inject: string): readonly string[] {
  const [call = ""] = inject.split(":");
  return [
    "strace",
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    `trace=${call}`,
    "-e",
    `inject=${inject}`,
  ];
}

/** Renders until killed at the moment, which must come. */
async function strike(moment: Moment, nth = 1): Promise<void> {
  await using renderer = spawnEvidence("render", log, {
    killAt: `${moment}#${nth}`,
    rotateAtBytes: ROTATE_AT_BYTES,
  });
  await renderer.ready;
  for (let n = 0; n < 40 && !(await ended(renderer)); n += 1) {
    await appendEntries(log.database, 1);
    await sleep(20);
  }
  expect(await Promise.race([renderer.exited, sleep(10_000)])).toBe("SIGKILL");
}

async function ended(child: { readonly exited: Promise<unknown> }): Promise<boolean> {
  return Promise.race([child.exited.then(() => true), sleep(1).then(() => false)]);
}

/** A renderer to which nothing happens. */
async function finish(): Promise<void> {
  await using _rendering = startRendering(log, { rotateAtBytes: ROTATE_AT_BYTES });
  await expectRendered(log);
}

async function repairs(): Promise<readonly (string | undefined)[]> {
  return (await readEntries(log.url))
    .filter(({ kind }) => kind === "log.repaired")
    .map(({ facts }) => facts["found"]);
}

function canRun(command: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The same numbers every time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
