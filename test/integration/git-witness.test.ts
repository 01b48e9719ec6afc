import { execFile, spawn } from "node:child_process";
import { chmod, mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { describe, expect, onTestFinished, test } from "vitest";

import { checkpointIn } from "../../src/core/note-checkpoint.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { checkpointsIn, createGit } from "../../src/systems/git.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query, readEntries } from "../support/records.ts";
import { openSignedLog, TARGET, type SignedLog } from "../support/signed-log.ts";

const BRANCH = "evidence";
const REF = `refs/heads/${BRANCH}`;
const never = new AbortController().signal;
const git = createGit();

async function inGit(repository: string, ...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("git", ["-C", repository, ...words], {
    env: {
      PATH: process.env["PATH"] ?? "",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_AUTHOR_NAME: "Tess",
      GIT_AUTHOR_EMAIL: "tess@localhost",
      GIT_COMMITTER_NAME: "Tess",
      GIT_COMMITTER_EMAIL: "tess@localhost",
    },
  });
  return stdout.trim();
}

type Place = { readonly repository: string; readonly remote: string; readonly folder: string };

/** A repository with a bare one as its remote, which takes no rewriting and no deletion. */
async function repositories(): Promise<Place> {
  const directory = await temporaryDirectory("git-witness");
  onTestFinished(async () => directory[Symbol.asyncDispose]());
  const repository = join(directory.path, "repository");
  const remote = join(directory.path, "remote.git");
  await promisify(execFile)("git", ["init", "--quiet", "--bare", remote]);
  await promisify(execFile)("git", ["init", "--quiet", repository]);
  await inGit(remote, "config", "receive.denyNonFastForwards", "true");
  await inGit(remote, "config", "receive.denyDeletes", "true");
  await inGit(repository, "remote", "add", "origin", remote);
  return { repository, remote, folder: directory.path };
}

/** A log with one checkpoint, and what brings it into git until the test stops it. */
async function witnessed(place: Place, remote: string | undefined = "origin"): Promise<Witnessed> {
  const own = await openOwnDatabase();
  onTestFinished(async () => own[Symbol.asyncDispose]());
  const { repository } = place;
  const witness = { repository, branch: BRANCH, remote };
  const log = await openSignedLog({ url: own.url, parts: { witness } });
  onTestFinished(async () => log[Symbol.asyncDispose]());
  await grow(log);
  return Object.assign(log, { url: own.url });
}

type Witnessed = SignedLog & { readonly url: string };

async function grow(log: SignedLog): Promise<void> {
  await log.record(1);
  expect((await log.log.checkpointer.sign()).kind).toBe("signed");
}

/** The duty at work, until the block ends. */
function keeping({ log }: SignedLog): AsyncDisposable {
  const stopping = new AbortController();
  const kept = log.keepCheckpoints(stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await kept;
    },
  };
}

async function sizesIn(repository: string, reference = REF): Promise<readonly number[]> {
  const kept = await checkpointsIn(repository, reference, never);
  return kept.map(({ note }) => checkpointIn(note)?.size ?? -1);
}

async function unwitnessedCount(url: string): Promise<number> {
  const { rows } = await query(
    url,
    "select size from evidence_checkpoint where witnessed_at is null",
  );
  return rows.length;
}

async function told(url: string): Promise<readonly string[]> {
  const { rows } = await query<{ card: { readonly parts: unknown } }>(
    url,
    "select card from outbox where subject like 'notice:%:witness:%'",
  );
  return rows.map(({ card }) => JSON.stringify(card));
}

