import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";

import {
  understandVerify,
  VERIFY_USAGE,
  type EvidenceVerifyOptions,
} from "./cli-evidence-options.ts";
import { EXIT, loadFiles, type Terminal } from "./cli-terminal.ts";
import { notesInChat, notesInText, provenBy, type Sighting } from "./core/checkpoint-search.ts";
import type { CommandLine } from "./core/command-line.ts";
import { inclusionOf, type Inclusion } from "./core/inclusion.ts";
import { incomplete } from "./core/log-finding.ts";
import { reportOf, reportText, type LogReport, type LogVerdict } from "./core/log-report.ts";
import type { Recorded } from "./core/log-text.ts";
import { verifyFiles, type LogPart } from "./core/log-verification.ts";
import { createScrubber } from "./core/redaction.ts";
import { parseVerifier, type NoteVerifier } from "./core/signed-note.ts";
import { openFlightdeck } from "./flightdeck.ts";
import { fileOfLog, filesOfLog, NoLogFileError } from "./jobs/evidence/files-of-log.ts";
import { together, verifyBoth, type WhatIsKnown } from "./jobs/evidence/log-verdict.ts";
import { createLogger } from "./logger.ts";
import { originOf } from "./storage/settings.ts";
import { checkpointsIn } from "./systems/git.ts";
import { SystemError } from "./systems/system-error.ts";

/** What was asked cannot be done as it was asked; the message says what would be right. */
class VerifyUsageError extends Error {
  override readonly name = "VerifyUsageError";
}

const EXIT_OF: Readonly<Record<LogVerdict, number>> = {
  sound: EXIT.ok,
  tampered: EXIT.no,
  incomplete: EXIT.unknown,
  key: EXIT.usage,
};

/** Verifies a log from its files alone: no storage, no configuration, no trust in the machine that wrote them. */
export async function verifyEvidence(
  terminal: Terminal,
  line: CommandLine,
  { files, json }: { readonly files: readonly [string, ...string[]]; readonly json: boolean },
): Promise<number> {
  const understood = understandVerify(line);
  if (!understood.ok) {
    terminal.stderr(`${understood.message}\n${VERIFY_USAGE}`);
    return EXIT.usage;
  }
  try {
    const { options } = understood;
    const { report, inclusion } = await judge(terminal, options, files);
    const { prove } = options;
    terminal.stdout(
      json ? `${JSON.stringify({ ...report, inclusion })}\n` : told(report, inclusion, prove),
    );
    return EXIT_OF[report.verdict];
  } catch (error) {
    if (!(error instanceof VerifyUsageError || error instanceof NoLogFileError)) throw error;
    terminal.stderr(`${error.message}\n`);
    return EXIT.usage;
  }
}

type Judged = { readonly report: LogReport; readonly inclusion: Inclusion | undefined };

async function judge(
  terminal: Terminal,
  options: EvidenceVerifyOptions,
  configFiles: readonly [string, ...string[]],
): Promise<Judged> {
  const keys = await readKeys(options.key);
  const named = (await Promise.all(options.files.map(partsAt))).flat();
  // A folder and a file in it are one log, and not a log in which everything stands twice.
  const parts = [...new Map(named.map((part) => [resolve(part.name), part])).values()];
  const sightings = [
    ...(options.chat === undefined ? [] : await sightingsInFile(options.chat)),
    ...(options.git === undefined ? [] : await sightingsInGit(options.git, terminal.signal)),
  ];
  const known = { keys, outside: provenBy(sightings, keys) };
  const judged = options.withDatabase
    ? { report: await judgeWithDatabase(terminal, parts, known, configFiles), inclusion: undefined }
    : await judgeFiles(parts, known, options.prove);
  const asked = options.chat ?? options.git;
  if (asked === undefined || known.outside.length > 0) return judged;
  const message = `${asked} holds no checkpoint that a given key signed, so there was nothing to compare with.`;
  return { ...judged, report: withGap(judged.report, "uncompared", asked, message) };
}

