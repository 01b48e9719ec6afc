import type { Chart, Drawing } from "../core/chart.ts";
import { stormLimit } from "../core/roundup.ts";
import { pass } from "../core/trace.ts";
import { pause, type Bell } from "../core/waiting.ts";
import type { Database, Transaction } from "../storage/database.ts";
import {
  abandon,
  dueChats,
  forgetMessage,
  markSending,
  markSent,
  nextDue,
  putOff,
  type DueMessage,
} from "../storage/outbox.ts";
import { SystemError } from "../systems/system-error.ts";
import { deliver, type Attachment, type Courier, type Delivery } from "./delivery.ts";
import { alertsShare, createLaneBudget, type LaneBudget } from "./lane-budget.ts";
import { gatherAlerts } from "./roundup.ts";
import { describeFailure, isAboutMessage, telegramError } from "./telegram.ts";

const LOOK_EVERY_MS = 1_000;
const UNKNOWN = { waitMs: 60_000, surelyNotSent: true };
const BACKOFF_MS = [1_000, 2_000, 5_000, 15_000, 30_000] as const;

/** Draws the present state of a subject that keeps no card of its own. */
export type DrawSubject = (
  tx: Transaction,
  now: Date,
  subject: string,
) => Promise<Drawing | undefined>;

export type SenderParts = Courier & {
  readonly database: Database;
  readonly bell: Bell;
  /** How many calls a minute a group bears. */
  readonly groupPerMinute: number;
  readonly draw: DrawSubject;
  /** Makes a picture of what is drawn. */
  readonly paint: (chart: Chart) => Promise<Uint8Array>;
  /** A group goes on under another id. */
  readonly onMoved: (fromChatId: number, toChatId: number) => Promise<void>;
  readonly onError: (error: unknown, during: string) => void;
};

/**
 * Brings every message in the chat up to date with its subject, until the signal. Each chat has a lane of its own: one
 * call at a time, the most important first, and a pause asked for by Telegram pauses that lane alone.
 */
export async function sendDue(parts: SenderParts, signal: AbortSignal): Promise<void> {
  const running = new Map<number, Promise<void>>();
  const lanes = new Map<number, Lane>();
  const laneOf = (chatId: number): Lane => {
    const lane = lanes.get(chatId) ?? openLane(chatId, parts.groupPerMinute);
    lanes.set(chatId, lane);
    return lane;
  };
  while (!signal.aborted) {
    const chats = await parts.database.transaction(dueChats).catch((error: unknown) => {
      parts.onError(error, "looking for messages to send");
      return [];
    });
    for (const chatId of chats) {
      if (running.has(chatId)) continue;
      const run = runLane(parts, laneOf(chatId), signal)
        .catch((error: unknown) => parts.onError(error, `sending to chat ${chatId}`))
        .finally(() => running.delete(chatId));
      running.set(chatId, run);
    }
    await parts.bell.wait(LOOK_EVERY_MS, signal);
  }
  await Promise.all(running.values());
}

/** What is remembered of a chat for as long as this process sends to it. */
type Lane = {
  readonly chatId: number;
  readonly budget: LaneBudget;
  /** How many alerts may wait before one card stands for them. */
  readonly alertsAtOnce: number;
  /** How many calls in a row got no answer. A silence of Telegram is about no message in particular. */
  silences: number;
};

function openLane(chatId: number, groupPerMinute: number): Lane {
  const perMinute = chatId < 0 ? groupPerMinute : undefined;
  return {
    chatId,
    budget: createLaneBudget(perMinute),
    alertsAtOnce: stormLimit(alertsShare(perMinute ?? Number.POSITIVE_INFINITY)),
    silences: 0,
  };
}

async function runLane(parts: SenderParts, lane: Lane, signal: AbortSignal): Promise<void> {
  const { budget } = lane;
  while (!signal.aborted) {
    const waitMs = budget.waitMs(performance.now(), "answer");
    if (waitMs > 0) {
      await pause(waitMs, signal);
      continue;
    }
    // Chosen after the wait: something more important may have come in meanwhile. What may not be sent yet is left to
    // the next look, so that a question that comes in now is answered now.
    const prepared = await prepare(parts, lane);
    if (!prepared) return;
    if (prepared.drawing === undefined) continue;
    const { message, drawing } = prepared;
    const attachment = await attachmentOf(parts, message, drawing);
    const delivery = await deliver(parts, message, drawing.card, attachment);
    budget.spend(performance.now(), message.purpose);
    if (delivery.kind === "sent") pass("message.accepted", message.subject);
    await settle(parts, message, delivery, lane);
  }
}

