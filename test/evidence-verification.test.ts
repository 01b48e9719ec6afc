import { describe, expect, test } from "vitest";

import type { Checkpoint } from "../src/core/checkpoint.ts";
import { entryHash } from "../src/core/entry.ts";
import { reportText, type LogReport } from "../src/core/log-report.ts";
import { checkpointBlock, entryBlock, logHeader } from "../src/core/log-text.ts";
import { verifyFiles, type LogPart, type VerifyOptions } from "../src/core/log-verification.ts";
import { generateSigner } from "../src/core/signed-note.ts";
import {
  blocksOf,
  chained,
  checkpointOf,
  LIFE,
  noteOf,
  ORIGIN,
  partInPieces,
  partOf,
  recorded,
  signer,
  type LogShape,
  type Said,
} from "./support/sample-log.ts";

const entries = chained(LIFE);
const shape: LogShape = { checkpoints: [5, 9, 12] };
const [blocks = []] = blocksOf(entries, shape);
const stranger = generateSigner(ORIGIN);

function seen(checkpoint: Checkpoint, isNote = true): VerifyOptions["outside"][number] {
  return { ...checkpoint, seenIn: "the chat", isNote };
}

async function verify(
  parts: string | readonly LogPart[],
  options: Partial<VerifyOptions> = {},
): Promise<LogReport> {
  const given = typeof parts === "string" ? [partOf(parts)] : parts;
  return verifyFiles(given, { keys: [signer.verifier], outside: [], ...options });
}

/** The reason for the verdict, in short. */
async function found(
  parts: string | readonly LogPart[],
  options: Partial<VerifyOptions> = {},
): Promise<string> {
  const { verdict, findings } = await verify(parts, options);
  const [first] = findings;
  return first ? `${verdict}, ${first.kind}, #${first.at.seq ?? "-"}` : verdict;
}

/** The blocks with those of some entries and checkpoints, by their place in the file, put otherwise. */
function rearranged(change: (blocks: string[]) => void): string {
  const copy = [...blocks];
  change(copy);
  return copy.join("");
}

const at = (seq: number): number => blocks.findIndex((block) => block.startsWith(`## #${seq} `));
const atCheckpoint = (size: number): number =>
  blocks.findIndex((block) => block.startsWith(`### Checkpoint of ${size} `));

describe("a sound log", () => {
  test("is sound, and its report counts what was read", async () => {
    const report = await verify(blocks.join(""), {
      outside: [seen(checkpointOf(entries.slice(0, 9)))],
    });
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ verdict: "sound", standing: { size: 13, checkpoints: 3 } });
    expect(report.standing).toMatchObject({ compared: 1, head: entries[12]?.hash });
    expect(report.standing?.lastTrusted).toMatchObject({ size: 12 });
    expect(report.remarks).toEqual([
      "1 entry at the end: chained, and vouched for by no signature yet.",
    ]);
  });

  test.each<[string, readonly Said[], LogShape]>([
    ["without an entry", [], {}],
    ["without a checkpoint", LIFE.slice(0, 2), {}],
    [
      "with a checkpoint behind every entry",
      LIFE,
      { checkpoints: LIFE.map((_, index) => index + 1) },
    ],
    ["of several files", LIFE, { checkpoints: [3, 7, 13], rotations: [3, 7] }],
    ["that was closed just now", LIFE, { checkpoints: [13], rotations: [13] }],
  ])("is sound %s", async (_what, said, of) => {
    const files = blocksOf(chained(said), of).map((file, index) =>
      partOf(file.join(""), `${index}.md`),
    );
    expect(await found(files)).toBe("sound");
    // In whatever order a shell names them.
    expect(await found(files.toReversed())).toBe("sound");
  });

  test("is sound in whatever pieces it is read", async () => {
    for (const piece of [1, 7, 1_000, 65_536]) {
      expect(await found([partInPieces(blocks.join(""), piece)])).toBe("sound");
    }
  });

  test("is sound although an entry quotes the escape of half a character", async () => {
    // Many programs write every emoji in JSON as two such escapes.
    const reason = String.raw`status should be 200, is 500 with {"detail": "\ud83d\ude00 \\ud83d"}`;
    const quoting = chained([{ kind: "status.read", facts: { reason } }]);
    expect(await found(blocksOf(quoting).flat().join(""))).toBe("sound");
  });

  test("says when the clock went back, which is no fault of the log", async () => {
    const late = chained([
      { kind: "status.read", at: "2026-11-23T02:00:00.000Z" },
      { kind: "status.read", at: "2026-11-23T01:59:59.999Z" },
      { kind: "clock.jumped", at: "2026-11-23T01:00:00.000Z" },
    ]);
    const { verdict, remarks } = await verify(blocksOf(late).flat().join(""));
    expect(verdict).toBe("sound");
    expect(remarks).toContain("The clock went back in front of #2.");
  });
});

