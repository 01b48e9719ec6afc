import { describe, expect, test } from "vitest";

import { canonicalForm, entryHash, genesisHash, type Entry } from "../../core/entry.ts";
import type { LogItem } from "../../storage/log-items.ts";
import { compare, type Comparison } from "./log-comparison.ts";
import { blocksOf, headerOf, partsOf } from "./log-part.ts";

const LOG = { target: "sandbox", origin: "flightdeck/evidence/sandbox" };

/** A log of some entries, a checkpoint behind each third one. */
function logOf(count: number, said = "said"): readonly LogItem[] {
  const items: LogItem[] = [];
  let prev = genesisHash(LOG.origin);
  for (let seq = 1; seq <= count; seq += 1) {
    const entry: Entry = {
      v: 1,
      log: LOG.origin,
      seq: String(seq),
      prev,
      at: "2026-11-23T01:22:33.123Z",
      kind: "run.result",
      target: LOG.target,
      actor: { via: "flightdeck", name: "the test" },
      operation: "preflight",
      config: "c0ffee",
      build: "1",
      instance: "one",
      facts: { words: `${said} – ${seq}` },
    };
    const canonical = canonicalForm(entry);
    const hash = entryHash(canonical);
    items.push({ kind: "entry", seq: BigInt(seq), recorded: { entry, canonical, hash } });
    if (seq % 3 === 0) {
      const note = `${LOG.origin}\n${seq}\nroot\n\n— nobody AAAA\n`;
      items.push({ kind: "checkpoint", seq: BigInt(seq), note });
    }
    prev = hash;
  }
  return items;
}

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item, void> {
  yield* items;
}

const [PART] = partsOf([]);
if (!PART) throw new Error("A log has at least one part.");
const HEADER = headerOf(LOG, PART);

async function blocksIn(items: readonly LogItem[]): Promise<readonly Buffer[]> {
  const blocks = [HEADER.bytes];
  for await (const { bytes } of blocksOf(each(items))) blocks.push(bytes);
  return blocks;
}

async function compared(
  text: Buffer | string,
  items: readonly LogItem[],
  synced = 0,
): Promise<Comparison> {
  const bytes = Buffer.from(text);
  const file = {
    size: bytes.length,
    read: async (offset: number, length: number) => bytes.subarray(offset, offset + length),
  };
  return compare(LOG, file, HEADER, blocksOf(each(items)), synced);
}

const ITEMS = logOf(6);
const BLOCKS = await blocksIn(ITEMS);
const WHOLE = Buffer.concat(BLOCKS);
/** Where each block ends. */
const ENDS = BLOCKS.map((_, index) => Buffer.concat(BLOCKS.slice(0, index + 1)).length);
const endBefore = (offset: number): number => ENDS.findLast((end) => end <= offset) ?? 0;
const LAST_TWO = ENDS.at(-3) ?? 0;

