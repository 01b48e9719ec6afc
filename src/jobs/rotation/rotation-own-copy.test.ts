import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { Secret } from "../../core/secret.ts";
import { ownCopyPhases, watchOwnCopies } from "./rotation-own-copy.ts";
import type { Deed, RotationVault } from "./rotation-procedure.ts";

let folder: string;
let path: string;
let reread: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "own-copy-"));
  path = join(folder, "token");
  reread = 0;
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const context = {
  signal: new AbortController().signal,
  run: "R-1",
  key: "k",
  results: {},
  report: () => {},
  baseline: null,
};

function deeds(keep: string | undefined): readonly Deed[] {
  const vault = {
    minted: async () => new Secret("new"),
    old: async () => new Secret("old"),
  } as unknown as RotationVault;
  const common = { every: 1, warnBefore: 1, checks: [], ...(keep === undefined ? {} : { keep }) };
  const phases = ownCopyPhases({ settings: common, vault, readAnew: () => void (reread += 1) });
  return phases.flatMap((phase) => [...phase.deeds, ...(phase.undo ?? [])]);
}

describe("Flightdeck's own copy", () => {
  test("is replaced as a whole, for its owner's eyes alone, and read anew", async () => {
    await writeFile(path, "old\n", { mode: 0o644 });
    const [forth, back] = deeds(path);
    expect(await forth?.probe(context)).toBe("absent");
    await forth?.apply(context);
    expect(await readFile(path, "utf8")).toBe("new\n");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect([await forth?.probe(context), reread]).toEqual(["holds", 1]);
    await back?.apply(context);
    expect(await readFile(path, "utf8")).toBe("old\n");
    expect(await readdir(folder)).toEqual(["token"]);
  });

  test("that is not there is made", async () => {
    const [forth] = deeds(path);
    expect(await forth?.probe(context)).toBe("absent");
    await forth?.apply(context);
    expect(await forth?.probe(context)).toBe("holds");
  });

  test("says where it cannot be written, and leaves nothing behind", async () => {
    const [forth] = deeds(join(folder, "nowhere", "token"));
    await expect(forth?.apply(context)).rejects.toThrow(
      /nowhere.token cannot be written \(ENOENT\)/,
    );
    expect(reread).toBe(0);
  });

  test("is none where the configuration names no file", () => {
    expect(deeds(undefined)).toEqual([]);
  });
});

describe("a copy that another process replaces", () => {
  const watching = async (held: string, until: AbortSignal): Promise<void> =>
    watchOwnCopies(
      {
        paths: [path, join(folder, "gone")],
        holdsItself: (secret) => secret.reveal() === held,
        readAnew: () => void (reread += 1),
        onError: () => {},
        everyMs: 5,
      },
      until,
    );

  test("is read anew, once, by whoever goes on with what it read at its start", async () => {
    await writeFile(path, "old\n");
    const watched = watching("old", AbortSignal.timeout(20_000));
    await sleep(100);
    expect(reread).toBe(0);
    await writeFile(path, "new\n");
    await watched;
    expect(reread).toBe(1);
  });

  test("is nobody's business that is none of his own: he would read anew for ever", async () => {
    await writeFile(path, "another\n");
    await watching("old", AbortSignal.timeout(20_000));
    expect(reread).toBe(0);
  });

  test("is not believed while it is half written", async () => {
    await writeFile(path, "old\n");
    const over = new AbortController();
    const watched = watching("old", over.signal);
    await sleep(100);
    await writeFile(path, "");
    await sleep(100);
    over.abort();
    await watched;
    expect(reread).toBe(0);
  });
});
