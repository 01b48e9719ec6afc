import type { Actor } from "../../core/actor.ts";
import { checksText } from "../../core/alert-list-card.ts";
import { plainCard, type Card } from "../../core/card.ts";
import { pause } from "../../core/waiting.ts";
import { openAlerts, type KeptAlert } from "../../storage/alert.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { append } from "../../storage/evidence.ts";
import { answer, stateChanged } from "../../storage/outbox.ts";
import { endOldSilences, hides, type Silence } from "../../storage/silence.ts";
import type { RecordOrigin } from "../engine/run-record.ts";
import { alertSubject } from "./alert-subject.ts";
import type { AlertScene } from "./alert-view.ts";

export type SilenceEndParts = {
  readonly database: Database;
  readonly scenes: ReadonlyMap<string, Pick<AlertScene, "place" | "configHash">>;
  readonly origin: RecordOrigin;
  readonly onError: (error: unknown, during: string) => void;
};

const WATCH: Actor = { via: "flightdeck", name: "watch" };
const LOOK_EVERY_MS = 1_000;

/** Ends silences when their time has come, until the signal. */
export async function keepSilences(parts: SilenceEndParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const [target, scene] of parts.scenes) {
      const about = { ...scene, origin: parts.origin };
      await parts.database
        .transaction(async (tx, now) => announceSilenceEnds(tx, now, target, about))
        .catch((error: unknown) => parts.onError(error, "ending silences"));
    }
    await pause(LOOK_EVERY_MS, signal);
  }
}

type About = Pick<AlertScene, "place" | "configHash"> & { readonly origin: RecordOrigin };

/** Ends what has run out and says so without a sound: what fires under it speaks for itself at its next look. */
async function announceSilenceEnds(
  tx: Transaction,
  now: Date,
  target: string,
  parts: About,
): Promise<void> {
  const ended = await endOldSilences(tx, now, target);
  if (ended.length === 0) return;
  const open = (await openAlerts(tx, target)).filter(({ alert }) => alert.state !== "pending");
  for (const silence of ended) {
    const heard = open.filter(({ check }) => hides(silence, check));
    const subject = `silence:${silence.id}:ended`;
    await answer(tx, now, subject, parts.place, endCard(target, silence, heard), { silent: true });
    for (const { id } of heard) await stateChanged(tx, now, alertSubject(id));
    await recordEnd(tx, now, target, parts, silence);
  }
}

function endCard(target: string, silence: Silence, heard: readonly KeptAlert[]): Card {
  const { checks, setBy, reason, until } = silence;
  const why = reason === "" ? "" : `: ${reason}`;
  const firing = heard.length === 1 ? "1 alert fires" : `${heard.length} alerts fire`;
  return plainCard(
    `🔔 ${target} · the silence of ${checksText(checks)} has ended`,
    `Set by ${setBy}${why}`,
    ...(until === undefined ? ["Its alert is over."] : []),
    heard.length === 0 ? "Nothing fires there now." : `${firing} there and may speak again.`,
  );
}

async function recordEnd(
  tx: Transaction,
  now: Date,
  target: string,
  { configHash, origin }: About,
  { id, checks, setBy }: Silence,
): Promise<void> {
  await append(tx, now, target, `silence-${id}:silence.ended`, {
    kind: "silence.ended",
    target,
    actor: WATCH,
    operation: "watch",
    cause: `silence-${id}`,
    result: "ended",
    config: configHash,
    build: origin.build,
    instance: origin.instance,
    facts: { silence: id, checks: checks.length === 0 ? "all" : checks.join(" "), "set-by": setBy },
  });
}