describe("tampering is found and named", () => {
  test.each<[string, string, string]>([
    [
      "a word of a heading",
      "edited, #4",
      rearranged((all) => (all[at(4)] = all[at(4)]!.replace("begins", "begun"))),
    ],
    [
      "a word of an entry",
      "edited, #4",
      rearranged((all) => (all[at(4)] = all[at(4)]!.replace('"Line', '"Lime'))),
    ],
    [
      "a word of the header",
      "edited, #1",
      rearranged((all) => (all[0] = all[0]!.replace("not edit", "edit"))),
    ],
    [
      "the name of the target in the header",
      "edited, #1",
      rearranged(
        (all) =>
          (all[0] = all[0]!
            .replaceAll("alpha.", "beta.")
            .replaceAll("of alpha", "of beta")
            .replaceAll("`alpha`", "`beta`")),
      ),
    ],
    [
      "a remark between two blocks",
      "edited, #4",
      rearranged((all) => all.splice(at(4), 0, "Otto says hello.\n\n")),
    ],
    ["CR LF", "converted, #1", blocks.join("").replaceAll("\n", "\r\n")],
    ["a byte order mark", "converted, #1", `\ufeff${blocks.join("")}`],
    ["a missing entry", "cut, #4", rearranged((all) => all.splice(at(4), 1))],
    ["several missing entries", "cut, #2", rearranged((all) => all.splice(at(2), 3))],
    ["a missing header", "cut, #-", rearranged((all) => all.shift())],
    [
      "a header in the middle",
      "doubled, #-",
      rearranged((all) => all.splice(at(4), 0, blocks[0]!)),
    ],
    [
      "two entries in the wrong order",
      "moved, #3",
      rearranged((all) => all.splice(at(3), 2, blocks[at(4)]!, blocks[at(3)]!)),
    ],
    ["an entry twice", "doubled, #4", rearranged((all) => all.splice(at(4), 0, blocks[at(4)]!))],
    [
      "an earlier entry once more",
      "doubled, #2",
      rearranged((all) => all.splice(at(8), 0, blocks[at(2)]!)),
    ],
    [
      "a later entry twice",
      "doubled, #4",
      rearranged((all) => all.splice(at(4), 0, blocks[at(8)]!)),
    ],
    [
      "a moved checkpoint",
      "moved, #4",
      rearranged((all) => all.splice(at(5), 0, ...all.splice(atCheckpoint(5), 1))),
    ],
    [
      "a doubled checkpoint",
      "doubled, #5",
      rearranged((all) => all.splice(atCheckpoint(5), 0, blocks[atCheckpoint(5)]!)),
    ],
  ])("%s: %s", async (_what, expected, file) => {
    expect(await found(file)).toBe(`tampered, ${expected}`);
  });

  test("with the place in bytes, and what was expected", async () => {
    const file = rearranged((all) => (all[at(4)] = all[at(4)]!.replace("begins", "begun")));
    const { findings } = await verify(file);
    expect(findings[0]).toMatchObject({
      at: { part: "log.md", offset: Buffer.from(file).indexOf("begun") + 3, seq: "4" },
      expected: "## #4 · 2026-11-23 01:00:04Z · Otto · deploy · press the button · begins",
      found: "## #4 · 2026-11-23 01:00:04Z · Otto · deploy · press the button · begun",
    });
  });

  test("an entry that was rewritten with all hashes that are its own", async () => {
    const other = recorded({ ...entries[3]!.entry, operation: "rollback" });
    const file = rearranged((all) => (all[at(4)] = entryBlock(other)));
    expect(await found(file)).toBe("tampered, replaced, #5");
  });

  test("a log that was chained anew by somebody without the key", async () => {
    const said = LIFE.map((words, index) => (index === 6 ? { ...words, result: "other" } : words));
    const forged = chained(said);
    const kept = blocksOf(forged, shape).flat();
    kept[atCheckpoint(9)] = blocks[atCheckpoint(9)]!;
    kept[atCheckpoint(12)] = blocks[atCheckpoint(12)]!;
    expect(await found(kept.join(""))).toBe("tampered, rewritten, #6");

    const resigned = blocksOf(forged, { checkpoints: [5, [9, [stranger]], [12, [stranger]]] });
    expect(await found(resigned.flat().join(""))).toBe("tampered, forged, #9");

    const without = blocksOf(forged, { checkpoints: [5] })
      .flat()
      .join("");
    const outside = [seen(checkpointOf(entries.slice(0, 12)))];
    expect(await found(without)).toBe("sound");
    expect(await found(without, { outside })).toBe("tampered, rewritten, #6");
  });

  test("an entry that was inserted, chained to the one before it", async () => {
    const [extra] = chained([{ kind: "status.read", cause: "tg-9" }], {
      after: entries.slice(0, 6),
    }).slice(-1);
    const file = rearranged((all) => all.splice(at(7), 0, entryBlock(extra!)));
    expect(await found(file)).toBe("tampered, inserted, #7");
  });

  test("an entry that was inserted and continues nothing", async () => {
    const alone = recorded({ ...entries[6]!.entry, prev: "0".repeat(64) });
    const file = rearranged((all) => all.splice(at(7), 0, entryBlock(alone)));
    expect(await found(file)).toBe("tampered, inserted, #7");
  });

  test("an entry of another log", async () => {
    const other = chained(LIFE, { origin: "flightdeck/evidence/staging" });
    const file = rearranged((all) => (all[at(7)] = entryBlock(other[6]!)));
    expect(await found(file)).toBe("tampered, foreign, #7");
  });

  test("a file of another log beside the one", async () => {
    const other = blocksOf(chained(LIFE, { origin: "flightdeck/evidence/staging" })).flat();
    const files = [partOf(blocks.join("")), partOf(other.join(""), "other.md")];
    expect(await found(files)).toMatch(/^tampered, foreign/);
  });

  test("a log that was continued from an old backup", async () => {
    const branch = chained([{ kind: "status.read", cause: "tg-9" }], {
      after: entries.slice(0, 7),
    });
    const file = blocks.join("") + entryBlock(branch[7]!);
    expect(await found(file)).toBe("tampered, forked, #8");
    const { findings } = await verify(file);
    expect(findings[0]?.message).toContain("goes on from #7");
  });

  test("a whole entry that is not in canonical form", async () => {
    const [first] = entries;
    const loose = first!.canonical.replace('"v":1', '"v":1.0');
    const file = logHeaderOf() + entryBlock({ ...first!, canonical: loose });
    expect(await found(file)).toBe("tampered, edited, #1");
  });

  test("half a character in an entry, whatever stands in front of it", async () => {
    for (const text of [String.raw`"\ud83d"`, String.raw`"\\\ud83d"`]) {
      const [first] = chained([{ kind: "status.read", facts: { reason: "x" } }]);
      const canonical = first!.canonical.replace('"x"', text);
      const file = logHeaderOf() + entryBlock({ ...first!, canonical, hash: entryHash(canonical) });
      expect(await found(file)).toBe("tampered, edited, #1");
    }
  });

  test.each([
    ["lists", "[".repeat(1_000_000) + "]".repeat(1_000_000)],
    ["mappings", `${'{"a":'.repeat(300_000)}1${"}".repeat(300_000)}`],
  ])("%s within each other without end", async (_what, canonical) => {
    const [first] = entries;
    expect(await found(logHeaderOf() + entryBlock({ ...first!, canonical }))).toBe(
      "tampered, edited, #1",
    );
  });

  test("by a report that no terminal obeys, whatever was put into the log", async () => {
    const report = await verify(`\u001b[2J\u001b[1;1HSOUND\u202e\n\n<!-- end header -->\n\n`);
    expect(reportText(report)).toContain("found:    ⟨U+001B⟩[2J⟨U+001B⟩[1;1HSOUND⟨U+202E⟩");
  });

  test("a byte that no text has, where the text has a replacement character", async () => {
    const doubtful = chained([{ kind: "status.read", facts: { reason: "\ufffd" } }]);
    const bytes = Buffer.from(blocksOf(doubtful).flat().join(""));
    expect(await found([partOf(bytes)])).toBe("sound");
    const place = bytes.indexOf("\ufffd");
    const shorter = Buffer.concat([
      bytes.subarray(0, place),
      Buffer.of(0xff),
      bytes.subarray(place + 3),
    ]);
    expect(await found([partOf(shorter)])).toMatch(/^tampered, edited/);
  });

  test("between files", async () => {
    const files = blocksOf(entries, { checkpoints: [3, 7, 13], rotations: [3, 7] }).map((file) =>
      file.join(""),
    );
    const [one = "", two = "", three = ""] = files;
    const parts = (...texts: string[]): LogPart[] =>
      texts.map((text, index) => partOf(text, `${index}.md`));
    expect(await found(parts(one, three))).toBe("tampered, cut, #4");
    expect(await found(parts(one, two, two, three))).toBe("tampered, doubled, #4");
    expect(await found(parts(one.slice(0, -20), two, three))).toBe("tampered, cut, #4");
    expect(await found(parts("", two, three))).toMatch(/^tampered, cut/);
    const [first = []] = blocksOf(entries.slice(0, 3), {});
    expect(await found(parts(first.join(""), two, three))).toBe("tampered, cut, #3");
    const other = chained([
      { kind: "status.read" },
      { kind: "status.read" },
      { kind: "status.read" },
    ]);
    const [foreignFirst = []] = blocksOf(other, { checkpoints: [3] });
    expect(await found(parts(foreignFirst.join(""), two, three))).toBe("tampered, replaced, #4");
  });
});

