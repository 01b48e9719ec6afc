import type { Message, Update } from "grammy/types";
import { z } from "zod";

import type { Operator } from "../core/operator.ts";
import { armoredIn, looksLikeSecret, typesSecret } from "../core/pasted-secret.ts";

const TEXT_LIMIT = 512;

/** What is left of an update once it may come in: everything that a command needs and nothing else. */
export const intakeSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("command"),
    userId: z.int(),
    chatId: z.int(),
    topicId: z.int().optional(),
    messageId: z.int(),
    /** When it was sent, by Telegram's clock, seconds since 1970. */
    sentAt: z.int(),
    text: z.string(),
  }),
  z.strictObject({
    kind: z.literal("tap"),
    userId: z.int(),
    chatId: z.int(),
    topicId: z.int().optional(),
    messageId: z.int(),
    callbackId: z.string(),
    data: z.string(),
    /** Telegram no longer knows the message under which the button stood. */
    isInaccessible: z.literal(true).optional(),
  }),
  z.strictObject({
    kind: z.literal("handed-over"),
    userId: z.int(),
    chatId: z.int(),
    topicId: z.int().optional(),
    messageId: z.int(),
    /** When it was sent, by Telegram's clock, seconds since 1970. */
    sentAt: z.int(),
    /** A file that age has sealed; left out where it was a secret in the clear, which is kept nowhere. */
    sealed: z.string().optional(),
  }),
]);
export type Intake = z.output<typeof intakeSchema>;

/** Why an update is turned away. Nobody hears of it: an answer would be an amplifier. */
export type Refusal =
  | "update-kind"
  | "foreign-chat"
  | "no-sender"
  | "bot"
  | "not-a-person"
  | "stranger"
  | "forwarded"
  | "via-bot"
  | "automatic"
  | "scheduled"
  | "edited"
  | "too-long"
  | "no-data"
  /** A button under a question that is unknown, not one's own to tap, or under an older message. */
  | "answer"
  /** Not built as updates are. */
  | "malformed"
  /** An operator whose rights somebody took away: told apart by the router, which knows the present state. */
  | "locked";

export type Judgement =
  | { readonly kind: "admitted"; readonly intake: Intake }
  | { readonly kind: "refused"; readonly reason: Refusal }
  /** Talk of operators among themselves, or a command for another bot. */
  | { readonly kind: "ignored" };

export type GateRules = {
  /** Grows when a group goes on under another id. */
  readonly chatIds: Set<number>;
  readonly botUsername: string;
  readonly operators: readonly Pick<Operator, "telegram">[];
};

/** Telegram's stand-ins for senders without a person: GroupAnonymousBot, Channel_Bot, and Telegram itself. */
const NOBODY = new Set([1_087_968_824, 136_817_688, 777_000]);

/** What a message bears that a guest bot brought, or that summons us as one into a chat that is not ours. */
const GUEST_MARKS = ["guest_query_id", "guest_bot_caller_user", "guest_bot_caller_chat"] as const;

/** The one gate in front of all handlers. Whatever it does not know it refuses. */
export function judge(update: Update, rules: GateRules): Judgement {
  if (update.message) return judgeMessage(update.message, rules);
  if (update.callback_query) return judgeTap(update.callback_query, rules);
  if (update.edited_message) return refused("edited");
  return refused("update-kind");
}

function judgeMessage(message: Message, rules: GateRules): Judgement {
  const stranger = senderProblem(message.from, message.chat, rules);
  if (stranger) return refused(stranger);
  if (message.sender_chat) return refused("not-a-person");
  if (message.is_automatic_forward) return refused("automatic");
  if (message.forward_origin) return refused("forwarded");
  if (message.via_bot || message.sender_business_bot) return refused("via-bot");
  if (GUEST_MARKS.some((mark) => mark in message)) return refused("via-bot");
  if (message.business_connection_id !== undefined) return refused("via-bot");
  if (message.is_from_offline) return refused("scheduled");
  if (message.edit_date !== undefined) return refused("edited");
  if (message.text?.startsWith("/") !== true) return judgeTalk(message);
  const text = ownCommand(message.text, rules.botUsername);
  if (text === undefined) return { kind: "ignored" };
  if (typesSecret(text)) return handedOver(message);
  if (message.text.length > TEXT_LIMIT) return refused("too-long");
  return {
    kind: "admitted",
    intake: {
      kind: "command",
      userId: message.from?.id ?? 0,
      chatId: message.chat.id,
      ...topic(message),
      messageId: message.message_id,
      sentAt: message.date,
      text,
    },
  };
}

/** Of all that is no command only secrets count, and only where their owner is alone with us. */
function judgeTalk(message: Message): Judgement {
  const { chat, text } = message;
  if (chat.type !== "private" || text === undefined) return { kind: "ignored" };
  const sealed = armoredIn(text);
  if (sealed === undefined && !looksLikeSecret(text)) return { kind: "ignored" };
  return handedOver(message, sealed);
}

/** Of a secret in the clear nothing is let in but where it stands. */
function handedOver(message: Message, sealed?: string): Judgement {
  return {
    kind: "admitted",
    intake: {
      kind: "handed-over",
      userId: message.from?.id ?? 0,
      chatId: message.chat.id,
      ...topic(message),
      messageId: message.message_id,
      sentAt: message.date,
      ...(sealed === undefined ? {} : { sealed }),
    },
  };
}

function judgeTap(tap: NonNullable<Update["callback_query"]>, rules: GateRules): Judgement {
  const { message, data } = tap;
  if (!message || tap.inline_message_id !== undefined) return refused("foreign-chat");
  const stranger = senderProblem(tap.from, message.chat, rules);
  if (stranger) return refused(stranger);
  if (data === undefined) return refused("no-data");
  return {
    kind: "admitted",
    intake: {
      kind: "tap",
      userId: tap.from.id,
      chatId: message.chat.id,
      ...topic(message),
      messageId: message.message_id,
      callbackId: tap.id,
      data,
      ...(message.date === 0 ? { isInaccessible: true } : {}),
    },
  };
}

function senderProblem(
  from: Message["from"],
  chat: Message["chat"],
  rules: GateRules,
): Refusal | undefined {
  const privately = chat.type === "private" && chat.id === from?.id;
  if (!rules.chatIds.has(chat.id) && !privately) return "foreign-chat";
  if (!from) return "no-sender";
  if (NOBODY.has(from.id)) return "not-a-person";
  if (from.is_bot) return "bot";
  if (!rules.operators.some((operator) => operator.telegram === from.id)) return "stranger";
  return undefined;
}

/** The text without the bot's own name; undefined when another bot is meant. */
function ownCommand(text: string, botUsername: string): string | undefined {
  const match = /^\/([A-Za-z0-9_]+)(?:@([A-Za-z0-9_]+))?/.exec(text);
  if (!match) return text;
  const [whole, name = "", addressee] = match;
  if (addressee !== undefined && addressee.toLowerCase() !== botUsername.toLowerCase()) {
    return undefined;
  }
  return `/${name.toLowerCase()}${text.slice(whole.length)}`;
}

function topic(message: object): { readonly topicId?: number } {
  const inTopic = "is_topic_message" in message && message.is_topic_message === true;
  return inTopic && "message_thread_id" in message && typeof message.message_thread_id === "number"
    ? { topicId: message.message_thread_id }
    : {};
}

function refused(reason: Refusal): Judgement {
  return { kind: "refused", reason };
}