describe("the git witness", () => {
  test("keeps every checkpoint in the order in which they were made, here and at the remote", async () => {
    const place = await repositories();
    const log = await witnessed(place);
    await grow(log);
    await using _duty = keeping(log);
    await expect.poll(async () => unwitnessedCount(log.url), { timeout: 10_000 }).toBe(0);
    await grow(log);
    await expect.poll(async () => unwitnessedCount(log.url), { timeout: 10_000 }).toBe(0);
    expect(await sizesIn(place.repository)).toEqual([1, 2, 3]);
    expect(await sizesIn(place.remote)).toEqual([1, 2, 3]);
    const { rows } = await query<{ note: string }>(
      log.url,
      "select note from evidence_checkpoint order by size",
    );
    const kept = await checkpointsIn(place.remote, REF, never);
    expect(kept.map(({ note }) => note)).toEqual(rows.map(({ note }) => note));
  });

  test("touches neither the index nor the files of somebody who works in the repository", async () => {
    const place = await repositories();
    await writeFile(join(place.repository, "draft.txt"), "not yet said\n");
    await inGit(place.repository, "add", "draft.txt");
    const before = await inGit(place.repository, "status", "--porcelain");
    const log = await witnessed(place, undefined);
    await using _duty = keeping(log);
    await expect.poll(async () => unwitnessedCount(log.url), { timeout: 10_000 }).toBe(0);
    expect(await inGit(place.repository, "status", "--porcelain")).toBe(before);
    expect(await inGit(place.repository, "ls-tree", "--name-only", REF)).toBe("checkpoint");
  });

  test("runs no hook, and nothing that a person has set for himself", async () => {
    const place = await repositories();
    const hook = join(place.repository, ".git/hooks/reference-transaction");
    await mkdir(join(hook, ".."), { recursive: true });
    await writeFile(hook, "#!/bin/sh\nexit 1\n");
    await chmod(hook, 0o755);
    const log = await witnessed(place);
    await using _duty = keeping(log);
    await expect.poll(async () => unwitnessedCount(log.url), { timeout: 10_000 }).toBe(0);
  });

  test("builds upon what somebody else put on the branch, when it is of this log", async () => {
    const place = await repositories();
    const log = await witnessed(place, undefined);
    {
      await using _duty = keeping(log);
      await expect.poll(async () => unwitnessedCount(log.url), { timeout: 10_000 }).toBe(0);
    }
    const tree = await inGit(place.repository, "rev-parse", `${REF}^{tree}`);
    const again = await inGit(
      place.repository,
      "commit-tree",
      tree,
      "-p",
      REF,
      "-m",
      "signed off by a person",
    );
    await inGit(place.repository, "update-ref", REF, again);
    await grow(log);
    await using _duty = keeping(log);
    await expect.poll(async () => unwitnessedCount(log.url), { timeout: 10_000 }).toBe(0);
    expect(await inGit(place.repository, "rev-parse", `${REF}^`)).toBe(again);
  });

  test("of one parent takes one of two notes; the other is told that the branch moved", async () => {
    const place = await repositories();
    const at = new Date("2026-11-23T00:00:00Z");
    const branch = { repository: place.repository, branch: BRANCH };
    const commit = async (size: number, parent: string | undefined): Promise<boolean> =>
      git.commitNote(branch, { note: `origin\n${size}\nroot\n`, at, parent }, never);
    expect(await Promise.all([commit(1, undefined), commit(2, undefined)])).toContain(false);
    const tip = await git.tipOf(branch, never);
    expect(await commit(3, tip?.commit)).toBe(true);
    expect(await commit(4, tip?.commit)).toBe(false);
    expect((await git.tipOf(branch, never))?.note).toBe("origin\n3\nroot\n");
  });

  test("leaves a branch alone that holds something else, and says so at once", async () => {
    const place = await repositories();
    await writeFile(join(place.repository, "readme"), "ours\n");
    await inGit(place.repository, "add", "readme");
    await inGit(place.repository, "commit", "--quiet", "-m", "a branch of the team");
    await inGit(place.repository, "branch", BRANCH);
    const before = await inGit(place.repository, "rev-parse", REF);
    const log = await witnessed(place);
    await using _duty = keeping(log);
    await expect.poll(async () => told(log.url), { timeout: 10_000 }).toHaveLength(1);
    expect((await told(log.url))[0]).toContain("give the witness a branch of its own");
    expect(await inGit(place.repository, "rev-parse", REF)).toBe(before);
  });

  test("leaves a branch alone whose checkpoint this log does not have, and says so once", async () => {
    const place = await repositories();
    const other = await witnessed(place, undefined);
    await grow(other);
    {
      await using _duty = keeping(other);
      await expect.poll(async () => unwitnessedCount(other.url), { timeout: 10_000 }).toBe(0);
    }
    const log = await witnessed(place, undefined);
    await using _duty = keeping(log);
    await expect.poll(async () => told(log.url), { timeout: 10_000 }).toHaveLength(1);
    await expect.poll(() => log.troubles.length, { timeout: 10_000 }).toBeGreaterThan(3);
    expect(await told(log.url)).toHaveLength(1);
    expect((await told(log.url))[0]).toContain("a checkpoint of 2 entries that this log does not");
    expect(await sizesIn(place.repository)).toEqual([1, 2]);
  });

  test.each([
    [
      "refuses by a hook",
      async ({ remote }: Place) => {
        const hook = join(remote, "hooks/pre-receive");
        await mkdir(join(hook, ".."), { recursive: true });
        await writeFile(hook, "#!/bin/sh\necho closed for today >&2\nexit 1\n");
        await chmod(hook, 0o755);
        return async () => writeFile(hook, "#!/bin/sh\nexit 0\n");
      },
    ],
    [
      "is not to be reached",
      async ({ repository, remote }: Place) => {
        await inGit(repository, "remote", "set-url", "origin", `${remote}.gone`);
        return async () => inGit(repository, "remote", "set-url", "origin", remote);
      },
    ],
  ])(
    "whose remote %s holds nothing up, is told after an hour, once, and caught up later",
    async (_how, spoil) => {
      const place = await repositories();
      const mend = await spoil(place);
      const log = await witnessed(place);
      await using _duty = keeping(log);
      await expect.poll(() => log.troubles.length, { timeout: 10_000 }).toBeGreaterThan(1);
      expect(await told(log.url)).toEqual([]);
      await grow(log);
      log.setClock(new Date(Date.now() + 61 * 60_000));
      await expect.poll(async () => told(log.url), { timeout: 10_000 }).toHaveLength(1);
      const before = log.troubles.length;
      await expect.poll(() => log.troubles.length, { timeout: 10_000 }).toBeGreaterThan(before + 1);
      expect(await told(log.url)).toHaveLength(1);
      await mend();
      await expect.poll(async () => unwitnessedCount(log.url), { timeout: 10_000 }).toBe(0);
      const sizes = await sizesIn(place.remote);
      expect(sizes.slice(0, 2)).toEqual([1, 2]);
    },
  );

  test("never forces what the remote knows otherwise", async () => {
    const place = await repositories();
    const tree = await inGit(place.remote, "hash-object", "-t", "tree", "-w", "/dev/null");
    const foreign = await inGit(place.remote, "commit-tree", tree, "-m", "somebody was here");
    await inGit(place.remote, "update-ref", REF, foreign);
    const log = await witnessed(place);
    await using _duty = keeping(log);
    await expect.poll(() => log.troubles.length, { timeout: 10_000 }).toBeGreaterThan(1);
    expect(await inGit(place.remote, "rev-parse", REF)).toBe(foreign);
  });
});