function logHeaderOf(): string {
  return logHeader({ target: "alpha", origin: ORIGIN, after: undefined });
}

describe("what is missing is told apart from tampering", () => {
  test.each<[string, string, string]>([
    ["an empty file", "torn, #-", ""],
    ["a header cut short", "torn, #1", blocks[0]!.slice(0, 40)],
    ["an entry cut short in its heading", "torn, #14", `${blocks.join("")}## #14 · 2026-`],
    [
      "an entry cut short in its JSON",
      "torn, #4",
      blocks.slice(0, at(4)).join("") + blocks[at(4)]!.slice(0, 400),
    ],
    [
      "an entry cut short in its end",
      "torn, #4",
      blocks.slice(0, at(4)).join("") + blocks[at(4)]!.slice(0, -30),
    ],
    [
      "an entry without the empty line",
      "torn, #4",
      blocks.slice(0, at(4)).join("") + blocks[at(4)]!.slice(0, -1),
    ],
    [
      "a checkpoint cut short",
      "torn, #6",
      blocks.slice(0, atCheckpoint(5)).join("") + blocks[atCheckpoint(5)]!.slice(0, 150),
    ],
    ["a tail of zeros", "torn, #14", `${blocks.join("")}${"\0".repeat(500)}`],
    [
      "an entry that ends in zeros",
      "torn, #4",
      `${blocks.slice(0, at(4)).join("")}${blocks[at(4)]!.slice(0, 300)}${"\0".repeat(100)}`,
    ],
  ])("%s", async (_what, expected, file) => {
    expect(await found(file)).toBe(`incomplete, ${expected}`);
  });

  test.each<[string, string]>([
    ["text behind the last block", `${blocks.join("")}And they lived happily ever after.`],
    [
      "an entry that continues nothing, cut short",
      `${blocks.join("")}${blocks[at(4)]!.slice(0, 400)}`,
    ],
    ["zeros in the middle of a block", blocks.join("").replace("Otto", "\0\0\0\0")],
    [
      "a last end marker that was edited",
      `${blocks.join("").slice(0, -10)}0${blocks.join("").slice(-9)}`,
    ],
  ])("while %s was put there", async (_what, file) => {
    expect(await found(file)).toMatch(/^tampered, edited/);
  });

  test("an intent without an outcome", async () => {
    const open = blocksOf(entries.slice(0, 4), { checkpoints: [4] })
      .flat()
      .join("");
    expect(await found(open)).toBe("incomplete, open, #3");
  });

  test("earlier files that were not given, although the chain can be followed", async () => {
    const [, two = [], three = []] = blocksOf(entries, {
      checkpoints: [3, 7, 13],
      rotations: [3, 7],
    });
    const parts = [partOf(two.join(""), "two.md"), partOf(three.join(""), "three.md")];
    expect(await found(parts)).toBe("incomplete, partial, #-");
    const cut = [partOf(two.filter((_, index) => index !== 2).join(""), "two.md"), parts[1]!];
    expect(await found(cut)).toBe("tampered, cut, #5");
  });

  test("entries that exist and were not written here yet", async () => {
    const outside = [seen(checkpointOf(entries))];
    const [short = []] = blocksOf(entries.slice(0, 6), { checkpoints: [6] });
    expect(await found(short.join(""), { outside })).toBe("tampered, cut, #7");
    expect(await found(short.join(""), { outside, existing: 13 })).toBe("incomplete, lagging, #6");
    const [unsigned = []] = blocksOf(entries);
    expect(await found(unsigned.join(""), { outside })).toBe("incomplete, lagging, #13");
  });
});

