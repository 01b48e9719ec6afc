import { GrammyError, type Api } from "grammy";

import type { Group, Person } from "./pairing.ts";
import { failureOrThrow } from "./setup-error.ts";
import { describeFailure } from "./telegram.ts";

/** One thing that the bot was made to do, and what to do if it could not. */
export type Trial = { readonly what: string; readonly ok: boolean; readonly advice?: string };

export type Rights = {
  readonly trials: readonly Trial[];
  /** The group under its present id: it may have become a supergroup in the middle. */
  readonly group: Group;
};

type Caller = Pick<
  Api,
  "getChatMember" | "sendMessage" | "editMessageText" | "pinChatMessage" | "unpinChatMessage"
>;

/** Tries every right by using it: what a member list says about rights is not what a call then meets. */
export async function tryRights(
  api: Caller,
  place: { readonly botId: number; readonly group: Group; readonly topicId: number | undefined },
): Promise<Rights> {
  try {
    return { trials: await tryAll(api, place), group: place.group };
  } catch (error) {
    const movedTo = migratedTo(error);
    if (movedTo === undefined) throw error;
    const group = { ...place.group, id: movedTo };
    return { trials: await tryAll(api, { ...place, group }), group };
  }
}

async function tryAll(
  api: Caller,
  place: { readonly botId: number; readonly group: Group; readonly topicId: number | undefined },
): Promise<readonly Trial[]> {
  const { id: chatId } = place.group;
  const topic = place.topicId === undefined ? {} : { message_thread_id: place.topicId };
  const sent: { messageId?: number } = {};
  const trials: Trial[] = [];
  trials.push(
    await attempt("send a message", MAY_SEND, async () => {
      const message = await api.sendMessage(chatId, "Flightdeck tries its rights here.", {
        ...topic,
        disable_notification: true,
      });
      sent.messageId = message.message_id;
    }),
  );
  const { messageId } = sent;
  if (messageId !== undefined) {
    trials.push(
      await attempt("edit it", MAY_SEND, async () =>
        api.editMessageText(chatId, messageId, "Flightdeck has tried its rights here."),
      ),
      await attempt("pin it", MAY_PIN, async () => {
        await api.pinChatMessage(chatId, messageId, { disable_notification: true });
        await api.unpinChatMessage(chatId, messageId);
      }),
    );
  }
  trials.push(await administratorTrial(api, chatId, place.botId));
  return trials;
}

const MAY_SEND =
  "Add the bot to the group, and look at the group's permissions: members must be allowed to send messages.";
const MAY_PIN =
  "Make the bot an administrator of the group with the right to pin messages, and no other right.";

async function administratorTrial(api: Caller, chatId: number, botId: number): Promise<Trial> {
  const what = "be an administrator";
  try {
    const { status } = await api.getChatMember(chatId, botId);
    if (status === "administrator" || status === "creator") return { what, ok: true };
    return {
      what,
      ok: false,
      advice: `It is a ${status}, so beside other bots it may not hear commands without its name. ${MAY_PIN}`,
    };
  } catch (error) {
    return failedTrial(what, MAY_PIN, error);
  }
}

async function attempt(what: string, advice: string, call: () => Promise<unknown>): Promise<Trial> {
  try {
    await call();
    return { what, ok: true };
  } catch (error) {
    return failedTrial(what, advice, error);
  }
}

function failedTrial(what: string, advice: string, error: unknown): Trial {
  if (migratedTo(error) !== undefined) throw error;
  return { what, ok: false, advice: `${describeFailure(failureOrThrow(error))}. ${advice}` };
}

function migratedTo(error: unknown): number | undefined {
  return error instanceof GrammyError ? error.parameters.migrate_to_chat_id : undefined;
}

/** Whether the bot may write to a person. Typing is the one thing that shows it and leaves no message behind. */
export async function tryPrivateChat(
  api: Pick<Api, "sendChatAction">,
  botUsername: string,
  person: Person,
): Promise<Trial> {
  const advice = `${person.name} opens https://t.me/${botUsername} and presses Start; a bot may not write first.`;
  return attempt(`write to ${person.name}`, advice, async () =>
    api.sendChatAction(person.id, "typing"),
  );
}
