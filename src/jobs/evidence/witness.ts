import { plainCard } from "../../core/card.ts";
import { formatDuration } from "../../core/duration.ts";
import { checkpointIn } from "../../core/note-checkpoint.ts";
import { pass } from "../../core/trace.ts";
import type { Database } from "../../storage/database.ts";
import {
  checkpointOfSize,
  markWitnessed,
  unwitnessed,
  type KeptCheckpoint,
} from "../../storage/evidence-checkpoint.ts";
import { answer, type Place } from "../../storage/outbox.ts";
import type { WitnessSettings } from "../../storage/settings.ts";
import type { Git } from "../../systems/git.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { RecordEvent } from "../engine/run-record.ts";

const AT_ONCE = 50;
const TRIES = 5;
const STALE_LOCK_MS = 10 * 60 * 1000;
const LAG_TOLD_AFTER_MS = 60 * 60 * 1000;

export type WitnessParts = {
  readonly database: Database;
  readonly target: string;
  readonly place: Place;
  readonly settings: WitnessSettings;
  readonly git: Git;
  readonly record: RecordEvent;
  readonly onError: (error: unknown, during: string) => void;
};

/** The branch holds what is not of this log; going on would hide that. */
class WitnessError extends Error {
  override readonly name = "WitnessError";
}

/**
 * Brings git up to date with the checkpoints. It never holds anything up: what cannot be committed or pushed now is so
 * later, and is told once when that lasts.
 */
export async function witness(parts: WitnessParts, signal: AbortSignal): Promise<void> {
  const { database, target, settings, git } = parts;
  const waiting = await database.transaction(async (tx) => unwitnessed(tx, target, AT_ONCE));
  const [oldest] = waiting;
  if (!oldest) return;
  try {
    await removeStaleLocks(parts, signal);
    for (const checkpoint of waiting) {
      await commit(parts, checkpoint, signal);
      pass("witness.committed", `${target}:${checkpoint.size}`);
    }
    if (settings.remote !== undefined) await git.push(settings, settings.remote, signal);
    pass("witness.pushed", target);
    await database.transaction(async (tx, now) =>
      markWitnessed(
        tx,
        target,
        waiting.map(({ size }) => size),
        now,
      ),
    );
  } catch (error) {
    if (signal.aborted) return;
    parts.onError(error, `bringing the checkpoints of ${target} into git`);
    if (error instanceof SystemError || error instanceof WitnessError) {
      await tell(parts, oldest, error);
    } else throw error;
  }
}

/** Puts a checkpoint on the branch unless it stands there; whoever else moves the branch is built upon. */
async function commit(
  { database, target, settings, git }: WitnessParts,
  { size, note, at }: KeptCheckpoint,
  signal: AbortSignal,
): Promise<void> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const tip = await git.tipOf(settings, signal);
    if (tip) {
      const there = tip.note === undefined ? undefined : checkpointIn(tip.note);
      if (!there) throw foreignBranch(settings);
      const kept = await database.transaction(async (tx) =>
        checkpointOfSize(tx, target, there.size),
      );
      if (kept?.note !== tip.note) throw otherHistory(settings, there.size);
      // It was committed before this process could say so, and perhaps more was.
      if (there.size >= size) return;
    }
    if (await git.commitNote(settings, { note, at, parent: tip?.commit }, signal)) return;
  }
  throw new WitnessError(`The branch ${settings.branch} moves faster than it can be built upon.`);
}

async function removeStaleLocks(
  { database, settings, git, record, target }: WitnessParts,
  signal: AbortSignal,
): Promise<void> {
  const removed = await git.removeStaleLocks(settings, STALE_LOCK_MS, signal);
  for (const lock of removed) {
    await database.transaction(async (tx, now) =>
      record(tx, now, {
        operation: "evidence",
        cause: `witness-lock-${now.getTime()}-${lock.replaceAll(/[^a-z0-9]+/gi, "-")}`,
        actor: { via: "flightdeck", name: "checkpoints" },
        event: {
          kind: "log.repaired",
          result: "lock removed",
          facts: { lock, repository: settings.repository, branch: settings.branch, target },
        },
      }),
    );
  }
}

async function tell(
  { database, target, place, settings }: WitnessParts,
  oldest: KeptCheckpoint,
  error: Error,
): Promise<void> {
  await database.transaction(async (tx, now) => {
    const lagMs = now.getTime() - oldest.at.getTime();
    // A contradiction is no matter of patience; all else may pass.
    if (error instanceof SystemError && lagMs < LAG_TOLD_AFTER_MS) return;
    const card = plainCard(
      `⚠️ ${target} · the git witness is behind`,
      `The checkpoint of ${oldest.size} entries waits for ${formatDuration(lagMs)}: ${error.message}`,
      `Look at the branch ${settings.branch} of ${settings.repository}; everything else goes on.`,
    );
    // As long as the same checkpoint waits it is the same trouble, and said already.
    await answer(tx, now, `notice:${target}:witness:${oldest.size}`, place, card);
  });
}

function foreignBranch({ branch }: WitnessSettings): WitnessError {
  return new WitnessError(
    `The branch ${branch} holds no checkpoint; give the witness a branch of its own.`,
  );
}

function otherHistory({ branch }: WitnessSettings, size: number): WitnessError {
  return new WitnessError(
    `The branch ${branch} holds a checkpoint of ${size} entries that this log does not have: ` +
      "an older database was restored, or the branch belongs to another log.",
  );
}