describe("a lock that a killed git left behind", () => {
  test.each(["HEAD.lock", `${REF}.lock`, "packed-refs.lock"])(
    "%s is removed when it is old and no git is at work, and that is an entry",
    async (name) => {
      const place = await repositories();
      await inGit(place.repository, "symbolic-ref", "HEAD", REF);
      const lock = await leaveLock(place, name, 11);
      const log = await witnessed(place);
      await using _duty = keeping(log);
      await expect.poll(async () => unwitnessedCount(log.url), { timeout: 10_000 }).toBe(0);
      await expect(readFile(lock)).rejects.toThrow("ENOENT");
      const repairs = (await readEntries(log.url)).filter(({ kind }) => kind === "log.repaired");
      expect(repairs).toMatchObject([{ facts: { lock: name, target: TARGET } }]);
    },
  );

  test("stays while it is young", async () => {
    const place = await repositories();
    const lock = await leaveLock(place, `${REF}.lock`, 1);
    const log = await witnessed(place);
    await using _duty = keeping(log);
    await expect.poll(() => log.troubles.length, { timeout: 10_000 }).toBeGreaterThan(1);
    expect(await readFile(lock, "utf8")).toBe("");
  });

  test("stays while a git is at work in the repository", async () => {
    const place = await repositories();
    const lock = await leaveLock(place, `${REF}.lock`, 11);
    const busy = spawn("git", ["cat-file", "--batch"], { cwd: place.repository, stdio: "pipe" });
    onTestFinished(() => void busy.kill());
    await new Promise((resolve) => busy.once("spawn", resolve));
    const branch = { repository: place.repository, branch: BRANCH };
    expect(await git.removeStaleLocks(branch, 600_000, never)).toEqual([]);
    const ended = new Promise((resolve) => busy.once("exit", resolve));
    busy.stdin.end();
    await ended;
    expect(await git.removeStaleLocks(branch, 600_000, never)).toEqual([`${REF}.lock`]);
    await expect(readFile(lock)).rejects.toThrow("ENOENT");
  });
});

test("a history that is not there is a failure that names what was asked for", async () => {
  const place = await repositories();
  await expect(checkpointsIn(place.repository, "nowhere", never)).rejects.toThrow(
    "has no commit nowhere",
  );
  await expect(checkpointsIn(place.folder, "--help", never)).rejects.toMatchObject({
    name: "SystemError",
    system: "git",
  });
});

/** A lock as a killed git leaves it, some minutes old. */
async function leaveLock({ repository }: Place, name: string, minutes: number): Promise<string> {
  const lock = join(repository, ".git", name);
  await mkdir(join(lock, ".."), { recursive: true });
  await writeFile(lock, "");
  const at = new Date(Date.now() - minutes * 60_000);
  await utimes(lock, at, at);
  return lock;
}
