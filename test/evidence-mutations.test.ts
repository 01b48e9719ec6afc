import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { entryBlock } from "../src/core/log-text.ts";
import { verifyFiles, type VerifyOptions } from "../src/core/log-verification.ts";
import { generateSigner } from "../src/core/signed-note.ts";
import { tries } from "./support/long-run.ts";
import {
  blocksOf,
  chained,
  checkpointOf,
  LIFE,
  partInPieces,
  partOf,
  signer,
  type Said,
} from "./support/sample-log.ts";

/**
 * Every file that differs from what was recorded has to be found, given the key and one checkpoint that was seen
 * elsewhere. What was recorded here is short, so that each of its bytes can be changed.
 */
const entries = chained(LIFE.slice(0, 6));
const [blocks = []] = blocksOf(entries, { checkpoints: [3, 6] });
const sound = Buffer.from(blocks.join(""));
const options: VerifyOptions = {
  keys: [signer.verifier],
  outside: [{ ...checkpointOf(entries), seenIn: "the chat", isNote: true }],
};

let triedInAll = 0;

async function isFound(bytes: string | Uint8Array): Promise<boolean> {
  return (await verifyFiles([partOf(bytes)], options)).verdict !== "sound";
}

/** The mutations that were not found, of as many as there are; the count guards against trying none. */
async function unfound<Mutation>(
  mutations: Iterable<Mutation>,
  mutate: (mutation: Mutation) => string | Uint8Array,
): Promise<{ readonly tried: number; readonly unfound: readonly Mutation[] }> {
  const missed: Mutation[] = [];
  let tried = 0;
  for (const mutation of mutations) {
    const bytes = Buffer.from(mutate(mutation));
    if (bytes.equals(sound)) continue;
    tried += 1;
    triedInAll += 1;
    if (!(await isFound(bytes))) missed.push(mutation);
  }
  return { tried, unfound: missed };
}

/** Every place of the file, or an even choice of them. */
function* places(end: number, limit: number): Generator<number> {
  const step = Math.max(1, Math.ceil(end / limit));
  for (let at = 0; at < end; at += step) yield at;
}

function* pairs(count: number): Generator<readonly [number, number]> {
  for (let one = 0; one < count; one += 1) {
    for (let other = 0; other < count; other += 1) yield [one, other];
  }
}

const enough = tries({ short: 300, long: Number.MAX_SAFE_INTEGER });
const timeout = tries({ short: 30_000, long: 600_000 });

