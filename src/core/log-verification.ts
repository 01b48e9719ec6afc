import { isUtf8 } from "node:buffer";

import { blockText, readBlock, type LogBlock } from "./log-block.ts";
import { nameTheBreak, type PlacedEntry } from "./log-break.ts";
import { editOf } from "./log-edit.ts";
import { incomplete, tampered, type Finding, type FoundAt } from "./log-finding.ts";
import { rawBlocks, type RawBlock } from "./log-reader.ts";
import { reportOf, type LogReport } from "./log-report.ts";
import type { Recorded } from "./log-text.ts";
import { createLogVerifier, type LogVerifier, type OutsideCheckpoint } from "./log-verifier.ts";
import type { NoteVerifier } from "./signed-note.ts";
import { isTorn } from "./torn-tail.ts";

/** One file of a log, which may be read more than once. */
export type LogPart = {
  readonly name: string;
  open(): AsyncIterable<Uint8Array>;
};

export type VerifyOptions = {
  readonly keys: readonly NoteVerifier[];
  readonly outside: readonly OutsideCheckpoint[];
  /** How many entries the database holds, if anybody looked. */
  readonly existing?: number | undefined;
  /** Sees the hash of every entry that is at its place. */
  readonly onEntry?: (recorded: Recorded) => void;
};

/** Judges the files of one log, in whatever order they were given; reads them once, and again when the chain is broken. */
export async function verifyFiles(
  given: readonly LogPart[],
  options: VerifyOptions,
): Promise<LogReport> {
  const { parts, origin } = await inOrder(given);
  const verifier = createLogVerifier({ ...options, origin: origin ?? "" });
  const walk = await walkFiles(parts, verifier, origin, options);
  if (origin === undefined) return reportOf(walk.findings, [], undefined);
  const [broken] = walk.findings;
  const findings =
    walk.brokenAt === undefined || !broken
      ? walk.findings
      : [await named(broken, walk.brokenAt, parts, origin, verifier)];
  const end = { part: parts.at(-1)?.name ?? "" };
  const stopped = findings.some((finding) => finding.class === "tampered");
  const atEnd = stopped ? [] : verifier.end(end);
  return reportOf([...findings, ...atEnd], verifier.remarks(), verifier.standing());
}

type Walk = {
  readonly findings: readonly Finding[];
  /** How many entries were read, the broken one included, when it was the chain that broke. */
  readonly brokenAt: number | undefined;
};

async function walkFiles(
  parts: readonly LogPart[],
  verifier: LogVerifier,
  origin: string | undefined,
  { onEntry }: Pick<VerifyOptions, "onEntry">,
): Promise<Walk> {
  let entries = 0;
  let target: string | undefined;
  for (const [index, part] of parts.entries()) {
    let blocks = 0;
    const isLast = index === parts.length - 1;
    for await (const batch of rawBlocks(part.open())) {
      for (const raw of batch) {
        const at = { part: part.name, offset: raw.offset };
        if (!raw.whole) return ended(tailFinding(raw, at, { isLast, origin, verifier }));
        const block = understood(raw, at, verifier);
        if ("class" in block) return ended(block);
        const problem = take(block, at, blocks === 0, verifier) ?? targetProblem(at, block, target);
        blocks += 1;
        if (block.kind === "entry") entries += 1;
        if (problem) {
          return { findings: [problem], brokenAt: problem.kind === "broken" ? entries : undefined };
        }
        if (block.kind === "header") ({ target } = block);
        if (block.kind === "entry") onEntry?.(block);
      }
    }
    if (blocks === 0) {
      const at = { part: part.name, offset: 0 };
      const message = "The file is empty.";
      return ended(isLast ? incomplete("torn", at, message) : tampered("cut", at, message));
    }
  }
  return { findings: [], brokenAt: undefined };
}

function ended(finding: Finding): Walk {
  return { findings: [finding], brokenAt: undefined };
}

/** A block that equals its own rendering, or how it does not. */
function understood(raw: RawBlock, at: FoundAt, verifier: LogVerifier): LogBlock | Finding {
  const text = raw.bytes.toString("utf8");
  const block = readBlock(text);
  if (!block || blockText(block) !== text || !isUtf8(raw.bytes)) {
    const next = String(verifier.standing().size + 1);
    return editOf(raw, block, { ...at, seq: block?.kind === "entry" ? block.entry.seq : next });
  }
  return block;
}

