import type {
  CallbackAnswer,
  ChatMessage,
  PersonaName,
  TelegramServer,
} from "../telegram/server.ts";
import { personaNames, personas } from "../telegram/server.ts";
import type { Action, Controls, FaultSwitch, OutsidePage } from "./controls.ts";

const MESSAGES_SHOWN = 300;
const ANSWERS_SHOWN = 20;

/** Everything that the page shows to one person in one chat. */
export type PageState = {
  readonly people: readonly {
    readonly name: PersonaName;
    readonly id: number;
    readonly firstName: string;
  }[];
  readonly me: { readonly name: PersonaName; readonly id: number };
  readonly chat: { readonly kind: "group" | "private"; readonly title: string };
  readonly bot: { readonly id: number; readonly name: string };
  readonly messages: readonly ChatMessage[];
  readonly commands: readonly { readonly command: string; readonly description: string }[];
  /** The bot's answers to this person's taps. */
  readonly answers: readonly CallbackAnswer[];
  readonly newestAnswerId: number;
  readonly faults: readonly FaultSwitch[];
  readonly actions: readonly Action[];
  readonly outside: readonly OutsidePage[];
  readonly effects: Readonly<Record<string, number>>;
  readonly violations: number;
};

export async function describeState(
  telegram: TelegramServer,
  controls: Controls,
  view: { readonly as: PersonaName; readonly chat: "group" | "private" },
): Promise<PageState> {
  const me = personas[view.as];
  const answers = telegram.callbackAnswers();
  return {
    people: personaNames.map((name) => ({
      name,
      id: personas[name].id,
      firstName: personas[name].firstName,
    })),
    me: { name: view.as, id: me.id },
    chat: {
      kind: view.chat,
      title: view.chat === "group" ? telegram.chatTitle : telegram.botName,
    },
    bot: { id: telegram.botId, name: telegram.botName },
    messages: telegram.as(view.as).messages(view.chat).slice(-MESSAGES_SHOWN),
    commands: telegram.commands(view.as, view.chat),
    answers: answers.filter((answer) => answer.userId === me.id).slice(-ANSWERS_SHOWN),
    newestAnswerId: answers.at(-1)?.id ?? 0,
    faults: controls.faults(),
    actions: controls.actions(),
    outside: controls.outside(),
    effects: await controls.effects(),
    violations: telegram.violations().length,
  };
}
