import { tooManyRequests } from "./refusal.ts";

const MINUTE_MS = 60_000;
/** Documented: 20 messages a minute to a group. Edits have their own limit of about the same. */
const PER_GROUP_PER_MINUTE = 20;
/** One message a second to a chat, with short bursts let through. */
const BURST = 5;
const BURST_WINDOW_MS = 5_000;

const EDITS = /^edit(?:Message|EphemeralMessage)/;
/** Reactions, pins and topics are not documented to count; a sandbox that counts them errs on the safe side. */
const SENDS = /^(?:send(?!ChatAction)|setMessageReaction$|pinChatMessage$|createForumTopic$)/;

export type Flood = {
  /** Throws 429 when the chat has had enough; counts the request otherwise. */
  pass(method: string, chatId: number): void;
};

export function createFlood(now: () => Date): Flood {
  const sentAt = new Map<string, number[]>();

  return {
    pass: (method, chatId) => {
      const kind = EDITS.test(method) ? "edit" : SENDS.test(method) ? "send" : undefined;
      if (kind === undefined) return;
      const [key, nowMs] = [`${kind} ${chatId}`, now().getTime()];
      const recent = (sentAt.get(key) ?? []).filter((at) => at > nowMs - MINUTE_MS);
      const waitMs = Math.max(
        chatId < 0 ? waitFor(recent, PER_GROUP_PER_MINUTE, MINUTE_MS, nowMs) : 0,
        waitFor(recent, BURST, BURST_WINDOW_MS, nowMs),
      );
      if (waitMs > 0) throw tooManyRequests(Math.ceil(waitMs / 1_000));
      sentAt.set(key, [...recent, nowMs]);
    },
  };
}

/** How long until the newest `limit` of these moments no longer lie within the window. */
function waitFor(
  recent: readonly number[],
  limit: number,
  windowMs: number,
  nowMs: number,
): number {
  const oldest = recent.at(-limit);
  return oldest === undefined ? 0 : Math.max(0, oldest + windowMs - nowMs);
}
