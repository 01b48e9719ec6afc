import * as fc from "fast-check";
import { expect, test } from "vitest";

import { canonicalForm, entryHash, entrySchema, type Entry } from "../../src/core/entry.ts";
import { blockText, readBlock, type LogBlock } from "../../src/core/log-block.ts";
import { rawBlocks } from "../../src/core/log-reader.ts";
import { checkpointBlock, entryBlock, logHeader } from "../../src/core/log-text.ts";
import { breath, cases, FUZZ_TIMEOUT_MS } from "./cases.ts";
import { hostileText } from "./hostile-text.ts";

/** The database keeps no half of a character, so no entry has one. */
const anyText = hostileText.map((text) => text.toWellFormed());
const hexadecimal = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));
const optional = (name: string) =>
  fc
    .option(anyText, { nil: undefined })
    .map((text) => (text === undefined ? {} : { [name]: text }));

const anyEntry: fc.Arbitrary<Entry> = fc
  .tuple(
    fc.record({
      v: fc.constant(1 as const),
      log: anyText,
      seq: fc.bigInt({ min: 1n, max: 2n ** 63n }).map(String),
      prev: hexadecimal,
      at: fc
        .date({ min: new Date(0), max: new Date("2999-12-31"), noInvalidDate: true })
        .map((at) => at.toISOString()),
      kind: fc.constantFrom(...entrySchema.shape.kind.options),
      target: anyText,
      actor: fc.oneof(
        anyText.map((name) => ({ via: "flightdeck", name }) as const),
        fc
          .tuple(anyText, fc.constantFrom("viewer", "operator", "approver"))
          .map(([name, role]) => ({ via: "telegram", name, telegram: "1003", role }) as const),
      ),
      operation: anyText,
      config: anyText,
      build: anyText,
      instance: anyText,
      facts: fc.dictionary(fc.stringMatching(/^[a-z][a-z-]{0,8}$/), anyText, { maxKeys: 4 }),
    }),
    optional("run"),
    optional("cause"),
    optional("step"),
    optional("result"),
  )
  .map(([whole, ...more]) => Object.assign({}, whole, ...more) as Entry);

const anyBlock: fc.Arbitrary<LogBlock> = fc.oneof(
  {
    weight: 4,
    arbitrary: anyEntry.map((entry): LogBlock => {
      const canonical = canonicalForm(entry);
      return { kind: "entry", entry, canonical, hash: entryHash(canonical) };
    }),
  },
  fc
    .tuple(fc.nat(), fc.base64String({ minLength: 44, maxLength: 88 }))
    .map(([size, root]): LogBlock => ({
      kind: "checkpoint",
      note: `flightdeck/evidence/alpha\n${size}\n${root}\n\n— key ${root}\n`,
    })),
  fc
    .option(fc.record({ seq: fc.integer({ min: 1 }).map(String), hash: hexadecimal }), {
      nil: undefined,
    })
    .map((after): LogBlock => ({ kind: "header", target: "alpha", origin: "of/alpha", after })),
);

type Cut = { readonly share: number; readonly behindLine: number | undefined };
const cuts = fc.array(
  fc.record({
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    behindLine: fc.constantFrom(undefined, 0, 1, 2, 3),
  }),
  { maxLength: 12 },
);

/** The file as it is read: in pieces that end anywhere, most of them near the end of a line. */
async function read(bytes: Buffer, cuts: readonly Cut[]) {
  const ends = cuts.map(({ share, behindLine }) => {
    const at = Math.floor(bytes.length * share);
    return behindLine === undefined ? at : bytes.indexOf("\n", at) + behindLine;
  });
  async function* chunks(): AsyncGenerator<Buffer> {
    let from = 0;
    for (const end of ends.toSorted((one, other) => one - other)) {
      if (end <= from) continue;
      yield bytes.subarray(from, end);
      from = end;
    }
    yield bytes.subarray(from);
  }
  const blocks: { readonly text: string; readonly whole: boolean }[] = [];
  for await (const some of rawBlocks(chunks())) {
    blocks.push(...some.map(({ bytes: raw, whole }) => ({ text: raw.toString(), whole })));
  }
  return blocks;
}

test(
  "a log is read as it was written, whatever its entries say and wherever the reading is cut",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(
          fc.array(anyBlock, { minLength: 1, maxLength: 6 }),
          cuts,
          async (blocks, pieces) => {
            const file = blocks.map(blockText).join("");
            const found = await read(Buffer.from(file), pieces);
            expect(found.map(({ text }) => readBlock(text))).toEqual(blocks);
            expect(found.map(({ text }) => text).join("")).toBe(file);
          },
        )
        .beforeEach(breath),
      cases(200, 30_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "no entry says anything outside of its own heading and its own line of JSON",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(anyEntry, async (entry) => {
          const canonical = canonicalForm(entry);
          const block = entryBlock({ entry, canonical, hash: entryHash(canonical) });
          const lines = block.split(/\r\n|\r|\n/);
          const outside = lines.filter((one) => one !== canonical);
          expect(block.split("\n")).toHaveLength(12);
          expect(outside.join("")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
          expect(outside.filter((one) => one.startsWith("#"))).toHaveLength(1);
          expect(outside.filter((one) => one.startsWith("```"))).toEqual(["```json", "```"]);
          expect(outside.filter((one) => one.includes("<!--"))).toHaveLength(1);
        })
        .beforeEach(breath),
      cases(300, 60_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);

const base = [
  logHeader({ target: "alpha", origin: "of/alpha", after: undefined }),
  checkpointBlock("of/alpha\n7\nroot\n\n— key signature\n"),
];

test(
  "a file that somebody has been at is read to its end, and no piece of it is taken for what it is not",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(
          fc.array(anyBlock, { maxLength: 3 }),
          fc.array(
            fc.record({ at: fc.nat({ max: 4_000 }), cut: fc.nat({ max: 80 }), put: hostileText }),
            {
              maxLength: 4,
            },
          ),
          async (blocks, edits) => {
            const file = [...base, ...blocks.map(blockText)].join("");
            const edited = edits.reduce(
              (text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut),
              file,
            );
            const bytes = Buffer.from(edited);
            const found = await read(bytes, [{ share: 0.5, behindLine: undefined }]);
            expect(found.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)).toBe(
              bytes.length,
            );
            for (const { text } of found) {
              const block = readBlock(text);
              // Whatever is believed can be written again; what is not the same text is called changed by the verifier.
              expect(block === undefined || blockText(block).length > 0).toBe(true);
            }
          },
        )
        .beforeEach(breath),
      cases(200, 30_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);
