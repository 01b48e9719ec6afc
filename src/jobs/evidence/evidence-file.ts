import { mkdir } from "node:fs/promises";
import { basename, join, relative } from "node:path";

import type { Actor } from "../../core/actor.ts";
import { plainCard } from "../../core/card.ts";
import { pause } from "../../core/waiting.ts";
import { takeFileLock } from "../../servers/file-lock.ts";
import { endRepair, fileOf, noteTrouble, type RepairAsk } from "../../storage/evidence-file.ts";
import { answer, type Place } from "../../storage/outbox.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { RecordEvent } from "../engine/run-record.ts";
import {
  appendFrom,
  appendMissing,
  renderingOf,
  USUAL_LOOK_MS,
  type AppendingParts,
} from "./log-appending.ts";
import type { GoodEnd } from "./log-comparison.ts";
import {
  digestOfFile,
  exists,
  keepAside,
  openToAppend,
  replaceBy,
  signatureOf,
} from "./log-file.ts";
import { lookAtLog, type Finding, type Look, type LogPlace } from "./log-look.ts";
import { strangeness } from "./strange-file.ts";

const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 30_000] as const;
/** After this long without one, a failure is a first failure again. */
const FORGIVEN_MS = 60_000;
const ACTOR = { via: "flightdeck", name: "the log's file" } as const;

export type EvidenceFileParts = AppendingParts & {
  readonly record: RecordEvent;
  /** Where it is told that something was cut. */
  readonly place: Place;
  /** How often the file is looked at, and how often every byte of it. */
  readonly timing?: { readonly lookMs: number; readonly wholeMs: number };
};

const USUAL_WHOLE_MS = 60 * 60 * 1000;

/**
 * Keeps the files of a log what they are to be, the rendering of its rows, until the signal. It is the leader's duty, and
 * done under a lock on the directory, because a former leader may not know yet that it leads no more.
 */
export async function keepEvidenceFile(
  parts: EvidenceFileParts,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  let failedAtMs = 0;
  while (!signal.aborted) {
    try {
      await renderUnderLock(parts, signal);
    } catch (error) {
      failures = performance.now() - failedAtMs > FORGIVEN_MS ? 0 : failures + 1;
      failedAtMs = performance.now();
      await noteFailure(parts, error);
      await pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 1_000, signal);
    }
  }
}

/**
 * Brings the file up to date once, for whoever is about to stop and has just signed. What is wrong with it, and what
 * another process holds, is left to the next leader.
 */
export async function finishEvidenceFile(
  parts: EvidenceFileParts,
  signal: AbortSignal,
): Promise<void> {
  const lockFile = join(parts.directory, ".lock");
  if (!(await exists(lockFile))) return;
  await using lock = await takeFileLock(lockFile);
  if (!lock) return;
  const look = await lookAtLog(parts, new Set());
  if (look.finding.kind !== "agrees") return;
  const { synced } = look.finding;
  await using file = await openToAppend(look.path, synced.bytes);
  await appendMissing(parts, look, file, synced.at, AbortSignal.any([signal, lock.lost]));
}

async function renderUnderLock(parts: EvidenceFileParts, signal: AbortSignal): Promise<void> {
  const { directory, onError, timing } = parts;
  await mkdir(directory, { recursive: true });
  const lockFile = join(directory, ".lock");
  // What the rows know of a file is not about one in a directory that nobody has ever rendered to.
  let isNew = !(await exists(lockFile));
  const lock = await takeFileLock(lockFile);
  if (!lock) {
    onError(new Error(`another process writes in ${directory}`), "waiting to render the log");
    return pause(RETRY_MS[0], signal);
  }
  await using held = lock;
  const until = AbortSignal.any([signal, held.lost]);
  const checked = new Set<string>();
  while (!until.aborted) {
    const wholeAtMs = performance.now() + (timing?.wholeMs ?? USUAL_WHOLE_MS);
    checked.clear();
    while (!until.aborted && performance.now() < wholeAtMs) {
      await goOn(parts, checked, { isNew, wholeAtMs }, until);
      isNew = false;
    }
  }
  if (!signal.aborted) throw new Error(`the lock on ${directory} was lost`);
}

type Session = { readonly isNew: boolean; readonly wholeAtMs: number };

/** Looks where the files stand, and does what is to be done next. */
async function goOn(
  parts: EvidenceFileParts,
  checked: Set<string>,
  { isNew, wholeAtMs }: Session,
  until: AbortSignal,
): Promise<void> {
  const look = await lookAtLog(parts, checked);
  const { finding, known } = look;
  switch (finding.kind) {
    case "agrees":
    case "torn": {
      if (known.repair) {
        await parts.database.transaction(async (tx) => endRepair(tx, parts.log.target));
      }
      const isCut = !isNew && finding.end.bytes < known.bytes;
      if (finding.kind === "torn" || isCut) await mend(parts, look, finding.end, isCut);
      // What lies beyond the last sync is written anew: after one that failed, only memory may hold it.
      return appendFrom(parts, look, finding.synced, wholeAtMs, until);
    }
    case "lost":
      await tellLoss(parts, look, { file: nameOf(parts, look), found: "lost" });
      return rewrite(parts, look);
    case "edited":
      if (known.repair) return repair(parts, look, known.repair);
      return standStill(parts, look, finding, until);
    case "ahead":
    case "foreign":
      return standStill(parts, look, finding, until);
  }
}