/** The name in a header is bound to nothing but what the entries say. */
function targetProblem(
  at: FoundAt,
  block: LogBlock,
  target: string | undefined,
): Finding | undefined {
  if (block.kind === "checkpoint" || target === undefined) return undefined;
  const found = block.kind === "entry" ? block.entry.target : block.target;
  if (found === target) return undefined;
  const here = { ...at, seq: block.kind === "entry" ? block.entry.seq : undefined };
  const message = "A header names another target than the entries do: it was edited.";
  return tampered("edited", here, message, { expected: found, found: target });
}

function take(
  block: LogBlock,
  at: FoundAt,
  isFirst: boolean,
  verifier: LogVerifier,
): Finding | undefined {
  if (block.kind === "header") {
    if (isFirst) return verifier.begin(at, block);
    return tampered("doubled", at, "The header of a file stands in the middle of it.");
  }
  if (isFirst) return tampered("cut", at, "The header is missing in front of the first block.");
  return block.kind === "entry" ? verifier.entry(at, block) : verifier.checkpoint(at, block.note);
}

function tailFinding(
  raw: RawBlock,
  at: FoundAt,
  where: { isLast: boolean; origin: string | undefined; verifier: LogVerifier },
): Finding {
  const { size, head } = where.verifier.standing();
  // In front of the header nothing of the log is known; behind it, all.
  const origin = raw.offset === 0 ? undefined : where.origin;
  const seq = String(size + 1);
  if (!isTorn(raw.bytes, { origin, size, head })) {
    const read = readBlock(`${raw.bytes.toString("utf8").trimEnd()}\n\n`);
    return editOf(raw, read, { ...at, seq });
  }
  if (!where.isLast) {
    const message = "The file ends in the middle of a block, and another one goes on.";
    return tampered("cut", { ...at, seq }, message);
  }
  const message = `The last write was cut short: ${raw.bytes.length} bytes behind the last whole block.`;
  return incomplete("torn", { ...at, seq }, message);
}

/** Looks through the log again for where the entries of a broken chain stand. */
async function named(
  broken: Finding,
  brokenAt: number,
  parts: readonly LogPart[],
  origin: string,
  verifier: LogVerifier,
): Promise<Finding> {
  const entries: PlacedEntry[] = [];
  for (const part of parts) {
    for await (const batch of rawBlocks(part.open())) {
      for (const raw of batch) {
        const block = raw.whole ? readBlock(raw.bytes.toString("utf8")) : undefined;
        if (block?.kind !== "entry") continue;
        const { seq, prev, log } = block.entry;
        entries.push({ seq: Number(seq), prev, log, hash: block.hash });
      }
    }
  }
  const { start, lastTrusted } = verifier.standing();
  return nameTheBreak(broken, {
    start,
    origin,
    vouchedFor: lastTrusted?.size ?? 0,
    before: entries.slice(0, brokenAt - 1),
    behind: entries.slice(brokenAt - 1),
  });
}

/** Files sort by what they continue, whatever a shell makes of their names. */
async function inOrder(
  given: readonly LogPart[],
): Promise<{ readonly parts: readonly LogPart[]; readonly origin: string | undefined }> {
  const read = await Promise.all(
    given.map(async (part) => ({ part, header: await headerOf(part) })),
  );
  const after = (one: (typeof read)[number]): number => Number(one.header?.after?.seq ?? 0);
  const isReadable = read.every(({ header }) => header);
  const sorted = isReadable ? read.toSorted((one, other) => after(one) - after(other)) : read;
  return {
    parts: sorted.map(({ part }) => part),
    origin: sorted.find(({ header }) => header)?.header?.origin,
  };
}

async function headerOf(part: LogPart): Promise<Extract<LogBlock, { kind: "header" }> | undefined> {
  for await (const [first] of rawBlocks(part.open())) {
    if (!first) continue;
    const block = first.whole ? readBlock(first.bytes.toString("utf8")) : undefined;
    return block?.kind === "header" ? block : undefined;
  }
  return undefined;
}
