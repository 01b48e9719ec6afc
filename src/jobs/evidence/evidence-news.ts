import { plainCard, type Card } from "../../core/card.ts";
import { pause } from "../../core/waiting.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { fileOf, noteTold } from "../../storage/evidence-file.ts";
import { answer, type Place } from "../../storage/outbox.ts";
import { evidenceStanding, type EvidenceStanding } from "./evidence-standing.ts";

const REMIND_AFTER_MS = 30 * 60_000;
const LOOK_EVERY_MS = 2_000;

export type EvidenceNewsParts = {
  readonly database: Database;
  readonly target: string;
  readonly place: Place;
  readonly lookEveryMs?: number;
  readonly onError: (error: unknown, during: string) => void;
};

/**
 * Tells the chat when a log's file is in trouble, again every half hour as long as it is, and once when it is well. It
 * stands apart from whoever renders, because a renderer that hangs cannot say so.
 */
export async function tellOfEvidence(parts: EvidenceNewsParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await parts.database
      .transaction(async (tx, now) => tellWhatIsDue(tx, now, parts))
      .catch((error: unknown) =>
        parts.onError(error, `watching the log's file of ${parts.target}`),
      );
    await pause(parts.lookEveryMs ?? LOOK_EVERY_MS, signal);
  }
}

async function tellWhatIsDue(
  tx: Transaction,
  now: Date,
  { target, place }: EvidenceNewsParts,
): Promise<void> {
  const file = await fileOf(tx, target);
  const standing = evidenceStanding(file, now);
  const { toldAt } = file;
  if (standing.kind === "fine" && toldAt === undefined) return;
  if (standing.kind !== "fine" && toldAt && now.getTime() - toldAt.getTime() < REMIND_AFTER_MS) {
    return;
  }
  await answer(
    tx,
    now,
    `notice:${target}:evidence:${now.getTime()}`,
    place,
    news(target, standing),
  );
  await noteTold(tx, target, standing.kind === "fine" ? undefined : now);
}

function news(target: string, standing: EvidenceStanding): Card {
  if (standing.kind === "fine") {
    return plainCard(`✅ ${target} · the evidence file is up to date again`);
  }
  const title =
    standing.kind === "stuck"
      ? `🚨 ${target} · the evidence file needs a person`
      : `⚠️ ${target} · the evidence file lags`;
  const consequence =
    standing.kind === "stuck"
      ? ["Until then nothing is changed by Flightdeck that can wait; looking goes on."]
      : [];
  return plainCard(title, standing.words, standing.wayOut, ...consequence);
}