async function judgeFiles(
  parts: readonly LogPart[],
  known: WhatIsKnown,
  prove: number | undefined,
): Promise<Judged> {
  const hashes: string[] = [];
  let meant: Recorded | undefined;
  const report = await verifyFiles(parts, {
    ...known,
    onEntry(recorded) {
      // Only a proof needs all hashes at once.
      if (prove === undefined) return;
      hashes.push(recorded.hash);
      if (recorded.entry.seq === String(prove)) meant = recorded;
    },
  });
  if (prove === undefined || !report.standing) return { report, inclusion: undefined };
  const isProvable = report.standing.start.seq === 0 && report.verdict !== "tampered";
  const inclusion = meant && isProvable ? inclusionOf(meant, hashes, report.standing) : undefined;
  if (inclusion) return { report, inclusion };
  const message = `#${prove} cannot be proved: no checkpoint that a given key signed vouches for it.`;
  return { report: withGap(report, "uncompared", `#${prove}`, message), inclusion };
}

async function judgeWithDatabase(
  terminal: Terminal,
  parts: readonly LogPart[],
  known: WhatIsKnown,
  files: readonly [string, ...string[]],
): Promise<LogReport> {
  const config = loadFiles(terminal, files);
  if (!config) throw new VerifyUsageError("--db takes the database of the configuration.");
  const logger = createLogger(terminal.stderr, createScrubber(config.secrets));
  const { instance, signal } = terminal;
  await using flightdeck = await openFlightdeck({ config, logger, instance, signal }, "attach");
  const probe = await verifyFiles(parts.slice(0, 1), { keys: [], outside: [] });
  const origins = config.targets.map(({ settings: { target, evidence } }) => ({
    target,
    origin: originOf(evidence, target),
  }));
  const log = origins.find(({ origin }) => origin === probe.standing?.origin);
  if (!log) {
    const names = origins.map(({ origin }) => origin).join(", ");
    throw new VerifyUsageError(`The database holds ${names}; the file is none of these logs.`);
  }
  const both = await verifyBoth({ database: flightdeck.database, log }, parts, known, signal);
  return together(both.files, both.rows);
}

function withGap(report: LogReport, kind: "uncompared", part: string, message: string): LogReport {
  const findings = [...report.findings, incomplete(kind, { part }, message)];
  return reportOf(findings, report.remarks, report.standing);
}

function told(report: LogReport, inclusion: Inclusion | undefined, prove?: number): string {
  if (!inclusion) return reportText(report);
  const proof = JSON.stringify(inclusion, undefined, 2);
  return `${reportText(report)}\nProof that #${prove} is in the log, by RFC 6962:\n${proof}\n`;
}

/** A verifier key itself, or a file with one on each line. */
async function readKeys(key: string): Promise<readonly NoteVerifier[]> {
  const itself = parseVerifier(key);
  if (itself) return [itself];
  const text = await readFile(key, "utf8").catch((error: unknown) => {
    const message = `${key} is neither a key (name+id+base64) nor a file that can be read.`;
    throw new VerifyUsageError(message, { cause: error });
  });
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const keys = lines.map((line, index) => {
    const verifier = parseVerifier(line);
    if (verifier) return verifier;
    throw new VerifyUsageError(
      `${key}, key ${index + 1}: expected name+id+base64, and an id that fits the key.`,
    );
  });
  if (keys.length === 0) throw new VerifyUsageError(`${key} holds no key.`);
  return keys;
}

/** A file, or all that a log's folder holds of it. */
async function partsAt(path: string): Promise<readonly LogPart[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new VerifyUsageError(`There is no ${path}.`);
  if (!found.isDirectory()) return [fileOfLog(path)];
  const parts = await filesOfLog(path);
  if (parts.length === 0) throw new VerifyUsageError(`${path} holds no log.md.`);
  return parts;
}

async function sightingsInFile(path: string): Promise<readonly Sighting[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new VerifyUsageError(`${path} cannot be read.`, { cause: error });
  });
  return notesInChat(parsedJson(text), path) ?? notesInText(text, path);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** PATH, PATH#REF, or a REF of the repository here. */
async function sightingsInGit(place: string, signal: AbortSignal): Promise<readonly Sighting[]> {
  const [path = "", reference = "HEAD"] = place.split("#");
  const isHere = !place.includes("#") && !(await stat(path).catch(() => undefined));
  const [repository, of] = isHere ? [".", place] : [path, reference];
  try {
    const kept = await checkpointsIn(repository, of, signal);
    return kept.map(({ commit, note }) => ({ note, seenIn: `git commit ${commit.slice(0, 12)}` }));
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new VerifyUsageError(`--git ${place}: ${error.message}`, { cause: error });
  }
}
