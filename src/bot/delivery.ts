import { InputFile, type Api } from "grammy";

import type { Card } from "../core/card.ts";
import type { DueMessage, MessageKind } from "../storage/outbox.ts";
import { CAPTION_LIMIT, renderCard, type RenderedCard } from "./render.ts";
import { failureOf, type CallFailure } from "./telegram.ts";

/** What became of one try to bring a message up to date. */
export type Delivery =
  | { readonly kind: "sent"; readonly messageId: number; readonly as: MessageKind }
  /** The message that should be edited is no longer there. */
  | { readonly kind: "gone" }
  | { readonly kind: "failed"; readonly failure: CallFailure };

export type Courier = { readonly api: Api; readonly scrub: (text: string) => string };

export async function deliver(
  { api, scrub }: Courier,
  message: DueMessage,
  card: Card,
  picture?: Uint8Array,
): Promise<Delivery> {
  const resent = message.resent || message.perhapsSent;
  const rendered = renderCard(card, { resent, scrub });
  try {
    if (message.messageId !== undefined)
      return await edit(api, message.messageId, message, rendered);
    if (picture !== undefined) {
      const caption = renderCard(card, { resent, scrub, limit: CAPTION_LIMIT });
      return await sendPhoto(api, message, caption, picture);
    }
    // What is said once and does not fit is sent as a file; a card that will be edited stays a message.
    if (rendered.whole !== undefined && message.card !== null) {
      const caption = renderCard(card, { resent, scrub, limit: CAPTION_LIMIT });
      return await sendDocument(api, message, caption, rendered.whole);
    }
    return await sendText(api, message, rendered);
  } catch (error) {
    return { kind: "failed", failure: failureOf(error) };
  }
}

async function sendText(api: Api, message: DueMessage, rendered: RenderedCard): Promise<Delivery> {
  const sent = await api.sendMessage(message.chatId, rendered.text, {
    entities: rendered.entities,
    link_preview_options: { is_disabled: true },
    ...placement(message),
    ...(rendered.keyboard.inline_keyboard.length > 0 ? { reply_markup: rendered.keyboard } : {}),
  });
  return { kind: "sent", messageId: sent.message_id, as: "text" };
}

async function sendDocument(
  api: Api,
  message: DueMessage,
  caption: RenderedCard,
  whole: string,
): Promise<Delivery> {
  const name = `${message.subject.replaceAll(/[^a-z0-9]+/gi, "-")}.txt`;
  const sent = await api.sendDocument(message.chatId, new InputFile(Buffer.from(whole), name), {
    caption: caption.text,
    caption_entities: caption.entities,
    ...placement(message),
    ...(caption.keyboard.inline_keyboard.length > 0 ? { reply_markup: caption.keyboard } : {}),
  });
  return { kind: "sent", messageId: sent.message_id, as: "document" };
}

async function sendPhoto(
  api: Api,
  message: DueMessage,
  caption: RenderedCard,
  picture: Uint8Array,
): Promise<Delivery> {
  const sent = await api.sendPhoto(message.chatId, new InputFile(picture, "chart.png"), {
    caption: caption.text,
    caption_entities: caption.entities,
    ...placement(message),
    ...(caption.keyboard.inline_keyboard.length > 0 ? { reply_markup: caption.keyboard } : {}),
  });
  return { kind: "sent", messageId: sent.message_id, as: "photo" };
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

function placement(message: DueMessage) {
  return {
    ...(message.topicId === undefined ? {} : { message_thread_id: message.topicId }),
    ...(message.replyTo === undefined
      ? {}
      : {
          reply_parameters: { message_id: message.replyTo, allow_sending_without_reply: true },
        }),
  };
}
