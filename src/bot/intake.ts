import type { Update } from "grammy/types";

import { pass } from "../core/trace.ts";
import type { Database } from "../storage/database.ts";
import type { Inbox, Received } from "../storage/inbox.ts";
import { judge, type GateRules } from "./gate.ts";
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
};

/**
 * Takes updates in, however they came: past the gate and into the inbox, whose commit wakes the leader. Once this has
 * returned, Telegram may forget them.
 */
export async function takeIn(
  { database, inbox, tally }: IntakeParts,
  rules: GateRules,
  updates: readonly Update[],
): Promise<void> {
  const admitted: Received[] = [];
  for (const update of updates) {
    const judgement = judge(update, rules);
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
