import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { runCommandLine } from "../src/cli.ts";
import { checkpointText } from "../src/core/checkpoint.ts";
import { rootByInclusion } from "../src/core/merkle.ts";
import { formatVerifier, generateSigner, signNote } from "../src/core/signed-note.ts";
import { createBell } from "../src/core/waiting.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { createGit } from "../src/systems/git.ts";
import { run as runProgram } from "./support/run-program.ts";
import {
  blocksOf,
  chained,
  checkpointOf,
  LIFE,
  noteOf,
  ORIGIN,
  signer,
} from "./support/sample-log.ts";

const opened = new AsyncDisposableStack();
const entries = chained(LIFE);
const vkey = formatVerifier(signer.verifier);
const [blocks = []] = blocksOf(entries, { checkpoints: [5, 9, 13] });
let folder: string;
let log: string;
let key: string;

beforeAll(async () => {
  ({ path: folder } = opened.use(await temporaryDirectory("evidence-verify")));
  log = await file("log.md", blocks.join(""));
  key = await file("alpha.vkey", `# the key of alpha\n${vkey}\n`);
});
afterAll(async () => {
  await opened.disposeAsync();
});

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
  return path;
}

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** A terminal with neither configuration nor environment: what works here needs nothing else. */
async function verify(...args: readonly string[]): Promise<Ended> {
  const said = { stdout: "", stderr: "" };
  const code = await runCommandLine({
    argv: ["evidence", "verify", ...args],
    sources: {
      environment: {},
      readFile: (path) => {
        throw new Error(`${path} must not be read.`);
      },
    },
    stdin: Readable.from([]),
    osUser: "nobody",
    instance: "test",
    stdout: (text) => void (said.stdout += text),
    stderr: (text) => void (said.stderr += text),
    signal: new AbortController().signal,
    hangUp: createBell(),
  });
  return { code, ...said };
}

describe("flightdeck evidence verify", () => {
  test("exits 0 for a sound log and says what vouches for it, with the key in a file or as it is", async () => {
    for (const given of [key, vkey]) {
      const { code, stdout, stderr } = await verify(log, "--key", given);
      expect(stdout).toBe(
        `SOUND\n\n${ORIGIN}: 13 entries read in order\n` +
          `3 signed checkpoints; the last one vouches for 13 entries, by key ${signer.verifier.keyId}\n`,
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    }
  });

  test("exits 1 for a log that was tampered with, and names file, byte, entry and difference", async () => {
    const text = blocks.join("").replace("· deploy · asked", "· deploy · ASKED");
    const path = await file("edited.md", text);
    const { code, stdout } = await verify(path, "--key", key);
    expect(code).toBe(1);
    const byte = Buffer.from(text).indexOf("ASKED");
    expect(stdout).toContain(`TAMPERED\n\nedited: ${path}, byte ${byte}, #3\n`);
    expect(stdout).toContain("  expected: ## #3 · 2026-11-23 01:00:03Z · Otto · deploy · asked\n");
    expect(stdout).toContain("  found:    ## #3 · 2026-11-23 01:00:03Z · Otto · deploy · ASKED\n");
  });

  test("exits 2 for a log whose last write was cut short, and tells it as JSON", async () => {
    const path = await file("torn.md", blocks.join("").slice(0, -40));
    const { code, stdout } = await verify(path, "--key", key, "--json");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: "incomplete",
      findings: [{ class: "incomplete", kind: "torn", at: { part: path, seq: "14" } }],
      standing: { size: 13 },
    });
  });

  test("exits 3 for a key that is not the log's", async () => {
    const other = formatVerifier(generateSigner(ORIGIN).verifier);
    const { code, stdout } = await verify(log, "--key", other);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^NO KEY\n\nunknown-key: /);
  });

  test.each<[string, readonly string[]]>([
    ["Which file?", ["--key", vkey]],
    ["Without --key", ["log.md"]],
    ["--key lacks its value", ["log.md", "--key"]],
    ["did you mean --key?", ["log.md", "--kee", vkey]],
    ["There is no no-such-file.md.", ["no-such-file.md", "--key", vkey]],
    ["neither a key", ["log.md", "--key", "no-such-file"]],
    ["number of an entry", ["log.md", "--key", vkey, "--prove", "0"]],
    ["leave --db out", ["log.md", "--key", vkey, "--prove", "1", "--db"]],
  ])("exits 3 and says so when it was not asked rightly: %s", async (message, args) => {
    const { code, stdout, stderr } = await verify(...args);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  });

  test("exits 3 for what is no file, instead of waiting for its end", async () => {
    const pipe = join(folder, "pipe.md");
    await runProgram("mkfifo", [pipe]);
    const { code, stderr } = await verify(pipe, "--key", key);
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining(pipe) });
  });

  test("exits 3 for a file of keys with a damaged one, or none", async () => {
    const damaged = await file("damaged.vkey", `${vkey}\n${vkey.replace("alpha", "alphb")}\n`);
    expect((await verify(log, "--key", damaged)).stderr).toContain(
      "key 2: expected name+id+base64",
    );
    const empty = await file("empty.vkey", "# nothing\n\n");
    expect(await verify(log, "--key", empty)).toMatchObject({ code: 3 });
  });

  test("reads the folder of a log with all its parts", async () => {
    const parts = blocksOf(entries, { checkpoints: [3, 7, 13], rotations: [3, 7] });
    const names = ["log/00000001-00000003.md", "log/00000004-00000007.md", "log.md"];
    for (const [index, part] of parts.entries()) {
      await file(join("rotated", names[index]!), part.join(""));
    }
    const rotated = join(folder, "rotated");
    expect(await verify(rotated, "--key", key)).toMatchObject({ code: 0 });
    const alone = await verify(join(rotated, "log.md"), "--key", key);
    expect(alone.code).toBe(2);
    expect(alone.stdout).toContain("The parts with #1 to #7 were not given");
    expect(await verify(folder, "--key", key)).toMatchObject({ code: 0 });
    expect(await verify(rotated, join(rotated, "log.md"), "--key", key)).toMatchObject({ code: 0 });
    const { stderr } = await verify(join(rotated, "log"), "--key", key);
    expect(stderr).toContain("holds no log.md");
    const absent = await verify("\u001b[2Jlog.md", "--key", key);
    expect(absent.stderr).toBe("There is no ⟨U+001B⟩[2Jlog.md.\n");
  });
});