describe("what was seen outside", () => {
  test("has to stand in the log", async () => {
    const outside = [seen(checkpointOf(entries.slice(0, 9)))];
    const file = rearranged((all) => all.splice(atCheckpoint(9), 1));
    expect(await found(file, { outside })).toBe("tampered, cut, #9");
    expect(await found(file, { outside: outside.map((one) => ({ ...one, isNote: false })) })).toBe(
      "sound",
    );
  });

  test("of another log is no matter", async () => {
    const outside = [
      seen({ ...checkpointOf(entries), origin: "flightdeck/evidence/staging", size: 99 }),
    ];
    expect(await found(blocks.join(""), { outside })).toBe("sound");
  });

  test("may be many, of any order and more than one of a size", async () => {
    const sizes = [12, 5, 5, 9];
    const outside = sizes.map((size) => seen(checkpointOf(entries.slice(0, size))));
    expect(await verify(blocks.join(""), { outside })).toMatchObject({
      verdict: "sound",
      standing: { compared: 4 },
    });
  });
});

describe("keys", () => {
  const successor = generateSigner(ORIGIN);
  const both = [signer, successor];
  const rotated = blocksOf(entries, { checkpoints: [5, [9, both], [12, [successor]]] })
    .flat()
    .join("");

  test("may be replaced when the old one vouches for the new one", async () => {
    const keys = [signer.verifier, successor.verifier];
    expect(await found(rotated, { keys })).toBe("sound");
  });

  test("that were replaced may have been stolen, so a newest one that signed nothing is told", async () => {
    const { verdict, remarks } = await verify(blocks.join(""), {
      keys: [signer.verifier, successor.verifier],
    });
    expect(verdict).toBe("sound");
    expect(remarks).toContain(
      `The newest key that was given, ${successor.verifier.keyId}, has signed nothing here; an older one signed last.`,
    );
  });

  test("that were replaced and not given are asked for", async () => {
    expect(await found(rotated)).toBe("key, unknown-key, #9");
    expect((await verify(rotated)).standing?.lastTrusted?.size).toBe(9);
    expect(await found(rotated, { keys: [stranger.verifier] })).toBe("key, unknown-key, #5");
  });

  test("that were replaced are good for nothing more", async () => {
    const stolen = blocksOf(entries, { checkpoints: [5, [9, both], [12, [signer]]] }).flat();
    const keys = [signer.verifier, successor.verifier];
    expect(await found(stolen.join(""), { keys })).toBe("tampered, forged, #12");
  });

  test("of another log vouch for nothing here", async () => {
    const other = generateSigner("flightdeck/evidence/staging");
    const file = blocksOf(entries, { checkpoints: [[5, [other]]] })
      .flat()
      .join("");
    expect(await found(file, { keys: [other.verifier] })).toBe("key, unknown-key, #5");
  });

  test("of another log leave one undecided that was told anew under a name of its own", async () => {
    const anew = chained(LIFE, { origin: "flightdeck/evidence/beta" });
    const file = blocksOf(anew).flat().join("");
    const { verdict, findings } = await verify(file);
    expect(verdict).toBe("key");
    expect(findings[0]?.message).toBe(
      `The log calls itself flightdeck/evidence/beta, and the keys that were given are those of ${ORIGIN}.`,
    );
  });

  test("that are unknown do not hide a root that is wrong", async () => {
    const other = chained(LIFE.map((words) => ({ ...words, instance: "host-2" })));
    const file = rearranged(
      (all) => (all[atCheckpoint(5)] = checkpointBlock(noteOf(other.slice(0, 5)))),
    );
    expect(await found(file, { keys: [stranger.verifier] })).toBe("tampered, rewritten, #1");
  });

  test("that nobody gave us have nothing to add", async () => {
    const file = blocksOf(entries, { checkpoints: [5, [9, [signer, stranger]], 12] });
    expect(await found(file.flat().join(""))).toBe("key, unknown-key, #9");
  });

  test("have to have signed at all", async () => {
    const [unsigned = ""] = noteOf(entries.slice(0, 5)).split("\n\n");
    const file = rearranged((all) => (all[atCheckpoint(5)] = checkpointBlock(`${unsigned}\n\n`)));
    expect(await found(file)).toBe("tampered, forged, #5");
  });
});