/** Takes note of a file that ends too early, and keeps what is torn at its end. */
async function mend(
  parts: EvidenceFileParts,
  look: Look,
  { bytes }: GoodEnd,
  isCut: boolean,
): Promise<void> {
  const { directory, path, size } = { ...parts, ...look };
  const file = nameOf(parts, look);
  const torn = size - bytes;
  const kept = join(directory, ".torn", `${basename(path)}-${bytes}-${size}`);
  if (torn > 0) await keepAside(path, kept, [bytes, size]);
  const facts = {
    file,
    found: isCut ? "cut" : "torn",
    from: `byte ${bytes}`,
    torn: `${torn} bytes`,
    ...(torn > 0 ? { kept: relative(directory, kept) } : {}),
  };
  if (isCut) return tellLoss(parts, look, facts);
  await recordRepair(parts, `torn:${file}:${bytes}:${size}:${look.known.rendered}`, ACTOR, facts);
}

/** What had been brought to the disk and is gone was taken away by somebody; that is told. */
async function tellLoss(
  parts: EvidenceFileParts,
  { known }: Look,
  facts: Readonly<Record<string, string>>,
): Promise<void> {
  const { database, log, place } = parts;
  const cause = `${Object.values(facts).join(":")}:${known.bytes}:${known.rendered}`;
  await recordRepair(parts, cause, ACTOR, facts);
  const card = plainCard(
    `⚠️ ${log.target} · the evidence file was cut`,
    `${facts["file"]} held less than what had been written to it. What was missing is rendered again from the database.`,
    "If nobody restored an older copy of the folder, somebody removed the end of the file, or the disk lost it.",
  );
  await database.transaction(async (tx, now) =>
    answer(tx, now, `notice:${log.target}:log-cut:${cause}`, place, card),
  );
}

/** Renders a file afresh because a person said so; what stood in it was kept aside when it was found. */
async function repair(parts: EvidenceFileParts, look: Look, ask: RepairAsk): Promise<void> {
  const file = nameOf(parts, look);
  const facts = {
    file,
    found: "edited",
    reason: ask.reason,
    digest: `sha256 ${await digestOfFile(look.path)}`,
  };
  // Before the file is replaced, so that a crash in between finds the person's word recorded and still in force.
  await recordRepair(parts, `${ask.cause}:${file}`, ask.actor, facts);
  await rewrite(parts, look);
}

async function rewrite(parts: LogPlace, { part, path }: Look): Promise<void> {
  await replaceBy(path, renderingOf(parts, part));
}

async function recordRepair(
  { database, record }: EvidenceFileParts,
  cause: string,
  actor: Actor,
  facts: Readonly<Record<string, string>>,
): Promise<void> {
  const event = { kind: "log.repaired", result: "repaired", facts } as const;
  await database.transaction(async (tx, now) =>
    record(tx, now, { operation: "evidence", cause, actor, event }),
  );
}

/** Writes nothing, until the file has changed again or a person has said what is to become of it. */
async function standStill(
  parts: EvidenceFileParts,
  look: Look,
  finding: Extract<Finding, { readonly kind: Standstill }>,
  until: AbortSignal,
): Promise<void> {
  const { database, log, bell, timing } = parts;
  const found = await signatureOf(look.path);
  const detail = await describeStandstill(parts, look, finding);
  await database.transaction(async (tx, now) =>
    noteTrouble(tx, now, log.target, { kind: finding.kind, detail }),
  );
  while (!until.aborted) {
    await bell.wait(timing?.lookMs ?? USUAL_LOOK_MS, until);
    const { repair: ask } = await database.transaction(async (tx) => fileOf(tx, log.target));
    const isMended = finding.kind === "edited" && ask !== undefined;
    if (isMended || (await signatureOf(look.path)) !== found) return;
  }
}

type Standstill = "edited" | "ahead" | "foreign";

/** What is wrong, for people; an edited file is kept aside first. */
async function describeStandstill(
  parts: EvidenceFileParts,
  look: Look,
  finding: Extract<Finding, { readonly kind: Standstill }>,
): Promise<string> {
  if (finding.kind !== "edited") return strangeness(finding, nameOf(parts, look));
  const digest = await digestOfFile(look.path);
  const { trouble } = look.known;
  // The same file was found before, and is kept already.
  if (trouble?.kind === "edited" && trouble.detail.includes(digest)) return trouble.detail;
  const stamp = await parts.database.transaction(async (_tx, now) => stampOf(now));
  const kept = `${look.path}.edited-${stamp}`;
  await keepAside(look.path, kept, [0, look.size]);
  const fork = finding.forked
    ? " From there on it goes on soundly, as if an older database had been restored and gone on differently."
    : "";
  return (
    `${nameOf(parts, look)} differs from the database at byte ${finding.offset}, in ${finding.where}.${fork} ` +
    `It is kept as ${relative(parts.directory, kept)} (sha256 ${digest}).`
  );
}

function stampOf(now: Date): string {
  return now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
}

function nameOf({ directory }: LogPlace, { path }: Look): string {
  return relative(directory, path);
}

/** Trouble with the file is for people to hear of; trouble with the database is somebody else's to tell. */
async function noteFailure(parts: EvidenceFileParts, error: unknown): Promise<void> {
  const { database, log, onError } = parts;
  const during = `rendering the log of ${log.target}`;
  onError(error, during);
  if (error instanceof SystemError) return;
  const detail = error instanceof Error ? error.message : String(error);
  await database
    .transaction(async (tx, now) =>
      noteTrouble(tx, now, log.target, { kind: "cannot-write", detail }),
    )
    .catch((failure: unknown) => onError(failure, during));
}