async function prepare(
  parts: SenderParts,
  { chatId, budget, alertsAtOnce }: Lane,
): Promise<{ readonly message: DueMessage; readonly drawing: Drawing | undefined } | undefined> {
  const chosen: { message?: DueMessage } = {};
  try {
    const prepared = await parts.database.transaction(async (tx, now) => {
      await gatherAlerts(tx, now, chatId, alertsAtOnce);
      const alertsToo = budget.waitMs(performance.now(), "alert") === 0;
      const message = await nextDue(tx, now, chatId, { alertsToo });
      if (!message) return undefined;
      chosen.message = message;
      const drawing = message.card
        ? { card: message.card }
        : await parts.draw(tx, now, message.subject);
      // Another process, or the next configuration, may know it.
      if (!drawing) await putOff(tx, now, message.id, UNKNOWN);
      else if (message.messageId === undefined && !(await markSending(tx, now, message))) {
        return { message, drawing: undefined };
      }
      return { message, drawing };
    });
    if (prepared) pass("message.sending", prepared.message.subject);
    return prepared;
  } catch (error) {
    const { message } = chosen;
    if (!message || error instanceof SystemError) throw error;
    // What cannot be drawn must not stand in the way of everything behind it.
    parts.onError(error, `drawing ${message.subject}`);
    await parts.database.transaction(async (tx) => abandon(tx, message.id, "it cannot be drawn"));
    return { message, drawing: undefined };
  }
}

/** Without its picture a card still says in words what there is to say. */
async function attachmentOf(
  { paint, onError }: SenderParts,
  message: DueMessage,
  { chart, file }: Drawing,
): Promise<Attachment | undefined> {
  // A message that stands in the chat is edited, and only its words change.
  if (message.messageId !== undefined) return undefined;
  if (file) return { as: "document", ...file };
  if (!chart) return undefined;
  try {
    return { as: "photo", name: "chart.png", bytes: await paint(chart) };
  } catch (error) {
    onError(error, `drawing ${message.subject}`);
    return undefined;
  }
}

async function settle(
  parts: SenderParts,
  message: DueMessage,
  delivery: Delivery,
  lane: Lane,
): Promise<void> {
  await parts.database.transaction(async (tx, now) => {
    switch (delivery.kind) {
      case "sent": {
        const { messageId, as: messageKind } = delivery;
        const { id, wantedVersion: version } = message;
        return markSent(tx, now, { id, version, messageId, messageKind });
      }
      case "gone":
        return forgetMessage(tx, message.id);
      case "unspeakable":
        return abandon(tx, message.id, "it cannot be put into words");
      case "failed":
        return settleFailure(tx, now, message, delivery);
    }
  });
  if (delivery.kind === "sent") pass("message.recorded", message.subject);
  if (delivery.kind === "unspeakable") parts.onError(delivery.error, `saying ${message.subject}`);
  const failure = delivery.kind === "failed" ? delivery.failure : undefined;
  const isSilence = failure?.kind === "in-doubt";
  const quietMs = failure?.kind === "slow-down" ? failure.retryAfterMs : backoffMs(lane.silences);
  lane.silences = isSilence ? lane.silences + 1 : 0;
  if (!failure) return;
  parts.onError(telegramError(failure), `sending ${message.subject}`);
  if (failure.kind === "moved") return parts.onMoved(message.chatId, failure.toChatId);
  // A refusal may be about this one message's words or place; the others are not made to wait for it.
  if (failure.kind === "refused") return;
  lane.budget.quietUntil(performance.now() + quietMs);
}

async function settleFailure(
  tx: Transaction,
  now: Date,
  message: DueMessage,
  { failure }: Extract<Delivery, { readonly kind: "failed" }>,
): Promise<void> {
  if (isAboutMessage(failure)) return abandon(tx, message.id, describeFailure(failure));
  const waitMs = failure.kind === "slow-down" ? failure.retryAfterMs : backoffMs(message.attempts);
  // A refusal and a request to wait are certain answers; so is any answer to an edit, which may be repeated.
  const surelyNotSent = failure.kind !== "in-doubt" || message.messageId !== undefined;
  return putOff(tx, now, message.id, { waitMs, surelyNotSent });
}

function backoffMs(attempts: number): number {
  return BACKOFF_MS[Math.min(attempts, BACKOFF_MS.length - 1)] ?? 1_000;
}
