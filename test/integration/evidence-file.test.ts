import {
  copyFile,
  mkdir,
  readFile,
  readdir,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { askForRepair } from "../../src/jobs/evidence/evidence-repair.ts";
import { fileOf, noteTrouble } from "../../src/storage/evidence-file.ts";
import {
  appendEntries,
  appendEntry,
  expectRendered,
  filesOf,
  LOG,
  openEvidenceLog,
  signRoughly,
  startRendering,
  type EvidenceLog,
} from "../support/evidence-log.ts";
import { query, readEntries } from "../support/records.ts";

let log: EvidenceLog;
let file: string;

beforeEach(async () => {
  log = await openEvidenceLog();
  file = join(log.directory, "log.md");
});
afterEach(async () => log[Symbol.asyncDispose]());

describe("the file of a log", () => {
  test("is the rendering of its rows, checkpoints included, and grows with them", async () => {
    await appendEntries(log.database, 3);
    await signRoughly(log.database);
    await using rendering = startRendering(log, { timing: { lookMs: 60_000, wholeMs: 60_000 } });
    await untilRendered();
    await appendEntry(log.database);
    rendering.ring();
    await untilRendered();
    const text = await readFile(file, "utf8");
    expect(text).toMatch(/^# Evidence log of sandbox\n/);
    const marks = [...text.matchAll(/<!-- end (?:checkpoint )?\d+/g)].map(([mark]) => mark);
    expect(marks).toEqual(["1", "2", "3", "checkpoint 3", "4"].map((mark) => `<!-- end ${mark}`));
    expect(rendering.errors).toEqual([]);
  });

  test("wakes its renderer by the commit of an entry", async () => {
    const { Client } = await import("pg");
    const listener = new Client({ connectionString: log.url });
    await listener.connect();
    try {
      const heard = new Promise((resolve) => listener.once("notification", resolve));
      await listener.query("listen flightdeck_evidence");
      await appendEntry(log.database);
      await expect(heard).resolves.toMatchObject({ payload: LOG.target });
    } finally {
      await listener.end();
    }
  });

  test("tells the rows how far it is", async () => {
    await appendEntries(log.database, 2);
    await using _rendering = startRendering(log);
    await untilRendered();
    const { size } = await import("node:fs").then(({ statSync }) => statSync(file));
    await expect.poll(async () => known()).toMatchObject({ bytes: size, rendered: 2n });
    expect((await known()).behindSince).toBeUndefined();
  });
});

test("a link in place of the file leads nowhere: what it points to stays as it is, and that is told", async () => {
  const elsewhere = join(log.directory, "elsewhere");
  await writeFile(elsewhere, "not ours");
  await symlink(elsewhere, file);
  await appendEntries(log.database, 2);
  await using _rendering = startRendering(log);
  await untilTrouble("cannot-write");
  expect(await readFile(elsewhere, "utf8")).toBe("not ours");
});

describe("a torn end", () => {
  test("is cut back, kept aside and told in the log, and the file goes on", async () => {
    await renderOnce(3);
    const whole = await readFile(file);
    await rowsKnowNothing();
    await truncate(file, whole.length - 100);
    await renderAll();
    const [torn] = await readdir(join(log.directory, ".torn"));
    const kept = await readFile(join(log.directory, ".torn", torn ?? ""));
    expect(whole.subarray(0, whole.length - 100).subarray(-kept.length)).toEqual(kept);
    expect((await readEntries(log.url)).at(-1)).toMatchObject({
      kind: "log.repaired",
      facts: { file: "log.md", found: "torn", torn: `${kept.length} bytes` },
    });
    expect(await told()).toEqual([]);
  });

  test("before what was known to be on the disk is a cut, and people are told", async () => {
    await renderOnce(3);
    await truncate(file, (await readFile(file)).length - 100);
    await renderAll();
    expect((await readEntries(log.url)).at(-1)).toMatchObject({
      kind: "log.repaired",
      facts: { found: "cut" },
    });
    expect(await told()).toEqual(["⚠️ sandbox · the evidence file was cut"]);
  });

  test("at the end of a block is a cut too, when the rows know better", async () => {
    await renderOnce(3);
    const text = await readFile(file, "utf8");
    await writeFile(file, text.slice(0, text.indexOf("## #3")));
    await renderAll();
    expect((await readEntries(log.url)).at(-1)?.facts["found"]).toBe("cut");
    expect(await told()).toHaveLength(1);
  });

  test("a folder that nobody has rendered to yet was not cut", async () => {
    await renderOnce(3);
    await rm(log.directory, { recursive: true });
    await renderAll();
    expect((await readEntries(log.url)).map(({ kind }) => kind)).not.toContain("log.repaired");
  });

  test("of zeros is one too", async () => {
    await renderOnce(3);
    const whole = await readFile(file);
    await rowsKnowNothing();
    await writeFile(file, whole.fill(0, whole.length - 700));
    await renderAll();
    expect((await readEntries(log.url)).at(-1)?.facts["found"]).toBe("torn");
  });
});

describe("an edited file", () => {
  const edits: readonly [string, (text: string) => string][] = [
    ["a changed heading", (text) => text.replace("## #2", "## #7")],
    ["a changed fact", (text) => text.replace("entry 1", "entry 9")],
    [
      "a removed block",
      (text) => text.slice(0, text.indexOf("## #2")) + text.slice(text.indexOf("## #3")),
    ],
    [
      "a doubled block",
      (text) => text.slice(0, text.indexOf("## #3")) + text.slice(text.indexOf("## #2")),
    ],
    ["lines of another system", (text) => text.replaceAll("\n", "\r\n")],
    ["a byte order mark", (text) => `\uFEFF${text}`],
    ["something at its end", (text) => `${text}and a word\n`],
    ["a bad header", (text) => text.replace("please do not edit it", "please edit it")],
  ];

  test.each(edits)("%s: it is never overwritten, and kept aside", async (_what, edit) => {
    await renderOnce(3);
    const edited = edit(await readFile(file, "utf8"));
    await writeFile(file, edited);
    await using _rendering = startRendering(log);
    await untilTrouble("edited");
    await appendEntry(log.database);
    const [kept] = await copies();
    expect(await readFile(join(log.directory, kept ?? ""), "utf8")).toBe(edited);
    expect(await readFile(file, "utf8")).toBe(edited);
  });

  test("says where it differs first", async () => {
    await renderOnce(3);
    const text = await readFile(file, "utf8");
    const at = Buffer.byteLength(text.slice(0, text.indexOf("entry 1") + "entry ".length));
    await writeFile(file, text.replace("entry 1", "entry 9"));
    await using _rendering = startRendering(log);
    expect(await untilTrouble("edited")).toMatch(`at byte ${at}, in #2.`);
  });

  test("while it is rendered is found without waiting for the hour", async () => {
    await appendEntries(log.database, 3);
    await using _rendering = startRendering(log);
    await untilRendered();
    await writeFile(file, (await readFile(file, "utf8")).replace("entry 1", "entry 9"));
    expect(await untilTrouble("edited")).toContain("in #2");
  });

  test("is kept once, however often the renderer is started", async () => {
    await renderOnce(3);
    await writeFile(file, (await readFile(file, "utf8")).replace("entry 1", "entry 9"));
    for (let start = 0; start < 2; start += 1) {
      await using _rendering = startRendering(log);
      await untilTrouble("edited");
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(await copies()).toHaveLength(1);
  });

  test("is gone on with when somebody put the right one back", async () => {
    await renderOnce(3);
    await copyFile(file, `${file}.right`);
    await writeFile(file, (await readFile(file, "utf8")).replace("entry 1", "entry 9"));
    await using _rendering = startRendering(log);
    await untilTrouble("edited");
    await copyFile(`${file}.right`, file);
    await appendEntry(log.database);
    await untilRendered();
    await expect.poll(async () => (await known()).trouble).toBeUndefined();
  });

  test("is rendered afresh when a person says so, which is an entry", async () => {
    await renderOnce(3);
    await writeFile(file, (await readFile(file, "utf8")).replace("entry 1", "entry 9"));
    await using _rendering = startRendering(log);
    const detail = await untilTrouble("edited");
    const actor = { via: "cli", name: "Ada", telegram: "1003", role: "approver" } as const;
    const order = { actor, reason: "a slip of the hand" };
    expect(await askForRepair({ ...log, target: LOG.target }, order)).toEqual({ kind: "asked" });
    await untilRendered();
    const repaired = (await readEntries(log.url)).at(-1);
    expect(repaired).toMatchObject({
      kind: "log.repaired",
      actor,
      facts: { file: "log.md", found: "edited", reason: "a slip of the hand" },
    });
    expect(detail).toContain(repaired?.facts["digest"]);
    await expect.poll(async () => (await known()).repair).toBeUndefined();
    await expect.poll(async () => (await known()).trouble).toBeUndefined();
  });
});

describe("a repair is refused", () => {
  const order = { actor: { via: "flightdeck", name: "the test" }, reason: "no reason" } as const;

  test("when nothing is wrong", async () => {
    await renderOnce(1);
    expect(await askForRepair({ ...log, target: LOG.target }, order)).toEqual({
      kind: "refused",
      message: "The file of sandbox needs no repair.",
    });
  });

  test("when the file knows more than the rows", async () => {
    await log.database.transaction(async (tx, now) =>
      noteTrouble(tx, now, LOG.target, { kind: "ahead", detail: "adopt it" }),
    );
    expect(await askForRepair({ ...log, target: LOG.target }, order)).toEqual({
      kind: "refused",
      message: "adopt it",
    });
  });
});

describe("a file that does not belong to the rows", () => {
  test("is ahead of them when an older database was restored", async () => {
    await renderOnce(5);
    await query(
      log.url,
      "set session_replication_role = replica; delete from evidence where seq > 3",
    );
    await query(
      log.url,
      "update evidence_head set size = 3, head = (select hash from evidence where seq = 3)",
    );
    await using _rendering = startRendering(log);
    expect(await untilTrouble("ahead")).toMatch(/beyond the database, which ends with #3/);
  });

  test("is foreign when it is another log's", async () => {
    await renderOnce(1);
    const other = (await readFile(file, "utf8")).replaceAll("evidence/sandbox", "evidence/prod");
    await writeFile(file, other);
    await using _rendering = startRendering(log);
    expect(await untilTrouble("foreign")).toContain('the log of "flightdeck/evidence/prod"');
  });
});

describe("a part that has grown large", () => {
  const rotateAtBytes = 6_000;

  test("is closed behind a checkpoint, and the next one continues it", async () => {
    for (let round = 1; round <= 3; round += 1) {
      await appendEntries(log.database, 8);
      await using _rendering = startRendering(log, { rotateAtBytes });
      await expect.poll(closedParts).toHaveLength(round);
    }
    await renderAll();
    const files = await filesOf(log.directory);
    for (const closed of files.slice(0, -1))
      expect(closed).toMatch(/<!-- end checkpoint \d+ -->\n\n$/);
    for (const [index, next] of files.slice(1).entries()) {
      const last = /<!-- end (\d+) ([0-9a-f]{64})(?![^]*<!-- end \d)/.exec(files[index] ?? "");
      expect(next).toContain(`continues #${last?.[1]}, sha256 \`${last?.[2]}\``);
    }
    expect(await closedParts()).toEqual([
      "00000001-00000008.md",
      "00000009-00000016.md",
      "00000017-00000024.md",
    ]);
  });

  test("that was lost is rendered again, and told", async () => {
    await appendEntries(log.database, 8);
    {
      await using _rendering = startRendering(log, { rotateAtBytes });
      await expect.poll(closedParts).toHaveLength(1);
      await appendEntries(log.database, 1);
      await untilRendered();
    }
    await rm(join(log.directory, "log"), { recursive: true });
    await renderAll();
    expect((await readEntries(log.url)).at(-1)).toMatchObject({
      kind: "log.repaired",
      facts: { file: "log/00000001-00000008.md", found: "lost" },
    });
    expect(await told()).toHaveLength(1);
  });

  test("is rendered in parts into a new folder, too", async () => {
    await appendEntries(log.database, 8);
    {
      await using _rendering = startRendering(log, { rotateAtBytes });
      await expect.poll(closedParts).toHaveLength(1);
    }
    await rm(log.directory, { recursive: true });
    await mkdir(log.directory);
    await renderAll();
    expect(await filesOf(log.directory)).toHaveLength(2);
  });
});

async function renderOnce(entries: number): Promise<void> {
  await appendEntries(log.database, entries);
  await renderAll();
}

async function renderAll(): Promise<void> {
  await using _rendering = startRendering(log);
  await untilRendered();
}

async function untilRendered(): Promise<void> {
  await expectRendered(log);
}

/** As if a crash had come before the rows heard of what was synced. */
async function rowsKnowNothing(): Promise<void> {
  await query(log.url, "update evidence_file set bytes = 0, rendered = 0");
}

async function untilTrouble(kind: string): Promise<string> {
  await expect.poll(async () => (await known()).trouble?.kind, { timeout: 10_000 }).toBe(kind);
  return (await known()).trouble?.detail ?? "";
}

async function known() {
  return log.database.transaction(async (tx) => fileOf(tx, LOG.target));
}

async function closedParts(): Promise<readonly string[]> {
  const names = await readdir(join(log.directory, "log")).catch(() => []);
  return names.toSorted((one, other) => Number.parseInt(one) - Number.parseInt(other));
}

async function copies(): Promise<readonly string[]> {
  return (await readdir(log.directory)).filter((name) => name.startsWith("log.md.edited-"));
}

async function told(): Promise<readonly string[]> {
  const { rows } = await query<{ title: string }>(
    log.url,
    "select card->>'title' as title from outbox order by id",
  );
  return rows.map(({ title }) => title);
}
