import type { Actor } from "../../core/actor.ts";
import { alertWord } from "../../core/alert-card.ts";
import type { Alert, AlertNews } from "../../core/alert.ts";
import { addressedTo, type Card } from "../../core/card.ts";
import { countSteps, openAlertOf } from "../../storage/alert.ts";
import type { Transaction } from "../../storage/database.ts";
import { append } from "../../storage/evidence.ts";
import { answer, openSubject, progressMade, stateChanged } from "../../storage/outbox.ts";
import type { RecordOrigin } from "../engine/run-record.ts";
import { alertSubject, type NewsAbout } from "./alert-subject.ts";
import { alertViewOf, type AlertScene } from "./alert-view.ts";
import type { Caller } from "./calling.ts";
import { firstCalled } from "./escalating.ts";

/** Passes on what a decision means for people: card, words and entries, in the transaction of the decision. */
export type TellNews = (
  tx: Transaction,
  now: Date,
  about: NewsAbout,
  change: { readonly before: Alert | undefined; readonly news: readonly AlertNews[] },
) => Promise<void>;

export type AlertNewsParts = {
  readonly scenes: ReadonlyMap<string, AlertScene>;
  readonly caller: Pick<Caller, "call" | "callOff">;
  readonly origin: RecordOrigin;
};

type AlertWord = Exclude<AlertNews, "changed">;

const WATCH: Actor = { via: "flightdeck", name: "watch" };

export function createAlertNews({ scenes, caller, origin }: AlertNewsParts): TellNews {
  // With several targets in one process a button must say whose it is.
  const isAddressed = scenes.size > 1;
  return async (tx, now, about, { before, news }) => {
    const scene = scenes.get(about.target);
    if (!scene) throw new Error(`Nobody watches the target "${about.target}".`);
    await recordChange(tx, now, { scene, origin }, about, before);
    const subject = alertSubject(about.id);
    const isOld = hasSpoken(before);
    // The card comes without a sound; what is worth one is said in a word of its own.
    if (!isOld && hasSpoken(about.alert)) {
      await openSubject(tx, now, subject, scene.place, { silent: true });
    } else if (isOld && news.length > 0) {
      await stateChanged(tx, now, subject);
    }
    const word = news.find((one) => one !== "changed");
    if (word !== undefined && about.severity === "page" && hasSpoken(about.alert)) {
      // Whoever was called, or is about to be, need not come any more.
      if (word === "resolved") await caller.callOff(tx, now, subject);
      const first = word === "resolved" ? undefined : firstCalled(scene, now);
      if (first && first.steps > 0) await countSteps(tx, [about.id], first.steps);
      const called = first?.called ?? [];
      const card = alertWord(await alertViewOf(tx, now, about, scene), word, called);
      await say(tx, now, scene, about, word, isAddressed ? addressedTo(about.target, card) : card);
    }
    await tellCauses(tx, now, about, before);
  };
}

/** Whether the chat knows of it. */
function hasSpoken(alert: Alert | undefined): boolean {
  return alert !== undefined && alert.state !== "pending" && alert.toldAt !== undefined;
}

/** The same word at the same moment is one message. */
async function say(
  tx: Transaction,
  now: Date,
  scene: AlertScene,
  about: NewsAbout,
  word: AlertWord,
  card: Card,
): Promise<void> {
  const answered = alertSubject(about.id);
  const subject = `word:${answered}:${word}:${now.getTime()}`;
  await answer(tx, now, subject, scene.place, card, { replyToSubject: answered });
}

/** Whoever speaks for others shows how many stand behind it. */
async function tellCauses(
  tx: Transaction,
  now: Date,
  about: NewsAbout,
  before: Alert | undefined,
): Promise<void> {
  const isOver = about.alert.state === "resolved";
  const causes = [before?.behind, about.alert.behind].filter((cause) => cause !== undefined);
  if (before?.behind === about.alert.behind && !isOver) return;
  for (const cause of new Set(causes)) {
    const speaker = await openAlertOf(tx, about.target, cause);
    if (speaker) await progressMade(tx, now, alertSubject(speaker.id));
  }
}

/** The entries of an alert's life are written as it changes its state, whether or not it is spoken of. */
async function recordChange(
  tx: Transaction,
  now: Date,
  { scene, origin }: { readonly scene: AlertScene; readonly origin: RecordOrigin },
  { id, target, check, severity, alert }: NewsAbout,
  before: Alert | undefined,
): Promise<void> {
  const event = eventOf(before, alert);
  if (event === undefined) return;
  const { kind, result } = event;
  await append(tx, now, target, `alert-${id}:${kind}:${now.getTime()}`, {
    kind,
    target,
    actor: WATCH,
    operation: "watch",
    cause: `alert-${id}`,
    result,
    config: scene.configHash,
    build: origin.build,
    instance: origin.instance,
    facts: {
      check,
      severity,
      since: alert.since.toISOString(),
      seen: origin.scrub(alert.trouble.seen),
      ...(alert.behind === undefined ? {} : { behind: alert.behind }),
      ...(alert.relapses === 0 ? {} : { relapses: String(alert.relapses) }),
    },
  });
}

function eventOf(
  before: Alert | undefined,
  after: Alert,
):
  | { readonly kind: "alert.fired" | "alert.lapsed" | "alert.resolved"; readonly result: string }
  | undefined {
  if (before?.state === after.state) return undefined;
  if (after.state === "resolved") return { kind: "alert.resolved", result: "resolved" };
  if (after.state !== "firing") return undefined;
  return before?.state === "acknowledged"
    ? { kind: "alert.lapsed", result: "firing" }
    : { kind: "alert.fired", result: after.trouble.kind };
}
