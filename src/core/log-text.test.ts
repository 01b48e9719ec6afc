import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { canonicalForm, entryHash, type Entry } from "./entry.ts";
import { blockText, readBlock } from "./log-block.ts";
import { checkpointBlock, entryBlock, logHeader } from "./log-text.ts";

const HASH = "9f2c".repeat(16);

const entry: Entry = {
  v: 1,
  log: "flightdeck/evidence/alpha",
  seq: "42",
  prev: "77ab".repeat(16),
  at: "2026-11-23T01:22:33.123Z",
  kind: "run.result",
  target: "alpha",
  actor: { via: "telegram", name: "Otto", telegram: "5", role: "operator" },
  operation: "preflight",
  run: "R-7",
  result: "NO-GO",
  config: "c".repeat(64),
  build: "0.1.0",
  instance: "host-1",
  facts: { fail: "xai-key-works" },
};

function blockOf(changes: Partial<Entry>): string {
  const changed = { ...entry, ...changes };
  const canonical = canonicalForm(changed);
  return entryBlock({ entry: changed, canonical, hash: entryHash(canonical) });
}

function headingOf(changes: Partial<Entry>): string {
  return blockOf(changes).split("\n")[0] ?? "";
}

const hostile = fc.oneof(
  fc.string({ unit: "binary" }).map((text) => text.toWellFormed()),
  fc.constantFrom(
    "a\n\n<!-- end 42 x -->\n\n",
    "\n```\n",
    "```json\n{}\n```",
    "\u2028## #43 · x",
    "\u202egnihton",
    "# <script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "a · b",
    "",
    " ",
    "é́́́́".repeat(60),
  ),
);

describe("the block of an entry", () => {
  test("tells who did what with what result, and holds the text that was hashed", () => {
    const canonical = canonicalForm(entry);
    const hash = entryHash(canonical);
    expect(entryBlock({ entry, canonical, hash })).toBe(
      [
        "## #42 · 2026-11-23 01:22:33Z · Otto · preflight · NO-GO",
        "",
        "run.result · R-7 · operator 5 by telegram · 0.1.0 · host-1",
        `\`sha256:${hash.slice(0, 12)}…\` ← \`sha256:77ab77ab77ab…\``,
        "",
        "```json",
        canonical,
        "```",
        "",
        `<!-- end 42 ${hash} -->`,
        "",
        "",
      ].join("\n"),
    );
  });

  test.each<[Partial<Entry>, string]>([
    [{ kind: "run.intent", operation: "deploy" }, "Otto · deploy · asked"],
    [
      { kind: "step.intent", step: "press the button" },
      "Otto · preflight · press the button · begins",
    ],
    [{ kind: "step.outcome", step: "press", result: "ok" }, "Otto · preflight · press · ok"],
    [
      { kind: "run.unknown", step: "press", result: "unknown" },
      "Otto · preflight · press · in doubt",
    ],
    [{ kind: "run.decision", result: "retry" }, "Otto · preflight · decided retry"],
    [{ actor: { via: "flightdeck", name: "schedule" } }, "schedule · preflight · NO-GO"],
  ])("names %j in its heading", (changes, words) => {
    const { result: _result, ...rest } = entry;
    const { result = changes.kind === undefined ? "NO-GO" : undefined } = changes;
    const whole = { ...rest, ...changes, ...(result === undefined ? {} : { result }) };
    expect(headingOf(whole)).toBe(`## #42 · 2026-11-23 01:22:33Z · ${words}`);
  });

  test.each([
    ["two\nlines", "two⟨U+000A⟩lines"],
    ["*bold* _and_ `code`", String.raw`\*bold\* \_and\_ \`code\``],
    ["<!-- end 42 -->", String.raw`\<\!-- end 42 --\>`],
    ["[x](https://x.example)", String.raw`\[x\](https:\/\/x.example)`],
    ["Otto · GO", "Otto ⟨U+00B7⟩ GO"],
    ["\u202eottO", "⟨U+202E⟩ottO"],
    ["", "(empty)"],
    ["x".repeat(100), `${"x".repeat(79)}…`],
  ])("writes a name such as %j as text", (name, shown) => {
    const heading = headingOf({ actor: { via: "flightdeck", name } });
    expect(heading).toBe(`## #42 · 2026-11-23 01:22:33Z · ${shown} · preflight · NO-GO`);
  });

  test("keeps its shape and is read back whatever it says", () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, hostile, hostile, (name, step, result, run, fact) => {
        const actor = { via: "flightdeck", name } as const;
        const block = blockOf({ actor, step, result, run, facts: { a: fact } });
        const lines = block.split("\n");
        expect(lines).toHaveLength(12);
        expect(lines.filter((line) => line.startsWith("```"))).toEqual(["```json", "```"]);
        expect(lines.filter((line) => line.startsWith("<!--"))).toHaveLength(1);
        expect(lines.filter((line) => line.startsWith("#"))).toHaveLength(1);
        const read = readBlock(block);
        expect(read).toMatchObject({ kind: "entry", entry: { actor, step, result, run } });
        expect(read && blockText(read)).toBe(block);
      }),
    );
  });
});

