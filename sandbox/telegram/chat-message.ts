import type { Entity } from "./entities.ts";
import type { InlineButton } from "./keyboards.ts";
import type { Message } from "./objects.ts";
import type { Posted, Room } from "./rooms.ts";

export type ChatButton = {
  readonly label: string;
  readonly style: "danger" | "success" | "primary" | undefined;
  readonly action:
    | { readonly kind: "callback"; readonly data: string }
    | { readonly kind: "url"; readonly url: string }
    | { readonly kind: "copy"; readonly text: string }
    | { readonly kind: "disabled" };
};

type ChatFile = {
  readonly fileId: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly isPhoto: boolean;
};

/** A message as people see it. */
export type ChatMessage = {
  /** The message_id, or the ephemeral_message_id of a message that only one person sees. */
  readonly id: number;
  readonly chatId: number;
  readonly topic: { readonly id: number; readonly name: string } | undefined;
  readonly from: { readonly id: number; readonly name: string; readonly isBot: boolean };
  /** The text, or a file's caption. */
  readonly text: string;
  readonly entities: readonly Entity[];
  readonly buttons: readonly (readonly ChatButton[])[];
  readonly replyTo:
    | { readonly id: number; readonly name: string; readonly text: string }
    | undefined;
  readonly file: ChatFile | undefined;
  /** What happened, for a message that nobody wrote: a pin, a new topic. */
  readonly service: string | undefined;
  readonly sentAt: Date;
  readonly editedAt: Date | undefined;
  /** How often it was edited. */
  readonly edits: number;
  readonly silent: boolean;
  readonly pinned: boolean;
  readonly protectedContent: boolean;
  readonly reactions: readonly { readonly userId: number; readonly emoji: string }[];
  /** Whose client opens the field for a reply to it. */
  readonly asksReplyOf: "everybody" | number | undefined;
  /** Who alone sees it, if it is ephemeral. */
  readonly receiverId: number | undefined;
};

/** Everything that stands in the chat, oldest first. */
export function chatMessages(room: Room): readonly ChatMessage[] {
  return [...room.posts.values(), ...room.ephemerals.values()]
    .toSorted((a, b) => a.message.date - b.message.date)
    .map((posted) => chatMessage(room, posted));
}

function chatMessage(room: Room, posted: Posted): ChatMessage {
  const { message } = posted;
  const quote = message.reply_to_message;
  const topic = room.topics.get(message.message_thread_id ?? 0);
  return {
    id: message.ephemeral_message_id ?? message.message_id,
    chatId: message.chat.id,
    topic: topic === undefined ? undefined : { id: topic.id, name: topic.name },
    from: authorOf(message),
    text: message.text ?? message.caption ?? "",
    entities: message.entities ?? message.caption_entities ?? [],
    buttons: (message.reply_markup?.inline_keyboard ?? []).map((row) => row.map(chatButton)),
    replyTo:
      quote === undefined
        ? undefined
        : {
            id: quote.message_id,
            name: authorOf(quote).name,
            text: quote.text ?? quote.caption ?? quote.document?.file_name ?? "Photo",
          },
    file: fileOf(message),
    service: serviceOf(message),
    sentAt: new Date(message.date * 1_000),
    editedAt: message.edit_date === undefined ? undefined : new Date(message.edit_date * 1_000),
    edits: posted.edits,
    silent: posted.silent,
    pinned: posted.pinned,
    protectedContent: message.has_protected_content ?? false,
    reactions: posted.reactions,
    asksReplyOf: posted.asksReplyOf,
    receiverId: message.receiver_user?.id,
  };
}

function authorOf(message: NonNullable<Message["reply_to_message"]>): ChatMessage["from"] {
  const { from, sender_chat: chat } = message;
  return {
    id: from?.id ?? chat?.id ?? message.chat.id,
    name: chat?.title ?? from?.first_name ?? message.chat.title ?? "Channel",
    isBot: from?.is_bot ?? false,
  };
}

function chatButton(button: InlineButton): ChatButton {
  return { label: button.text, style: button.style, action: actionOf(button) };
}

function actionOf(button: InlineButton): ChatButton["action"] {
  if (button.callback_data !== undefined) return { kind: "callback", data: button.callback_data };
  if (button.url !== undefined) return { kind: "url", url: button.url };
  if (button.copy_text !== undefined) return { kind: "copy", text: button.copy_text.text };
  return { kind: "disabled" };
}

function fileOf(message: Message): ChatFile | undefined {
  const { document, photo } = message;
  if (document !== undefined) {
    return {
      fileId: document.file_id,
      name: document.file_name ?? "file",
      type: document.mime_type ?? "application/octet-stream",
      size: document.file_size ?? 0,
      isPhoto: false,
    };
  }
  const largest = photo?.at(-1);
  if (largest === undefined) return undefined;
  return {
    fileId: largest.file_id,
    name: "photo",
    type: "image/*",
    size: largest.file_size ?? 0,
    isPhoto: true,
  };
}

function serviceOf(message: Message): string | undefined {
  const pinned = message.pinned_message;
  if (pinned !== undefined) {
    const text = "text" in pinned ? pinned.text?.split("\n")[0] : undefined;
    return `pinned ${text === undefined ? "a message" : `“${text}”`}`;
  }
  const created = message.forum_topic_created;
  if (created !== undefined) return `created the topic “${created.name}”`;
  return undefined;
}
