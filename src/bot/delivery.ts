import { InputFile, type Api } from "grammy";

import type { Card } from "../core/card.ts";
import type { DueMessage, MessageKind } from "../storage/outbox.ts";
import { CAPTION_LIMIT, renderCard, type RenderedCard } from "./render.ts";
import { failureOf, isAboutMessage, type CallFailure } from "./telegram.ts";

/** What became of one try to bring a message up to date. */
export type Delivery =
  | { readonly kind: "sent"; readonly messageId: number; readonly as: MessageKind }
  /** The message that should be edited is no longer there. */
  | { readonly kind: "gone" }
  /** It cannot be said as it is: a bug of ours, which no repetition mends. */
  | { readonly kind: "unspeakable"; readonly error: unknown }
  | { readonly kind: "failed"; readonly failure: CallFailure };

/** What goes with a card when its message is sent: the card's words stand under it. */
export type Attachment = {
  readonly as: "photo" | "document";
  readonly name: string;
  readonly bytes: Uint8Array;
};

export type Courier = { readonly api: Api; readonly scrub: (text: string) => string };

export async function deliver(
  courier: Courier,
  message: DueMessage,
  card: Card,
  attachment?: Attachment,
): Promise<Delivery> {
  let said: Said;
  try {
    said = say(courier, message, card, attachment);
  } catch (error) {
    return { kind: "unspeakable", error };
  }
  try {
    return await call(courier.api, message, said);
  } catch (error) {
    const failure = failureOf(error);
    if (!isAboutMessage(failure)) return { kind: "failed", failure };
    return await deliverPlain(courier.api, message, said.rendered, failure);
  }
}

/** What a card comes to: words to send or edit, or a file under its first words. */
type Said = {
  readonly rendered: RenderedCard;
  readonly file?: { readonly as: "photo" | "document"; readonly input: InputFile };
};

function say(
  { scrub }: Courier,
  message: DueMessage,
  card: Card,
  attachment: Attachment | undefined,
): Said {
  // A send that was begun and not ended may have come through.
  const resent = message.resent || message.sendingSince !== null;
  const rendered = renderCard(card, { resent, scrub });
  if (message.messageId !== undefined) return { rendered };
  const caption = (): RenderedCard => renderCard(card, { resent, scrub, limit: CAPTION_LIMIT });
  if (attachment !== undefined) {
    const { as, name, bytes } = attachment;
    return { rendered: caption(), file: { as, input: new InputFile(bytes, name) } };
  }
  // What is said once and does not fit is sent as a file; a card that will be edited stays a message.
  if (rendered.whole !== undefined && message.card !== null) {
    const name = `${message.subject.replaceAll(/[^a-z0-9]+/gi, "-")}.txt`;
    const input = new InputFile(Buffer.from(rendered.whole), name);
    return { rendered: caption(), file: { as: "document", input } };
  }
  return { rendered };
}

async function call(api: Api, message: DueMessage, { rendered, file }: Said): Promise<Delivery> {
  if (message.messageId !== undefined) return edit(api, message.messageId, message, rendered);
  if (!file) return sendText(api, message, rendered);
  const options = {
    caption: rendered.text,
    caption_entities: rendered.entities,
    ...placement(message),
    ...keyboardOf(rendered),
  };
  const sent =
    file.as === "photo"
      ? await api.sendPhoto(message.chatId, file.input, options)
      : await api.sendDocument(message.chatId, file.input, options);
  return { kind: "sent", messageId: sent.message_id, as: file.as };
}

/** Telegram takes offence at something in this very message; without manners and buttons it may still go through. */
async function deliverPlain(
  api: Api,
  message: DueMessage,
  rendered: RenderedCard,
  failure: CallFailure,
): Promise<Delivery> {
  if (message.messageId !== undefined) return { kind: "failed", failure };
  try {
    const bare = { ...rendered, entities: [], keyboard: { inline_keyboard: [] } };
    return await sendText(api, message, bare);
  } catch (error) {
    return { kind: "failed", failure: failureOf(error) };
  }
}

async function sendText(api: Api, message: DueMessage, rendered: RenderedCard): Promise<Delivery> {
  const sent = await api.sendMessage(message.chatId, rendered.text, {
    entities: rendered.entities,
    link_preview_options: { is_disabled: true },
    ...placement(message),
    ...keyboardOf(rendered),
  });
  return { kind: "sent", messageId: sent.message_id, as: "text" };
}

async function edit(
  api: Api,
  messageId: number,
  message: DueMessage,
  rendered: RenderedCard,
): Promise<Delivery> {
  try {
    await api.editMessageText(message.chatId, messageId, rendered.text, {
      entities: rendered.entities,
      link_preview_options: { is_disabled: true },
      reply_markup: rendered.keyboard,
    });
  } catch (error) {
    const failure = failureOf(error);
    if (failure.kind !== "refused") throw error;
    if (failure.description.includes("message to edit not found")) return { kind: "gone" };
    if (failure.description.includes("message can't be edited")) return { kind: "gone" };
    // The chat shows it already: an earlier edit was executed although its answer was lost.
    if (!failure.description.includes("message is not modified")) throw error;
  }
  return { kind: "sent", messageId, as: "text" };
}

function keyboardOf({ keyboard }: RenderedCard) {
  return keyboard.inline_keyboard.length > 0 ? { reply_markup: keyboard } : {};
}

function placement(message: DueMessage) {
  return {
    ...(message.silent ? { disable_notification: true } : {}),
    ...(message.topicId === undefined ? {} : { message_thread_id: message.topicId }),
    ...(message.replyTo === undefined
      ? {}
      : {
          reply_parameters: { message_id: message.replyTo, allow_sending_without_reply: true },
        }),
  };
}