describe("what entries say of each other", () => {
  const run = { operation: "deploy", run: "R-1" };
  const step = { ...run, step: "press" };
  test.each<[string, readonly Said[]]>([
    ["a step of a run that nobody asked for", [{ kind: "step.intent", ...step }]],
    [
      "an outcome of a step that had not begun",
      [
        { kind: "run.intent", ...run },
        { kind: "step.outcome", ...step },
      ],
    ],
    [
      "a run that is asked for twice",
      [
        { kind: "run.intent", ...run },
        { kind: "run.intent", ...run },
      ],
    ],
    [
      "a step that begins twice",
      [
        { kind: "run.intent", ...run },
        { kind: "step.intent", ...step },
        { kind: "step.intent", ...step },
      ],
    ],
    [
      "a second outcome of a step",
      [
        { kind: "run.intent", ...run },
        { kind: "step.intent", ...step },
        { kind: "step.outcome", ...step },
        { kind: "step.outcome", ...step },
      ],
    ],
    [
      "a second result of a run with effects",
      [
        { kind: "run.intent", ...run },
        { kind: "run.result", ...run },
        { kind: "run.result", ...run },
      ],
    ],
    [
      "a result with a step under way",
      [
        { kind: "run.intent", ...run },
        { kind: "step.intent", ...step },
        { kind: "run.result", ...run },
      ],
    ],
  ])("does not fit: %s", async (_what, said) => {
    const file = blocksOf(chained(said)).flat().join("");
    expect(await found(file)).toBe(`tampered, contradictory, #${said.length}`);
  });

  const again: readonly Said[] = [
    { kind: "run.intent", ...run },
    { kind: "step.intent", ...step },
  ];
  const adoption: Said = { kind: "log.adopted", operation: "evidence", cause: "adopt-1" };

  test("begins anew with an older database, whose rows may end what had ended, or never do", async () => {
    const later = { ...run, run: "R-10" };
    const ended: readonly Said[] = [
      { kind: "step.outcome", ...step },
      { kind: "run.result", ...run },
    ];
    for (const said of [
      [...again, adoption],
      [...again, adoption, ...again, ...ended],
      [...again, ...ended, adoption, ...ended],
      [...again, adoption, { kind: "run.intent", ...later }, { kind: "run.result", ...later }],
    ] satisfies Said[][]) {
      expect(await found(blocksOf(chained(said)).flat().join(""))).toBe("sound");
    }
  });

  test("holds again for what is asked for after that", async () => {
    const later = again.map((words) => ({ ...words, run: "R-10" }));
    const file = (said: readonly Said[]): string => blocksOf(chained(said)).flat().join("");
    expect(await found(file([...again, adoption, ...later]))).toBe("incomplete, open, #4");
    expect(await found(file([...again, adoption, ...later, ...later]))).toBe(
      "tampered, contradictory, #6",
    );
  });
});
