import { plainCard, type Card } from "../core/card.ts";
import type { Caller } from "../jobs/watch/calling.ts";
import type { SayNow } from "../jobs/watch/lone-watch.ts";
import type { Place } from "../storage/outbox.ts";
import type { Courier } from "./delivery.ts";
import { renderCard } from "./render.ts";

export type SayNowParts = Courier & {
  readonly caller: Pick<Caller, "callNow">;
  readonly onError: (error: unknown, during: string) => void;
};

/** Says in the chat and by the second path what cannot be written down first. */
export function createSayNow(parts: SayNowParts): SayNow {
  return async (target, { place, rosterAt }, { once, what, isOver }, signal) => {
    const now = new Date();
    const fired = { kind: "fired", severity: "page", people: rosterAt(now) } as const;
    const card = plainCard(`${isOver ? "✅" : "🔴"} ${target} · ${what}`);
    await Promise.all([
      // The end can wait until somebody reads the chat; only what begins is worth a call.
      isOver
        ? undefined
        : parts.caller.callNow({ once, about: once, target, what, ...fired }, now, signal),
      sendNow(parts, place, card).catch((error: unknown) =>
        parts.onError(error, "saying something without a database"),
      ),
    ]);
  };
}

/** Says something past the outbox, once and with nothing kept, for when there is no database to keep it in. */
async function sendNow(
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