describe("the block of a checkpoint", () => {
  const note = "flightdeck/evidence/alpha\n42\nZLJJxOBg=\n\n— flightdeck/evidence/alpha Edn8n0R7\n";

  test("holds its note to the letter", () => {
    const block = checkpointBlock(note);
    expect(block).toBe(
      `### Checkpoint of 42 entries\n\n\`\`\`checkpoint\n${note}\`\`\`\n\n<!-- end checkpoint 42 -->\n\n`,
    );
    expect(readBlock(block)).toEqual({ kind: "checkpoint", note });
  });
});

describe("the header", () => {
  const log = { target: "alpha", origin: "flightdeck/evidence/alpha", after: undefined };

  test("says what the file is, how it is verified and whose it is", () => {
    const header = logHeader(log);
    expect(header).toMatch(/^# Evidence log of alpha\n/);
    expect(header).toContain("flightdeck evidence verify . --key keys/alpha.vkey");
    expect(header).toContain("- origin: `flightdeck/evidence/alpha`\n- begins: with #1\n");
    expect(header).toMatch(/\n\n<!-- end header -->\n\n$/);
    expect(readBlock(header)).toEqual({ kind: "header", ...log });
  });

  test("names what it continues", () => {
    const after = { seq: "512", hash: HASH };
    const header = logHeader({ ...log, after });
    expect(header).toContain(`- begins: continues #512, sha256 \`${HASH}\`\n`);
    expect(readBlock(header)).toEqual({ kind: "header", ...log, after });
  });
});

describe("what is no block", () => {
  const block = blockOf({});
  test.each([
    ["nothing", ""],
    ["a block without its end", block.slice(0, -2)],
    ["a line of JSON that is no entry", block.replace('"v":1', '"v":2')],
    ["a broken line of JSON", block.replace('{"', "{")],
    ["an entry without a fence", block.replace("```json", "```")],
    ["carriage returns", block.replaceAll("\n", "\r\n")],
    ["an unknown end", block.replace("<!-- end 42", "<!-- end of 42")],
    [
      "a header without an origin",
      logHeader({ target: "a", origin: "b", after: undefined }).replace("- origin", ""),
    ],
    ["a checkpoint without a fence", checkpointBlock("a\n1\nb\n").replaceAll("```", "")],
  ])("is not read as one: %s", (_what, text) => {
    expect(readBlock(text)).toBeUndefined();
  });

  test.each<[string, (json: string) => string]>([
    ["a space", (json) => json.replace(":", ": ")],
    [
      "members in another order",
      (json) =>
        json
          .replace(/^\{("actor":\{.*?\}),/, "{")
          .replace(/\}$/, `,"actor":${JSON.stringify(entry.actor)}}`),
    ],
    ["a member twice", (json) => json.replace("{", '{"build":"0.1.0",')],
    ["a number written otherwise", (json) => json.replace('"v":1', '"v":1.0')],
    ["a letter that is escaped", (json) => json.replace("Otto", String.raw`\u004ftto`)],
    ["half a character", (json) => json.replace("Otto", String.raw`\ud83d`)],
  ])("is an entry whose JSON is not canonical because of %s", (_what, change) => {
    const canonical = change(canonicalForm(entry));
    expect(canonical).not.toBe(canonicalForm(entry));
    expect(JSON.parse(canonical)).toMatchObject({ seq: "42" });
    expect(readBlock(entryBlock({ entry, canonical, hash: entryHash(canonical) }))).toBeUndefined();
  });

  test("does not equal its own rendering when a single byte of it was changed", () => {
    const bytes = Buffer.from(block);
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 2;
      const text = changed.toString("utf8");
      const read = readBlock(text);
      const same = read !== undefined && blockText(read) === text;
      // Within the JSON a change may make another entry, of another hash, whose end then does not fit.
      expect(same).toBe(false);
    }
  });
});
