import type { Message, Update } from "grammy/types";

import { shortened, visibleText } from "../core/visible-text.ts";
import { judge, type Refusal } from "./gate.ts";
import { samePairingCode } from "./pairing-code.ts";

const NAME_LIMIT = 64;

export type Person = { readonly id: number; readonly name: string };
export type Group = { readonly id: number; readonly title: string };
export type Topic = { readonly id: number; readonly name: string | undefined };

/** What the set-up waits for. */
export type Expectation = {
  readonly botUsername: string;
  readonly code: string;
  /** The ops group once it is known; until then any group may become it. */
  readonly group: Group | undefined;
  /** A basic group in which the right code was typed, waiting to become a supergroup. */
  readonly upgrading: Group | undefined;
};

/** What an update means to the set-up. Nobody in a chat is ever answered: a stranger must learn nothing. */
export type Heard =
  | {
      readonly kind: "paired";
      readonly person: Person;
      readonly group: Group;
      readonly topicId: number | undefined;
    }
  | { readonly kind: "basic-group"; readonly person: Person; readonly group: Group }
  | { readonly kind: "migrated"; readonly from: number; readonly group: Group }
  | { readonly kind: "wrong-code"; readonly person: Person; readonly where: string }
  /** The right code at the wrong place: it is not spent. */
  | { readonly kind: "elsewhere"; readonly person: Person; readonly where: string }
  /** The right code from somebody whose number Telegram hides, or who did not type it himself. */
  | { readonly kind: "disguised"; readonly reason: Refusal }
  | { readonly kind: "topic"; readonly topic: Topic }
  | { readonly kind: "nothing" };

const NOTHING: Heard = { kind: "nothing" };

/** Judges one update. The gate of the running bot says who counts as a person, with every sender as a candidate. */
export function hear(update: Update, expected: Expectation): Heard {
  const { message } = update;
  if (!message) return NOTHING;
  const migration = migrationOf(message, expected);
  if (migration) return migration;
  const typed = /^\/pair(?:@\w+)?\s+(\S.*)$/is.exec(message.text ?? "")?.[1];
  if (typed === undefined) return topicOf(message, expected);

  const judgement = judge(update, {
    chatIds: new Set([message.chat.id]),
    botUsername: expected.botUsername,
    operators: [{ telegram: message.from?.id ?? 0 }],
  });
  if (judgement.kind === "ignored") return NOTHING;
  const isRight = samePairingCode(typed, expected.code);
  if (judgement.kind === "refused") {
    return isRight ? { kind: "disguised", reason: judgement.reason } : wrong(message);
  }
  if (!isRight) return wrong(message);
  const { intake } = judgement;
  return rightCode(message, expected, "topicId" in intake ? intake.topicId : undefined);
}

function rightCode(message: Message, expected: Expectation, topicId: number | undefined): Heard {
  const { chat } = message;
  const person = personOf(message);
  const where = placeOf(message);
  if (chat.type === "private" || chat.type === "channel")
    return { kind: "elsewhere", person, where };
  if (expected.group !== undefined && chat.id !== expected.group.id) {
    return { kind: "elsewhere", person, where };
  }
  const group = { id: chat.id, title: nameFit(chat.title) };
  if (chat.type === "group") return { kind: "basic-group", person, group };
  return { kind: "paired", person, group, topicId };
}

/** Both the old group and the new one hold a service message about the move; either will do. */
function migrationOf(message: Message, { group, upgrading }: Expectation): Heard | undefined {
  const moving = upgrading ?? group;
  const { chat, migrate_to_chat_id: to, migrate_from_chat_id: from } = message;
  if (!moving || chat.type === "private") return undefined;
  if (to !== undefined && chat.id === moving.id) {
    return { kind: "migrated", from: moving.id, group: { id: to, title: moving.title } };
  }
  if (from !== undefined && from === moving.id) {
    return { kind: "migrated", from, group: { id: chat.id, title: moving.title } };
  }
  return undefined;
}

function topicOf(message: Message, { group }: Expectation): Heard {
  const id = message.message_thread_id;
  if (message.chat.id !== group?.id || id === undefined || message.is_topic_message !== true) {
    return NOTHING;
  }
  const created = message.forum_topic_created ?? message.reply_to_message?.forum_topic_created;
  return { kind: "topic", topic: { id, name: created && nameFit(created.name) } };
}

function wrong(message: Message): Heard {
  return { kind: "wrong-code", person: personOf(message), where: placeOf(message) };
}

function personOf({ from }: Message): Person {
  const name = [from?.first_name, from?.last_name].join(" ").trim();
  return { id: from?.id ?? 0, name: nameFit(name) };
}

function placeOf({ chat }: Message): string {
  return chat.type === "private" ? "a private chat" : `“${nameFit(chat.title)}”`;
}

/** Names are written by strangers and shown at a terminal. */
function nameFit(name: string | undefined): string {
  return shortened(visibleText(name ?? ""), NAME_LIMIT) || "nameless";
}