describe("no mutation of a file goes unfound", { timeout }, () => {
  test("the file itself is sound", async () => {
    expect(await isFound(sound)).toBe(false);
  });

  test.each([0x01, 0x20, 0x80, 0xff])("a byte changed by %s", async (mask) => {
    const result = await unfound(places(sound.length, enough), (at) => {
      const changed = Buffer.from(sound);
      changed[at]! ^= mask;
      return changed;
    });
    expect(result.unfound).toEqual([]);
    expect(result.tried).toBeGreaterThanOrEqual(Math.min(enough, sound.length) / 2);
  });

  test("the file cut at any byte", async () => {
    const result = await unfound(places(sound.length, enough), (end) => sound.subarray(0, end));
    expect(result.unfound).toEqual([]);
  });

  test("a byte removed, doubled or put in", async () => {
    const byte = (at: number): Buffer => sound.subarray(at, at + 1);
    const kinds: readonly ((at: number) => Buffer)[] = [
      (at) => Buffer.concat([sound.subarray(0, at), sound.subarray(at + 1)]),
      (at) => Buffer.concat([sound.subarray(0, at), byte(at), sound.subarray(at)]),
      (at) => Buffer.concat([sound.subarray(0, at), Buffer.from("\n"), sound.subarray(at)]),
    ];
    for (const kind of kinds) {
      expect((await unfound(places(sound.length, enough), kind)).unfound).toEqual([]);
    }
  });

  test("zeros from any byte on", async () => {
    const result = await unfound(places(sound.length, enough), (from) => {
      const changed = Buffer.from(sound);
      return changed.fill(0, from);
    });
    expect(result.unfound).toEqual([]);
  });

  test.each<[string, readonly string[], string]>([
    ["blocks", blocks, ""],
    ["lines", sound.toString("utf8").split("\n"), "\n"],
  ])("%s removed, doubled, moved or swapped", async (_what, pieces, between) => {
    const joined = (change: (copy: string[]) => void): string => {
      const copy = [...pieces];
      change(copy);
      return copy.join(between);
    };
    const each = [...pieces.keys()];
    const removed = await unfound(each, (at) => joined((copy) => copy.splice(at, 1)));
    // A checkpoint that nobody saw elsewhere says nothing that the next one does not say as well.
    const harmless =
      between === "" ? [blocks.findIndex((block) => block.includes("of 3 entries"))] : [];
    expect(removed.unfound).toEqual(harmless);
    const doubled = await unfound(each, (at) => joined((copy) => copy.splice(at, 0, pieces[at]!)));
    expect(doubled.unfound).toEqual([]);
    const some = [...pairs(pieces.length)].filter(
      (_, index, all) => index % Math.ceil(all.length / enough) === 0,
    );
    const moved = await unfound(some, ([from, to]) =>
      joined((copy) => copy.splice(to, 0, ...copy.splice(from, 1))),
    );
    expect(moved.unfound).toEqual([]);
    const swapped = await unfound(some, ([one, other]) =>
      joined((copy) => ([copy[one], copy[other]] = [copy[other]!, copy[one]!])),
    );
    expect(swapped.unfound).toEqual([]);
  });

  test("blocks of another log, or of another life of this one, at any place", async () => {
    const strangers = [
      ...blocksOf(chained(LIFE, { origin: "flightdeck/evidence/staging" }), { checkpoints: [3] }),
      ...blocksOf(chained(LIFE.map((said) => ({ ...said, build: "0.2.0" }))), { checkpoints: [3] }),
    ];
    for (const foreign of strangers) {
      const result = await unfound(pairs(Math.min(blocks.length, foreign.length)), ([from, to]) =>
        blocks.toSpliced(to, 1, foreign[from]!).join(""),
      );
      expect(result.unfound).toEqual([]);
      const inserted = await unfound(pairs(blocks.length), ([from, to]) =>
        blocks.toSpliced(to, 0, foreign[from]!).join(""),
      );
      expect(inserted.unfound).toEqual([]);
    }
  });

  test("a log chained anew by somebody who has no key", async () => {
    const stranger = generateSigner(signer.name);
    const changes: readonly Partial<Said>[] = [
      { result: "NO-GO" },
      { operation: "rollback" },
      { instance: "host-2" },
      { facts: {} },
    ];
    const forgeries = [...LIFE.slice(0, 6).keys()].flatMap((at) =>
      changes.map((change) => ({ at, change })),
    );
    for (const signers of [
      [],
      [
        [3, [stranger]],
        [6, [stranger]],
      ],
      [3, 6],
    ] as const) {
      const result = await unfound(forgeries, ({ at, change }) => {
        const said = LIFE.slice(0, 6).map((words, index) =>
          index === at ? { ...words, ...change } : words,
        );
        const forged = chained(said);
        // The last shape is that of a thief of the key: what was seen elsewhere tells all the same.
        return blocksOf(forged, { checkpoints: signers }).flat().join("");
      });
      expect(result.unfound).toEqual([]);
      expect(result.tried).toBeGreaterThan(15);
    }
  });

  test("the conversions of editors and of git", async () => {
    const text = sound.toString("utf8");
    const conversions = [
      text.replaceAll("\n", "\r\n"),
      text.replaceAll("\n", "\r"),
      `\ufeff${text}`,
      `${text}\n`,
      text.trimEnd(),
      text.replaceAll("–", "-"),
      text.normalize("NFD"),
      Buffer.from(text, "utf16le"),
      Buffer.from(text, "latin1"),
      text.replaceAll(/ +$/gm, "").replaceAll("  ", " "),
      text.replaceAll("—", "--"),
    ];
    expect((await unfound(conversions, (bytes) => bytes)).unfound).toEqual([]);
  });

  test("an entry behind the end that nobody recorded is at least vouched for by nobody", async () => {
    const [more] = chained([{ kind: "status.read" }], { after: entries }).slice(-1);
    const report = await verifyFiles([partOf(blocks.join("") + entryBlock(more!))], options);
    expect(report.remarks.join()).toContain("1 entry at the end: chained, and vouched for by no");
  });
});

describe("the mutations", () => {
  test("are many", () => {
    expect(triedInAll).toBeGreaterThan(tries({ short: 3_000, long: 20_000 }));
  });
});

const words = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }).map((text) => text.toWellFormed()),
  fc.constantFrom("\n```\n", "<!-- end 1 -->", "# x", "\u2028", "·", "— a b", "", "__proto__"),
);
const said = fc.record({
  kind: fc.constantFrom("status.read" as const, "config.changed" as const, "log.repaired" as const),
  operation: words,
  cause: words,
  result: words,
  instance: words,
  actor: fc.oneof(
    fc.record({ via: fc.constant("flightdeck" as const), name: words }),
    fc.record({
      via: fc.constantFrom("cli" as const, "telegram" as const),
      name: words,
      telegram: words,
      role: fc.constantFrom("viewer" as const, "approver" as const),
    }),
  ),
  facts: fc.dictionary(fc.stringMatching(/^[a-z][a-z-]{0,8}$/), words),
});

describe("no sound file raises a false alarm", { timeout }, () => {
  test("whatever its entries say, and wherever its checkpoints and its files end", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(said, { maxLength: 12 }),
        fc.array(fc.nat(12)),
        fc.array(fc.nat(12)),
        fc.integer({ min: 1, max: 5_000 }),
        async (life, stops, turns, piece) => {
          const chain = chained(life);
          const rotations = turns.filter((size) => size > 0 && size <= chain.length);
          const checkpoints = [...stops.filter((size) => size > 0), ...rotations];
          const files = blocksOf(chain, { checkpoints, rotations });
          const parts = files.map((file, index) =>
            partInPieces(file.join(""), piece, `${index}.md`),
          );
          const outside = checkpoints
            .filter((size) => size <= chain.length)
            .map((size) => ({
              ...checkpointOf(chain.slice(0, size)),
              seenIn: "git",
              isNote: true,
            }));
          const report = await verifyFiles(parts, { keys: [signer.verifier], outside });
          expect(report.findings).toEqual([]);
          expect(report.standing?.size).toBe(chain.length);
        },
      ),
      { numRuns: tries({ short: 100, long: 2_000 }) },
    );
  });
});