describe("a file beside its rows", () => {
  test("agrees when it is whole, and tells how far it was synced", async () => {
    const comparison = await compared(WHOLE, ITEMS, WHOLE.length - 1);
    expect(comparison).toMatchObject({
      kind: "agrees",
      end: { bytes: WHOLE.length, at: { kind: "checkpoint", seq: 6n } },
      synced: { bytes: ENDS.at(-2) },
    });
  });

  test("agrees when it does not exist yet", async () => {
    expect(await compared("", ITEMS)).toMatchObject({ end: { bytes: 0, at: undefined } });
  });

  test("cut at any byte is torn back to the last whole block, or merely short at the end of one", async () => {
    for (let size = 0; size < WHOLE.length; size += size < LAST_TWO ? 7 : 1) {
      const found = await compared(WHOLE.subarray(0, size), ITEMS);
      const kind = size === 0 || ENDS.includes(size) ? "agrees" : "torn";
      expect({ size, found }).toMatchObject({ found: { kind, end: { bytes: endBefore(size) } } });
    }
  });

  test("with zeros from any byte on is torn", async () => {
    for (let size = LAST_TWO; size < WHOLE.length; size += 1) {
      const zeroed = Buffer.concat([WHOLE.subarray(0, size), Buffer.alloc(WHOLE.length - size)]);
      const found = await compared(zeroed, ITEMS);
      expect({ size, found }).toMatchObject({
        found: { kind: "torn", end: { bytes: endBefore(size) } },
      });
    }
  });

  test("with zeros behind its end is torn, too", async () => {
    const padded = Buffer.concat([WHOLE, Buffer.alloc(4096)]);
    expect(await compared(padded, ITEMS)).toMatchObject({
      kind: "torn",
      end: { bytes: WHOLE.length },
    });
  });

  test("with any byte changed is edited, right there", async () => {
    for (let offset = 0; offset < WHOLE.length; offset += 1) {
      const changed = Buffer.from(WHOLE);
      changed[offset] = (changed[offset] ?? 0) ^ 1;
      const found = await compared(changed, ITEMS);
      // Another origin is another log, whoever wrote it there.
      const kind = found.kind === "foreign" ? "foreign" : "edited";
      expect({ offset, found }).toMatchObject({
        offset,
        found: kind === "edited" ? { kind, offset } : { kind },
      });
    }
  });

  test.each([
    ["the header", 0],
    ["#1", 1],
    ["the checkpoint of 3 entries", 4],
    ["#6", 7],
  ])("tells that %s is the first that differs", async (where, index) => {
    const changed = BLOCKS.map((block, n) =>
      n >= index ? Buffer.from(block.toString().replace("e", "E")) : block,
    );
    expect(await compared(Buffer.concat(changed), ITEMS)).toMatchObject({ kind: "edited", where });
  });

  test.each([1, 2, 3, 4, 5])("is ahead of rows that end with #%i", async (count) => {
    const rows = logOf(count);
    const next = count === 3 ? 4n : BigInt(count + 1);
    expect(await compared(WHOLE, rows)).toMatchObject({
      kind: "ahead",
      seq: next,
      rows: BigInt(count),
    });
  });

  test("is ahead when only a checkpoint is unknown to the rows", async () => {
    const rows = ITEMS.slice(0, -1);
    expect(await compared(WHOLE, rows)).toMatchObject({ kind: "ahead", seq: 6n });
  });

  test("that goes on differently, but soundly, is a fork", async () => {
    const shared = logOf(4);
    const entry = logOf(6, "said differently").slice(5);
    const ours = [...shared, ...relinked(shared, entry)];
    const found = await compared(WHOLE, ours);
    expect(found).toMatchObject({ kind: "edited", where: "#5", forked: true });
  });

  test("is edited, not ahead, when what follows does not continue it", async () => {
    const strange = Buffer.concat([WHOLE, ...(await blocksIn(logOf(1))).slice(1)]);
    expect(await compared(strange, ITEMS)).toMatchObject({ kind: "edited", forked: false });
  });

  test("of another log is foreign", async () => {
    const other = WHOLE.toString().replaceAll("evidence/sandbox", "evidence/production");
    expect(await compared(other, ITEMS)).toEqual({
      kind: "foreign",
      origin: "flightdeck/evidence/production",
    });
  });
});

/** Entries as they would be had they been appended behind others. */
function relinked(shared: readonly LogItem[], more: readonly LogItem[]): readonly LogItem[] {
  const last = shared.findLast((item) => item.kind === "entry");
  let prev = last?.kind === "entry" ? last.recorded.hash : "";
  return more
    .filter((item) => item.kind === "entry")
    .map(({ seq, recorded }): LogItem => {
      const entry = { ...recorded.entry, prev };
      const canonical = canonicalForm(entry);
      const hash = entryHash(canonical);
      prev = hash;
      return { kind: "entry", seq, recorded: { entry, canonical, hash } };
    });
}
