import { setTimeout as sleep } from "node:timers/promises";

import type { ChatMessage, PersonaName } from "../sandbox/telegram/server.ts";
import type { World } from "../sandbox/world.ts";

/** A deployment is watched for a while, and a backup is restored to the last row. */
const ANSWER_WITHIN_MS = 240_000;
/** As long as people take to read what they tap on; the bot believes no faster yes. */
const READING_MS = 2_500;

/** The personas of a rehearsal: what they say and tap, and what they wait to see. */
export type People = {
  /** Says something; gives back the message's id. */
  say(who: PersonaName, text: string): number;
  /** Says something, and waits for the answer that reads so. */
  ask(who: PersonaName, text: string, reads: RegExp): Promise<ChatMessage>;
  /** Waits until a message reads so. */
  until(message: ChatMessage, reads: RegExp): Promise<ChatMessage>;
  /** Reads a message and taps the button whose label begins so. */
  tap(who: PersonaName, message: ChatMessage, label: string): Promise<void>;
};

export function createPeople(world: World, tell: (line: string) => void): People {
  const { telegram } = world;
  const named = (who: PersonaName): string => world.as(who).persona.firstName;

  async function seen(
    find: () => readonly ChatMessage[],
    reads: RegExp,
    of: string,
  ): Promise<ChatMessage> {
    const found = () => find().find(({ text }) => reads.test(text));
    return telegram.waitFor(found, { timeoutMs: ANSWER_WITHIN_MS }).catch((cause: unknown) => {
      const texts = find().map(({ text }) => text);
      throw new Error(`Nothing reads ${reads} after ${of}:\n${texts.join("\n--\n")}`, { cause });
    });
  }

  const say = (who: PersonaName, text: string): number => {
    tell(`${named(who)}: ${text}`);
    return world.as(who).say(text).messageId;
  };

  return {
    say,
    async ask(who, text, reads) {
      const messageId = say(who, text);
      const answers = () => telegram.messages().filter(({ replyTo }) => replyTo?.id === messageId);
      const answer = await seen(answers, reads, text);
      tell(`    ${firstLine(answer)}`);
      return answer;
    },
    async until(message, reads) {
      const itself = () => telegram.messages().filter(({ id }) => id === message.id);
      const read = await seen(itself, reads, `"${firstLine(message)}"`);
      tell(`    ${firstLine(read)}`);
      return read;
    },
    async tap(who, message, label) {
      const button = await telegram.waitFor(() => buttonOf(world, message, label), {
        timeoutMs: ANSWER_WITHIN_MS,
      });
      await sleep(READING_MS);
      tell(`${named(who)} taps ${button}`);
      world.as(who).tap({ messageId: message.id, label: button });
    },
  };
}

function buttonOf({ telegram }: World, { id }: ChatMessage, label: string): string | undefined {
  const message = telegram.messages().find((one) => one.id === id);
  return message?.buttons.flat().find((button) => button.label.startsWith(label))?.label;
}

function firstLine({ text }: ChatMessage): string {
  return text.split("\n")[0] ?? "";
}