describe("what was seen elsewhere", () => {
  const cut = blocks.slice(0, 8).join("");

  test("in a chat's export shows that the end was cut off", async () => {
    const path = await file("cut.md", cut);
    expect(await verify(path, "--key", key)).toMatchObject({ code: 0 });
    const messages = [
      {
        id: 7,
        type: "message",
        date: "2026-11-23T08:00:00",
        text: ["Daily\n", { type: "pre", text: noteOf(entries).trimEnd() }],
      },
    ];
    const chat = await file("export.json", JSON.stringify({ name: "Ops", messages }));
    const { code, stdout } = await verify(path, "--key", key, "--chat", chat);
    expect(code).toBe(1);
    expect(stdout).toContain("A checkpoint of 13 entries was seen in");
    expect(stdout).toContain("message 7 of 2026-11-23T08:00:00");
    const whole = await verify(log, "--key", key, "--chat", chat);
    expect(whole.code).toBe(0);
    expect(whole.stdout).toContain("1 checkpoint seen outside lies on this log");
  });

  test("as pasted text shows that the history is another one", async () => {
    const other = chained(LIFE.map((said) => ({ ...said, build: "0.2.0" })));
    const path = await file("note.txt", `He sent me this:\n\n${noteOf(other.slice(0, 9))}`);
    const { code, stdout } = await verify(log, "--key", key, "--chat", path);
    expect(code).toBe(1);
    expect(stdout).toContain("rewritten: ");
  });

  test("that says nothing of this log leaves nothing to compare with", async () => {
    const stranger = generateSigner(ORIGIN);
    const forged = signNote(checkpointText({ ...checkpointOf(entries), size: 99 }), [stranger]);
    const path = await file("forged.txt", forged);
    const { code, stdout } = await verify(log, "--key", key, "--chat", path);
    expect(code).toBe(2);
    expect(stdout).toContain("uncompared: ");
  });

  test("in the history of a git branch is compared note by note", async () => {
    const repository = join(folder, "witness");
    await runProgram("git", ["init", "--quiet", "--bare", repository]);
    const git = createGit();
    const { signal } = new AbortController();
    let parent: string | undefined;
    for (const size of [5, 13]) {
      const note = noteOf(entries.slice(0, size));
      const place = { repository, branch: "evidence" };
      expect(await git.commitNote(place, { note, at: new Date(), parent }, signal)).toBe(true);
      parent = (await git.tipOf(place, signal))?.commit;
    }
    const { code, stdout } = await verify(log, "--key", key, "--git", `${repository}#evidence`);
    expect(stdout).toContain("2 checkpoints seen outside lie on this log");
    expect(code).toBe(0);
    const path = await file("cut.md", cut);
    expect(await verify(path, "--key", key, "--git", `${repository}#evidence`)).toMatchObject({
      code: 1,
    });
    const wrong = await verify(log, "--key", key, "--git", `${repository}#no-such-branch`);
    expect(wrong).toMatchObject({ code: 3 });
    expect(wrong.stderr).toContain("has no commit no-such-branch");
  });
});

describe("a proof that an entry is in the log", () => {
  test("leads to the root of the last checkpoint", async () => {
    const { code, stdout } = await verify(log, "--key", key, "--prove", "6", "--json");
    expect(code).toBe(0);
    const { inclusion } = JSON.parse(stdout) as {
      inclusion: {
        canonical: string;
        leafHash: string;
        index: number;
        size: number;
        path: string[];
        note: string;
      };
    };
    expect(inclusion).toMatchObject({ canonical: entries[5]?.canonical, index: 5, size: 13 });
    expect(inclusion.note).toBe(noteOf(entries));
    expect(rootByInclusion(inclusion)).toBe(checkpointOf(entries).root);
    expect((await verify(log, "--key", key, "--prove", "6")).stdout).toContain(
      "Proof that #6 is in the log",
    );
  });

  test("is not to be had for what no signature vouches for", async () => {
    const short = blocksOf(entries, { checkpoints: [5] })
      .flat()
      .join("");
    const path = await file("short.md", short);
    for (const number of ["6", "99"]) {
      const { code, stdout } = await verify(path, "--key", key, "--prove", number);
      expect(code).toBe(2);
      expect(stdout).toContain(`#${number} cannot be proved`);
    }
  });
});
