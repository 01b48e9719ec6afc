import { pause } from "../../core/waiting.ts";
import type { Database } from "../../storage/database.ts";
import { newestCheckpoint, oldestUnchecked } from "../../storage/evidence-checkpoint.ts";
import { noteSigning } from "../../storage/evidence-file.ts";
import { headOf } from "../../storage/evidence.ts";
import { answer } from "../../storage/outbox.ts";
import { checkpointDue } from "./checkpoint-due.ts";
import { postCheckpoint, type PostParts } from "./checkpoint-post.ts";
import type { Checkpointer, Signing } from "./checkpointer.ts";
import { refusalCard, refusalText, type SigningRefusal } from "./signing-refusal.ts";

const TELL_EVERY_MS = 30 * 60 * 1000;
const EXAMINE_EVERY_MS = 60 * 1000;

export type CheckpointingParts = PostParts & {
  readonly database: Database;
  readonly checkpointer: Checkpointer;
  /** Brings a second place up to date, when one is configured. */
  readonly witness: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly onError: (error: unknown, during: string) => void;
  readonly lookEveryMs: number;
};

/**
 * Signs the log whenever that is due, until the signal. As long as it cannot be signed because what
 * was signed before does not lie on it, the chat is told again and again: somebody has to look.
 */
export async function keepCheckpoints(
  parts: CheckpointingParts,
  signal: AbortSignal,
): Promise<void> {
  const attempt = async (work: () => Promise<void>, during: string): Promise<void> =>
    work().catch((error: unknown) => parts.onError(error, `${during} of ${parts.target}`));
  const state: Watch = { refusal: undefined, examinedAtMs: -Infinity, toldAt: undefined };
  while (!signal.aborted) {
    await attempt(async () => signWhenDue(parts, state), "signing the log");
    await attempt(
      async () => parts.database.transaction(async (tx, now) => postCheckpoint(tx, now, parts)),
      "posting the checkpoint",
    );
    if (parts.witness) await attempt(async () => parts.witness?.(signal), "witnessing the log");
    await pause(parts.lookEveryMs, signal);
  }
}

type Watch = {
  refusal: SigningRefusal | undefined;
  examinedAtMs: number;
  toldAt: Date | undefined;
};

async function signWhenDue(parts: CheckpointingParts, state: Watch): Promise<void> {
  const { database, checkpointer, target } = parts;
  const due = await database.transaction(async (tx, now) => {
    const head = await headOf(tx, target);
    const last = await newestCheckpoint(tx, target);
    const oldestAt = await oldestUnchecked(tx, target);
    return checkpointDue({ count: Number(head?.size ?? 0) - (last?.size ?? 0), oldestAt }, now);
  });
  // A contradiction is looked for when nothing is to be signed too: a person should know at once.
  const isExamined = performance.now() - state.examinedAtMs < EXAMINE_EVERY_MS;
  if (isExamined && (!due || state.refusal)) return tellRefusal(parts, state);
  state.examinedAtMs = performance.now();
  state.refusal = due ? refusalOf(await checkpointer.sign()) : await checkpointer.examine();
  const { refusal } = state;
  // What changes something can wait until somebody has looked: nobody could be shown that it was done.
  await database.transaction(async (tx) =>
    noteSigning(tx, target, refusal && refusalText(refusal)),
  );
  await tellRefusal(parts, state);
}

function refusalOf(signing: Signing): SigningRefusal | undefined {
  return signing.kind === "refused" ? signing.refusal : undefined;
}

async function tellRefusal(
  { database, target, place }: CheckpointingParts,
  state: Watch,
): Promise<void> {
  const { refusal } = state;
  if (!refusal) {
    state.toldAt = undefined;
    return;
  }
  await database.transaction(async (tx, now) => {
    const { toldAt } = state;
    if (toldAt && now.getTime() - toldAt.getTime() < TELL_EVERY_MS) return;
    const subject = `notice:${target}:not-signed:${now.getTime()}`;
    await answer(tx, now, subject, place, refusalCard(target, refusal));
    state.toldAt = now;
  });
}
