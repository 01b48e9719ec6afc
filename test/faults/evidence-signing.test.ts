import { execFile, spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { describe, expect, inject, onTestFinished, test } from "vitest";

import { checkpointIn } from "../../src/core/note-checkpoint.ts";
import { openNote, parseVerifier } from "../../src/core/signed-note.ts";
import type { Moment } from "../../src/core/trace.ts";
import { blocksOf, headerOf, startOf } from "../../src/jobs/evidence/log-part.ts";
import { logItems } from "../../src/storage/log-items.ts";
import { checkpointsIn } from "../../src/systems/git.ts";
import { createTestDatabase } from "../database.ts";
import { someOf } from "../support/long-run.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query, readEntries } from "../support/records.ts";
import { openSignedLog, ORIGIN, TARGET, type SignedLog } from "../support/signed-log.ts";

const child = join(import.meta.dirname, "../support/log-child.ts");
const killer = join(import.meta.dirname, "../support/kill-at.ts");

type Own = SignedLog & { readonly url: string; readonly folder: string };

async function startLog(): Promise<Own> {
  const own = await openOwnDatabase();
  onTestFinished(async () => own[Symbol.asyncDispose]());
  const log = await openSignedLog({ url: own.url });
  onTestFinished(async () => log[Symbol.asyncDispose]());
  await log.record(3);
  await log.log.checkpointer.sign();
  await log.record(2);
  return Object.assign(log, { url: own.url, folder: dirname(log.dataFolder) });
}

/** Runs the child until it is killed at the moment, which it must come to. */
async function strike(
  { url, folder }: Pick<Own, "url" | "folder">,
  moment: Moment,
  ...words: readonly string[]
): Promise<void> {
  const started = spawn(process.execPath, ["--import", killer, child, url, folder, ...words], {
    env: { PATH: process.env["PATH"] ?? "", USER: "root", KILL_AT: moment },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const signal = await new Promise((resolve) =>
    started.once("exit", (_code, signal) => resolve(signal)),
  );
  expect(signal).toBe("SIGKILL");
}

async function notes(url: string): Promise<readonly string[]> {
  const { rows } = await query<{ note: string }>(
    url,
    "select note from evidence_checkpoint order by size",
  );
  return rows.map(({ note }) => note);
}

describe("a signer that is killed", () => {
  test.each(someOf(["checkpoint.remembered", "checkpoint.signed"] as const, 1))(
    "at %s has signed once or not at all, and whoever comes next goes on",
    async (moment) => {
      const own = await startLog();
      await strike(own, moment, "sign");
      await own.record(1);
      expect(await own.log.checkpointer.sign()).toMatchObject({ kind: "signed", size: 6 });
      const sizes = (await notes(own.url)).map((note) => checkpointIn(note)?.size);
      expect(sizes).toEqual(moment === "checkpoint.signed" ? [3, 5, 6] : [3, 6]);
    },
  );
});

describe("a rotation of the key that is killed", () => {
  test.each(
    someOf(
      ["key.added", "key.introduced", "checkpoint.remembered", "checkpoint.signed"] as const,
      1,
    ),
  )(
    "at %s is finished by the next signature: one entry, one note of both keys, one key left",
    async (moment) => {
      const own = await startLog();
      const [before] = (await own.log.publicKeys()).map(parseVerifier);
      await strike(own, moment, "rotate");
      await own.record(1);
      expect((await own.log.checkpointer.sign()).kind).toBe("signed");
      await own.record(1);
      expect((await own.log.checkpointer.sign()).kind).toBe("signed");

      const after = parseVerifier((await own.log.publicKeys()).at(-1) ?? "");
      const rotated = (await readEntries(own.url)).filter(({ kind }) => kind === "key.rotated");
      expect(rotated).toMatchObject([
        { actor: { name: "Ada" }, facts: { key: after?.keyId, reason: "a laptop was lost" } },
      ]);
      const signed = (await notes(own.url)).map((note) => [
        openNote(note, [before!]).kind === "signed",
        openNote(note, [after!]).kind === "signed",
      ]);
      const both = signed.filter(([old, fresh]) => old && fresh);
      expect(both).toHaveLength(1);
      expect(signed[0]).toEqual([true, false]);
      expect(signed.at(-1)).toEqual([false, true]);
      const keyFile = join(own.dataFolder, "keys", `${TARGET}.signing-key`);
      expect((await readFile(keyFile, "utf8")).trim().split("\n")).toHaveLength(1);
      const left = (await readdir(dirname(keyFile))).filter((name) => name.endsWith(".tmp"));
      expect(left).toEqual([]);
    },
  );
});

describe("an adoption that is killed", () => {
  test("after its word is recorded is finished by saying it again, and stands in the log once", async () => {
    const own = await startLog();
    const template = new URL(own.url).pathname.slice(1);
    await query(
      inject("postgresUrl"),
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
      [template],
    );
    const dump = await createTestDatabase({ template });
    onTestFinished(async () => dump[Symbol.asyncDispose]());
    await own.record(2);
    await own.log.checkpointer.sign();
    await render(own);
    const old = await openSignedLog({ url: dump.url, folder: own.folder });
    onTestFinished(async () => old[Symbol.asyncDispose]());
    await old.record(1);
    await strike({ url: dump.url, folder: own.folder }, "log.adopted", "adopt");
    expect((await old.log.checkpointer.sign()).kind).toBe("refused");
    const order = { actor: { via: "flightdeck", name: "again" }, reason: "again" } as const;
    expect((await old.log.adopt(order)).kind).toBe("adopted");
    expect((await old.log.checkpointer.sign()).kind).toBe("signed");
    expect(await readdir(own.directory)).not.toContain("log.md");
    const adopted = (await readEntries(dump.url)).filter(({ kind }) => kind === "log.adopted");
    expect(adopted).toMatchObject([{ actor: { name: "Ada" } }]);
  });
});

describe("a witness that is killed", () => {
  test.each(["witness.committed", "witness.pushed"] as const)(
    "at %s leaves every checkpoint on the branch once, in order",
    async (moment) => {
      const own = await startLog();
      await own.log.checkpointer.sign();
      const repository = join(own.folder, "repository");
      await mkdir(repository);
      await promisify(execFile)("git", ["init", "--quiet", repository]);
      await strike(own, moment, "witness", repository);
      const witness = { repository, branch: "evidence" };
      await using next = await openSignedLog({
        url: own.url,
        folder: own.folder,
        parts: { witness },
      });
      const stopping = new AbortController();
      const kept = next.log.keepCheckpoints(stopping.signal);
      await expect.poll(async () => waiting(own.url), { timeout: 20_000 }).toBe(0);
      stopping.abort();
      await kept;
      const never = new AbortController().signal;
      const history = await checkpointsIn(repository, "refs/heads/evidence", never);
      expect(history.map(({ note }) => note)).toEqual(await notes(own.url));
    },
  );
});

async function waiting(url: string): Promise<number> {
  const { rows } = await query(
    url,
    "select size from evidence_checkpoint where witnessed_at is null",
  );
  return rows.length;
}

async function render({ database, directory }: SignedLog): Promise<void> {
  const part = { after: undefined, until: undefined };
  const pieces = [headerOf({ target: TARGET, origin: ORIGIN }, part).bytes];
  for await (const { bytes } of blocksOf(logItems(database, TARGET, startOf(part)))) {
    pieces.push(bytes);
  }
  await writeFile(join(directory, "log.md"), Buffer.concat(pieces));
}
