import type { Api } from "grammy";

import type { Role } from "../core/operator.ts";
import {
  createPairingListener,
  introduced,
  lifetime,
  type PairingListener,
} from "./pairing-listener.ts";
import type { Group, Person, Topic } from "./pairing.ts";
import { meetBot } from "./setup-bot.ts";
import { SetupError } from "./setup-error.ts";
import { tryPrivateChat, tryRights, type Trial } from "./setup-rights.ts";
import { createSetupUpdates } from "./setup-updates.ts";

/** The terminal as the set-up needs it. */
export type Dialogue = {
  tell(text: string): void;
  /** The next line that is typed; undefined when none can come any more, or the signal came first. */
  nextLine(signal: AbortSignal): Promise<string | undefined>;
};

export type SetupParts = {
  readonly api: Api;
  readonly dialogue: Dialogue;
  readonly newCode: () => string;
  readonly codeLifetimeMs: number;
  readonly deleteWebhook: boolean;
  /** How many people to pair, the first included; without it until Enter is pressed. */
  readonly people: number | undefined;
};

type PairedOperator = { readonly person: Person; readonly role: Role };

export type Learnt = {
  readonly group: Group;
  readonly topics: readonly Topic[];
  /** The first one typed the first code, and is an approver. */
  readonly operators: readonly PairedOperator[];
};

/**
 * Finds out all that a first configuration needs, from Telegram and from whoever sits at the terminal.
 *
 * @throws {SetupError} with what was found and what to do; nothing is left behind but a message in the group
 */
export async function setUp(parts: SetupParts, signal: AbortSignal): Promise<Learnt> {
  const { api, dialogue } = parts;
  const { tell } = dialogue;
  const bot = await meetBot(api, parts);
  tell(`The token is good; the bot is @${bot.username}.`);
  const updates = createSetupUpdates(api, tell);
  await updates.skipBacklog(signal);
  const listener = createPairingListener({ ...parts, updates, tell, botUsername: bot.username });

  tell(invitation(bot.username, listener.code(), lifetime(parts)));
  const first = await listener.next(signal);
  refuseStopped(signal);
  if (!first) {
    throw new SetupError(
      `Nobody typed the code within ${lifetime(parts)}, so it is void. Start again for a new one.`,
    );
  }
  const { title } = listener.group();
  tell(`${introduced(first.person)} typed it in “${title}”, and is the first approver.`);

  const { topicId } = first;
  const rights = await tryRights(api, { botId: bot.id, group: listener.group(), topicId });
  listener.moved(rights.group);
  tell(`\nIn “${title}” the bot may:\n${shown(rights.trials)}`);

  const operators = await pairOthers(parts, listener, first.person, signal);
  refuseStopped(signal);
  const reached: Trial[] = [];
  for (const { person } of operators) {
    reached.push(await tryPrivateChat(api, bot.username, person));
  }
  tell(`\nIn private, for what only one person should read, it may:\n${shown(reached)}`);
  if (bot.advice.length > 0) {
    tell(`\nThe bot can do more than it needs:\n${bot.advice.map(marked("!")).join("\n")}`);
  }
  await updates.confirm(signal);
  return { group: listener.group(), topics: listener.topics(), operators };
}

/** Pairs one person after the other: each gets a code of their own, and a role from whoever sits at the terminal. */
async function pairOthers(
  parts: SetupParts,
  listener: PairingListener,
  first: Person,
  signal: AbortSignal,
): Promise<readonly PairedOperator[]> {
  const { people, dialogue } = parts;
  const operators: PairedOperator[] = [{ person: first, role: "approver" }];
  while (operators.length < (people ?? Number.POSITIVE_INFINITY)) {
    dialogue.tell(nextInvitation(listener.code(), people === undefined));
    const person = await nextPerson(parts, listener, signal);
    if (!person) break;
    if (operators.some((operator) => operator.person.id === person.id)) {
      dialogue.tell(`${introduced(person)} is paired already; somebody else types the next code.`);
      continue;
    }
    operators.push({ person, role: await askRole(dialogue, person, signal) });
  }
  return operators;
}

/** Whoever types the code; nobody when Enter was pressed first, or no one came in time. */
async function nextPerson(
  parts: SetupParts,
  listener: PairingListener,
  signal: AbortSignal,
): Promise<Person | undefined> {
  const { people, dialogue } = parts;
  const ending = new AbortController();
  const waiting = AbortSignal.any([signal, ending.signal]);
  const paired = listener.next(waiting);
  try {
    if (people !== undefined) return (await paired)?.person;
    const enter = dialogue.nextLine(waiting).then(() => "enter" as const);
    const event = await Promise.race([paired, enter]);
    return event === "enter" ? undefined : event?.person;
  } finally {
    ending.abort();
  }
}

const ROLE_BY_ANSWER: Readonly<Record<string, Role>> = {
  v: "viewer",
  viewer: "viewer",
  "": "operator",
  o: "operator",
  operator: "operator",
  a: "approver",
  approver: "approver",
};

async function askRole(dialogue: Dialogue, person: Person, signal: AbortSignal): Promise<Role> {
  const question = `Is ${introduced(person)} a viewer, an operator or an approver? [operator]`;
  dialogue.tell(question);
  for (;;) {
    const answer = await dialogue.nextLine(signal);
    if (answer === undefined) {
      dialogue.tell(`Nobody answers at the terminal, so ${person.name} is a viewer.`);
      return "viewer";
    }
    const role = ROLE_BY_ANSWER[answer.trim().toLowerCase()];
    if (role) return role;
    dialogue.tell(`That is none of viewer, operator, approver. ${question}`);
  }
}

function invitation(botUsername: string, code: string, within: string): string {
  return [
    "",
    `1. Add @${botUsername} to the ops group, as an administrator who may pin messages and nothing else.`,
    `2. Type this in the group, within ${within}:`,
    "",
    `     /pair ${code}`,
    "",
    `   Beside other bots it takes the name, too: /pair@${botUsername} ${code}`,
    "",
  ].join("\n");
}

function nextInvitation(code: string, endsByEnter: boolean): string {
  return [
    "",
    "The next operator types this in the group:",
    "",
    `     /pair ${code}`,
    "",
    ...(endsByEnter ? ["Press Enter when there is nobody else."] : []),
  ].join("\n");
}

function shown(trials: readonly Trial[]): string {
  return trials
    .map(({ what, ok, advice }) => (ok ? `  ✓ ${what}` : `  ✗ ${what}: ${advice ?? "it failed"}`))
    .join("\n");
}

function marked(mark: string): (text: string) => string {
  return (text) => `  ${mark} ${text}`;
}

function refuseStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new SetupError("Stopped; nothing was written.");
}
