import { join } from "node:path";

import type { Database } from "../../storage/database.ts";
import { fileOf, type EvidenceFile } from "../../storage/evidence-file.ts";
import { rotations } from "../../storage/evidence-rotation.ts";
import { logItems } from "../../storage/log-items.ts";
import { compare, type Comparison, type FileBytes } from "./log-comparison.ts";
import { exists, readingFrom } from "./log-file.ts";
import {
  blocksOf,
  closedFile,
  headerOf,
  partsOf,
  PRESENT_FILE,
  startOf,
  type LogIdentity,
  type LogPart,
} from "./log-part.ts";

export type LogPlace = {
  readonly database: Pick<Database, "transaction">;
  readonly log: LogIdentity;
  readonly directory: string;
};

/** The first file of a log that is not as it is to stay, and what it is. */
export type Look = {
  readonly part: LogPart;
  /** Where the file is; a part that is to be closed may still be where the present one grows. */
  readonly path: string;
  readonly size: number;
  readonly known: EvidenceFile;
  readonly finding: Finding;
};

export type Finding =
  | Comparison
  /** A closed part lacks its end, or is not there at all, although nothing else has taken its place. */
  | { readonly kind: "lost" };

/**
 * Looks at the files of a log in their order, up to the first one that is not closed and whole. `checked` holds the
 * closed ones that need no second look, and is added to.
 */
export async function lookAtLog(place: LogPlace, checked: Set<string>): Promise<Look> {
  const { database, log, directory } = place;
  const { parts, known } = await database.transaction(async (tx) => ({
    parts: partsOf(await rotations(tx, log.target)),
    known: await fileOf(tx, log.target),
  }));
  const present = join(directory, PRESENT_FILE);
  for (const [index, part] of parts.entries()) {
    if (part.until === undefined) break;
    const path = join(directory, closedFile(part));
    if (checked.has(path)) continue;
    if (await exists(path)) {
      const { comparison: finding, size } = await compareFile(place, part, path, 0);
      if (isWhole(finding, part)) {
        checked.add(path);
        continue;
      }
      const isPrefix = finding.kind === "agrees" || finding.kind === "torn";
      return { part, path, size, known, finding: isPrefix ? { kind: "lost" } : finding };
    }
    const later = parts.slice(index + 1);
    if (await readingFrom(present, async (file) => beginsLikeOneOf(log, file, later))) {
      return { part, path, size: 0, known, finding: { kind: "lost" } };
    }
    // It was not given its name yet.
    return lookAtPresent(place, part, present, known);
  }
  return lookAtPresent(place, { after: parts.at(-1)?.after, until: undefined }, present, known);
}

async function lookAtPresent(
  place: LogPlace,
  part: LogPart,
  path: string,
  known: EvidenceFile,
): Promise<Look> {
  const { comparison: finding, size } = await compareFile(place, part, path, known.bytes);
  return { part, path, size, known, finding };
}

async function compareFile(
  { database, log }: LogPlace,
  part: LogPart,
  path: string,
  synced: number,
): Promise<{ readonly comparison: Comparison; readonly size: number }> {
  return readingFrom(path, async (file) => {
    const blocks = blocksOf(logItems(database, log.target, startOf(part)));
    const comparison = await compare(log, file, headerOf(log, part), blocks, synced);
    return { comparison, size: file.size };
  });
}

function isWhole(comparison: Comparison, { until }: LogPart): boolean {
  if (comparison.kind !== "agrees") return false;
  const { at } = comparison.end;
  return at?.kind === "rotation" && at.seq === until;
}

async function beginsLikeOneOf(
  log: LogIdentity,
  file: FileBytes,
  parts: readonly LogPart[],
): Promise<boolean> {
  for (const part of parts) {
    const { bytes } = headerOf(log, part);
    if ((await file.read(0, bytes.length)).equals(bytes)) return true;
  }
  return false;
}
