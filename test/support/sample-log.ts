import { Readable } from "node:stream";

import { checkpointText, type Checkpoint } from "../../src/core/checkpoint.ts";
import { canonicalForm, entryHash, genesisHash, type Entry } from "../../src/core/entry.ts";
import { checkpointBlock, entryBlock, logHeader, type Recorded } from "../../src/core/log-text.ts";
import type { LogPart } from "../../src/core/log-verification.ts";
import { emptyTree, rootOf, withLeaf } from "../../src/core/merkle.ts";
import { generateSigner, signNote, type NoteSigner } from "../../src/core/signed-note.ts";

export const ORIGIN = "flightdeck/evidence/alpha";
export const signer = generateSigner(ORIGIN);

/** What an entry says that its place does not. */
export type Said = Partial<Entry> & Pick<Entry, "kind">;

/** A life as logs have it: runs that read, runs with effects, steps, a decision, and people who look. */
export const LIFE: readonly Said[] = [
  { kind: "status.read", operation: "status", cause: "tg-1", result: "pass" },
  { kind: "run.result", operation: "preflight", run: "R-1", result: "GO" },
  { kind: "run.intent", operation: "deploy", run: "R-2" },
  { kind: "step.intent", operation: "deploy", run: "R-2", step: "press the button" },
  { kind: "step.outcome", operation: "deploy", run: "R-2", step: "press the button", result: "ok" },
  { kind: "run.result", operation: "deploy", run: "R-2", result: "ok" },
  { kind: "operator.locked", operation: "lock", cause: "tg-2", result: "locked" },
  { kind: "run.intent", operation: "deploy", run: "R-3" },
  { kind: "step.intent", operation: "deploy", run: "R-3", step: "press the button" },
  { kind: "run.unknown", operation: "deploy", run: "R-3", step: "press the button" },
  { kind: "run.decision", operation: "deploy", run: "R-3", result: "happened" },
  { kind: "step.outcome", operation: "deploy", run: "R-3", step: "press the button", result: "ok" },
  { kind: "run.result", operation: "deploy", run: "R-3", result: "ok" },
];

/** Entries in a chain from the beginning of a log, or from where another one stood. */
export function chained(
  said: readonly Said[],
  options: { readonly origin?: string; readonly after?: readonly Recorded[] } = {},
): readonly Recorded[] {
  const { origin = ORIGIN, after = [] } = options;
  const chain: Recorded[] = [...after];
  for (const words of said) {
    const seq = chain.length + 1;
    chain.push(
      recorded({
        v: 1,
        log: origin,
        at: new Date(Date.UTC(2026, 10, 23, 1, 0, seq)).toISOString(),
        target: "alpha",
        actor: { via: "telegram", name: "Otto", telegram: "5", role: "operator" },
        operation: "status",
        config: "c".repeat(64),
        build: "0.1.0",
        instance: "host-1",
        facts: { reason: `Line ${seq} | "quoted" – é🙂` },
        ...words,
        seq: String(seq),
        prev: chain.at(-1)?.hash ?? genesisHash(origin),
      }),
    );
  }
  return chain;
}

export function recorded(entry: Entry): Recorded {
  const canonical = canonicalForm(entry);
  return { entry, canonical, hash: entryHash(canonical) };
}

export function checkpointOf(entries: readonly Recorded[], origin = ORIGIN): Checkpoint {
  let tree = emptyTree();
  for (const { hash } of entries) tree = withLeaf(tree, hash);
  return { origin, size: entries.length, root: rootOf(tree) };
}

export function noteOf(entries: readonly Recorded[], by: readonly NoteSigner[] = [signer]): string {
  const origin = entries[0]?.entry.log ?? ORIGIN;
  return signNote(checkpointText(checkpointOf(entries, origin)), by);
}

export type LogShape = {
  /** The sizes behind which a checkpoint stands, and who signed it. */
  readonly checkpoints?: readonly (number | readonly [number, readonly NoteSigner[]])[];
  /** The sizes behind which a file ends and the next one begins. */
  readonly rotations?: readonly number[];
};

/** The blocks of each file of a log. */
export function blocksOf(entries: readonly Recorded[], shape: LogShape = {}): string[][] {
  const { checkpoints = [], rotations = [] } = shape;
  const notes = new Map(
    checkpoints.map((one): readonly [number, readonly NoteSigner[]] =>
      typeof one === "number" ? [one, [signer]] : one,
    ),
  );
  const origin = entries[0]?.entry.log ?? ORIGIN;
  const header = (after: Recorded | undefined): string =>
    logHeader({
      target: "alpha",
      origin,
      after: after && { seq: after.entry.seq, hash: after.hash },
    });
  let file: string[] = [header(undefined)];
  const files = [file];
  for (const [index, entry] of entries.entries()) {
    file.push(entryBlock(entry));
    const size = index + 1;
    const signers = notes.get(size);
    if (signers) file.push(checkpointBlock(noteOf(entries.slice(0, size), signers)));
    if (rotations.includes(size)) {
      file = [header(entry)];
      files.push(file);
    }
  }
  return files;
}

export function partOf(bytes: string | Uint8Array, name = "log.md"): LogPart {
  return { name, open: () => Readable.from([Buffer.from(bytes)]) };
}

/** As a file is read: in pieces that end anywhere. */
export function partInPieces(bytes: string, piece: number, name = "log.md"): LogPart {
  const whole = Buffer.from(bytes);
  const pieces = Array.from({ length: Math.ceil(whole.length / piece) }, (_none, index) =>
    whole.subarray(index * piece, (index + 1) * piece),
  );
  return { name, open: () => Readable.from(pieces) };
}
