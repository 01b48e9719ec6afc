import type { Update } from "grammy/types";
import { z } from "zod";

import { pass } from "../core/trace.ts";
import type { Database } from "../storage/database.ts";
import type { Inbox, Received } from "../storage/inbox.ts";
import { intakeSchema, judge, type GateRules, type Judgement } from "./gate.ts";
import type { RefusalTally } from "./refusal-tally.ts";

/** Told to Telegram on every start, because it remembers the last value for a token. Edits are asked for to be counted. */
export const ALLOWED_UPDATES = [
  "message",
  "edited_message",
  "callback_query",
  "my_chat_member",
] as const;

export type IntakeParts = {
  readonly database: Database;
  readonly inbox: Inbox;
  readonly tally: RefusalTally;
  /** A group of ours goes on under another id. */
  readonly onMoved: (fromChatId: number, toChatId: number) => Promise<void>;
  /** Somebody has put the bot into a chat where it has no business. */
  readonly onForeignChat: (chatId: number) => void;
};

/**
 * Takes updates in, however they came: past the gate and into the inbox, whose commit wakes the leader. Once this has
 * returned, Telegram may forget them.
 */
export async function takeIn(
  parts: IntakeParts,
  rules: GateRules,
  updates: readonly Update[],
): Promise<void> {
  const { database, inbox, tally } = parts;
  const admitted: Received[] = [];
  for (const update of updates) {
    await heedChatEvent(parts, rules, update);
    const judgement = judged(update, rules);
    if (judgement.kind === "refused") tally.count(judgement.reason);
    if (judgement.kind !== "admitted") continue;
    const { intake } = judgement;
    admitted.push({
      updateId: update.update_id,
      chatId: intake.chatId,
      body: JSON.stringify(intake),
    });
  }
  if (admitted.length === 0) return;
  await database.transaction(async (tx, now) => inbox.receive(tx, now, admitted));
  pass("inbox.stored", admitted.map((received) => received.updateId).join());
}

const movedSchema = z.object({ chat: z.object({ id: z.int() }), migrate_to_chat_id: z.int() });
const membershipSchema = z.object({
  chat: z.object({ id: z.int(), type: z.string() }),
  new_chat_member: z.object({ status: z.string() }),
});

/** What happens to the chats themselves is nobody's command, so it goes past the gate; only our own chats can move. */
async function heedChatEvent(
  { onMoved, onForeignChat }: IntakeParts,
  { chatIds }: GateRules,
  { message, my_chat_member }: Update,
): Promise<void> {
  const moved =
    message?.migrate_to_chat_id === undefined ? undefined : movedSchema.safeParse(message).data;
  if (moved && chatIds.has(moved.chat.id)) {
    chatIds.add(moved.migrate_to_chat_id);
    await onMoved(moved.chat.id, moved.migrate_to_chat_id);
  }
  const membership = my_chat_member && membershipSchema.safeParse(my_chat_member).data;
  if (!membership || membership.chat.type === "private") return;
  const isIn = ["member", "administrator"].includes(membership.new_chat_member.status);
  if (isIn && !chatIds.has(membership.chat.id)) onForeignChat(membership.chat.id);
}

const MALFORMED: Judgement = { kind: "refused", reason: "malformed" };

/** One update that is not built as updates are must not keep all others from coming in, nor come in as half a command. */
function judged(update: Update, rules: GateRules): Judgement {
  try {
    const judgement = judge(update, rules);
    const isWhole =
      judgement.kind !== "admitted" || intakeSchema.safeParse(judgement.intake).success;
    return isWhole ? judgement : MALFORMED;
  } catch {
    return MALFORMED;
  }
}
