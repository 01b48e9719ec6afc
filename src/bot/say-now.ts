import type { Card } from "../core/card.ts";
import type { Place } from "../storage/outbox.ts";
import type { Courier } from "./delivery.ts";
import { renderCard } from "./render.ts";

/** Says something past the outbox, once and with nothing kept, for when there is no database to keep it in. */
export async function sayNow(
  { api, scrub }: Courier,
  { chatId, topicId }: Place,
  card: Card,
): Promise<void> {
  const { text, entities } = renderCard(card, { resent: false, scrub });
  await api.sendMessage(chatId, text, {
    entities,
    link_preview_options: { is_disabled: true },
    ...(topicId === undefined ? {} : { message_thread_id: topicId }),
  });
}
