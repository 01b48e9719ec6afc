import { canonicalForm, entryHash } from "../../core/entry.ts";
import { tampered, type Finding } from "../../core/log-finding.ts";
import { reportOf, type LogReport } from "../../core/log-report.ts";
import type { Recorded } from "../../core/log-text.ts";
import { verifyFiles, type LogPart } from "../../core/log-verification.ts";
import { createLogVerifier, type OutsideCheckpoint } from "../../core/log-verifier.ts";
import { checkpointIn } from "../../core/note-checkpoint.ts";
import type { NoteVerifier } from "../../core/signed-note.ts";
import type { Database } from "../../storage/database.ts";
import { leafHashes } from "../../storage/evidence-checkpoint.ts";
import { LOG_START, logItems } from "../../storage/log-items.ts";
import type { LogIdentity } from "./log-part.ts";

const IN_DATABASE = "the database";

export type RowsPlace = {
  readonly database: Pick<Database, "transaction">;
  readonly log: LogIdentity;
};

export type WhatIsKnown = {
  readonly keys: readonly NoteVerifier[];
  readonly outside: readonly OutsideCheckpoint[];
};

/** Judges the rows of a log as its files are judged, and tells which checkpoints they hold. */
export async function verifyRows(
  { database, log }: RowsPlace,
  known: WhatIsKnown,
  signal: AbortSignal,
): Promise<{ readonly report: LogReport; readonly checkpoints: readonly OutsideCheckpoint[] }> {
  const verifier = createLogVerifier({ ...known, origin: log.origin });
  const at = { part: IN_DATABASE };
  const checkpoints: OutsideCheckpoint[] = [];
  verifier.begin(at, { origin: log.origin, after: undefined });
  const done = (findings: readonly Finding[]) => ({
    report: reportOf(findings, verifier.remarks(), verifier.standing()),
    checkpoints,
  });
  for await (const item of logItems(database, log.target, LOG_START)) {
    signal.throwIfAborted();
    if (item.kind === "rotation") continue;
    const problem =
      item.kind === "entry"
        ? (rowProblem(item.recorded) ?? verifier.entry(at, item.recorded))
        : verifier.checkpoint(at, item.note);
    if (problem) return done([problem]);
    const checkpoint = item.kind === "checkpoint" ? checkpointIn(item.note) : undefined;
    if (checkpoint) checkpoints.push({ ...checkpoint, seenIn: IN_DATABASE, isNote: true });
  }
  return done(verifier.end(at));
}

function rowProblem({ entry, canonical, hash }: Recorded): Finding | undefined {
  const expected = entryHash(canonical);
  if (expected === hash && canonicalForm(entry) === canonical) return undefined;
  const message = "The row's text does not have the hash that stands beside it: it was edited.";
  const at = { part: IN_DATABASE, seq: entry.seq };
  return tampered("edited", at, message, { expected, found: hash });
}

/** Judges rows and files, and whether they say the same as far as the files go. */
export async function verifyBoth(
  rows: RowsPlace,
  files: readonly LogPart[],
  known: WhatIsKnown,
  signal: AbortSignal,
): Promise<{ readonly rows: LogReport; readonly files: LogReport }> {
  const { report, checkpoints } = await verifyRows(rows, known, signal);
  const hashes: string[] = [];
  const ofFiles = await verifyFiles(files, {
    keys: known.keys,
    outside: [...known.outside, ...checkpoints],
    existing: report.standing?.size,
    onEntry: ({ hash }) => void hashes.push(hash),
  });
  const fork = await firstDifference(rows, hashes, ofFiles.standing?.start.seq ?? 0);
  if (fork === undefined) return { rows: report, files: ofFiles };
  const at = { part: files.at(-1)?.name ?? "", seq: String(fork) };
  const message = `#${fork} is another entry here than in the database, or the database lost it.`;
  const finding = tampered("rewritten", at, message);
  return {
    rows: report,
    files: reportOf([finding, ...ofFiles.findings], ofFiles.remarks, ofFiles.standing),
  };
}

/** The first entry of which the rows know another one or none: the chain lets it be found by halving. */
async function firstDifference(
  { database, log }: RowsPlace,
  hashes: readonly string[],
  start: number,
): Promise<number | undefined> {
  const isSame = async (index: number): Promise<boolean> =>
    database.transaction(async (tx) => {
      const [hash] = await leafHashes(tx, log.target, start + index, 1);
      return hash === hashes[index];
    });
  let low = 0;
  let high = hashes.length;
  if (high === 0 || (await isSame(high - 1))) return undefined;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await isSame(middle)) low = middle + 1;
    else high = middle;
  }
  return start + low + 1;
}

/** What both together come to: the graver verdict first. */
export function together(one: LogReport, other: LogReport): LogReport {
  const findings = [...one.findings, ...other.findings];
  const remarks = [...new Set([...one.remarks, ...other.remarks])];
  return reportOf(findings, remarks, one.standing ?? other.standing);
}
