import { relative } from "node:path";

import { headOf } from "../../storage/evidence.ts";
import { lookAtLog, type Finding, type LogPlace } from "./log-look.ts";

/** The file that stands where the log's should be is another log's, or knows of more than the rows do. */
export class StrangeFileError extends Error {
  override readonly name = "StrangeFileError";
}

/**
 * Looks at the file before anything is recorded that would make two histories of one. What can be mended, and what waits
 * for a person, is the leader's to see to.
 *
 * @throws {StrangeFileError} with what a person can do about it
 */
export async function refuseStrangeFile(place: LogPlace): Promise<void> {
  const once = await strangenessIn(place);
  // A leader at work may have recorded and rendered more while it was looked at.
  if (once !== undefined && (await strangenessIn(place)) !== undefined) {
    throw new StrangeFileError(once);
  }
}

async function strangenessIn(place: LogPlace): Promise<string | undefined> {
  const { path, finding } = await lookAtLog(place, new Set());
  if (finding.kind !== "ahead" && finding.kind !== "foreign") return undefined;
  const { database, log, directory } = place;
  const head = await database.transaction(async (tx) => headOf(tx, log.target));
  if (finding.kind === "ahead" && head && head.size > finding.rows) return undefined;
  return strangeness(finding, relative(directory, path));
}

/** Why a file cannot be gone on with, and what a person can do about it. */
export function strangeness(
  finding: Extract<Finding, { readonly kind: "ahead" | "foreign" }>,
  file: string,
): string {
  return finding.kind === "foreign"
    ? `${file} is the log of "${finding.origin}". Set evidence.directory to a folder of this log's own.`
    : `${file} goes on soundly beyond the database, which ends with #${finding.rows}: an older database was ` +
        `restored. \`flightdeck evidence adopt --reason "…"\` takes over what only the file knows.`;
}
