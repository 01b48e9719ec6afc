import type { Api } from "grammy";

import type { Answer, Command } from "../commands/command.ts";
import { performCommand } from "../commands/perform-command.ts";
import { targetMeant, type ServedTarget } from "../commands/served-target.ts";
import { actorOf } from "../core/actor.ts";
import { ANSWER_COMMAND } from "../core/approval-token.ts";
import { plainCard, type Card } from "../core/card.ts";
import { parseCommandLine, splitLine, type CommandLine } from "../core/command-line.ts";
import { age } from "../core/moment.ts";
import { nearest } from "../core/nearest.ts";
import { mayActAs } from "../core/operator.ts";
import { scrub } from "../core/redaction.ts";
import { runName } from "../core/run-name.ts";
import { pass } from "../core/trace.ts";
import { shortened } from "../core/visible-text.ts";
import type { Bell } from "../core/waiting.ts";
import { targetOfAnswer, type Tap } from "../jobs/approval/approval-vote.ts";
import type { Engine } from "../jobs/engine/engine.ts";
import type { Database, Transaction } from "../storage/database.ts";
import type { DueUpdate, Inbox } from "../storage/inbox.ts";
import { isLocked } from "../storage/operator-lock.ts";
import { answer, showSubject, type Place } from "../storage/outbox.ts";
import type { Run } from "../storage/run.ts";
import { intakeSchema, type Intake } from "./gate.ts";
import { hearGuided } from "./guide-desk.ts";
import { pastedCard, type HandedOver, type HandOver } from "./hand-over.ts";
import type { Membership } from "./membership.ts";
import type { RefusalTally } from "./refusal-tally.ts";
import { COMMAND_PREFIX } from "./render.ts";
import { failureOf, telegramError } from "./telegram.ts";

const LOOK_EVERY_MS = 1_000;
/** A command that comes out of a backlog was meant for a world that is gone. */
const FRESH_FOR_MS = { mutate: 120_000, read: 600_000 } as const;
const TOAST_LIMIT = 200;
/** The longest command line that a button can carry. */
const BUTTON_COMMAND_BYTES = 62;

export type RouterParts = {
  readonly api: Api;
  readonly database: Database;
  readonly inbox: Inbox;
  readonly bell: Bell;
  /** Rung after a commit: the answer waits in the outbox. */
  readonly outboxBell: Pick<Bell, "ring">;
  readonly commands: readonly Command[];
  readonly targets: readonly [ServedTarget, ...ServedTarget[]];
  readonly engine: Engine;
  /** Called after the commit, to have the run executed without delay. */
  readonly dispatch: (run: Run, now: Date) => void;
  readonly tally: Pick<RefusalTally, "count">;
  readonly members: Membership;
  readonly handOver: HandOver;
  readonly onError: (error: unknown, during: string) => void;
};

/** What is done once the transaction that handled an update has committed. */
type Aftermath = {
  readonly now: Date;
  readonly run?: Run | undefined;
  readonly toast?: { readonly callbackId: string; readonly text: string } | undefined;
  /** A message in which a secret stands. */
  readonly erase?: { readonly chatId: number; readonly messageId: number } | undefined;
};

/** Telegram has to be asked first whether somebody is a member of a chat. */
type Unready = { readonly asks: { readonly userId: number; readonly chatId: number } };

/** A sealed secret has to be taken first, which is a matter of its own. */
type Unopened = { readonly takes: HandedOver };

/** Handles what is in the inbox, oldest first, until the signal. */
export async function routeInbox(parts: RouterParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const handled = await handleNext(parts).catch((error: unknown) => {
      parts.onError(error, "handling updates");
      return false;
    });
    if (!handled) await parts.bell.wait(LOOK_EVERY_MS, signal);
  }
}

/** Handles one update in one transaction with all that it causes. Returns whether there was one. */
async function handleNext(parts: RouterParts): Promise<boolean> {
  const taken: { update?: DueUpdate } = {};
  try {
    const aftermath = await parts.database.transaction(async (tx, now) => {
      const due = await parts.inbox.takeDue(tx, now);
      if (!due) return undefined;
      taken.update = due;
      const after = await handle(parts, tx, now, due);
      if (!("asks" in after) && !("takes" in after))
        await parts.inbox.markHandled(tx, due.updateId);
      return after;
    });
    if (!aftermath) return false;
    if ("asks" in aftermath) {
      // Nothing outside is asked inside a transaction; with the answer the update is taken up again.
      await parts.members.ask(aftermath.asks.userId, aftermath.asks.chatId);
      return true;
    }
    if ("takes" in aftermath) {
      await parts.handOver.take(aftermath.takes);
      return true;
    }
    pass("inbox.handled", taken.update?.updateId ?? "");
    parts.outboxBell.ring();
    if (aftermath.run) parts.dispatch(aftermath.run, aftermath.now);
    if (aftermath.toast) answerTap(parts, aftermath.toast);
    if (aftermath.erase) await erase(parts, aftermath.erase);
  } catch (error) {
    if (!taken.update) throw error;
    parts.onError(error, `handling update ${taken.update.updateId}`);
    await putOff(parts, taken.update);
  }
  return true;
}

/** Sealed with another key, by an instance that is gone: nobody can read it, so nobody can do it. */
const UNREADABLE = plainCard(
  "A command could not be read",
  "It was stored before this Flightdeck's sealKey changed, and nothing was done. Type it again.",
);

async function handle(
  parts: RouterParts,
  tx: Transaction,
  now: Date,
  due: DueUpdate,
): Promise<Aftermath | Unready | Unopened> {
  const intake = due.body === undefined ? undefined : intakeSchema.parse(JSON.parse(due.body));
  if (!intake) {
    const place: Place = { chatId: due.chatId, topicId: undefined, replyTo: undefined };
    await answer(tx, now, subjectOf(due), place, UNREADABLE);
    return { now };
  }
  if (intake.kind === "handed-over") return handleSecret(parts, { tx, now, due, intake });
  const place: Place = {
    chatId: intake.chatId,
    topicId: intake.topicId,
    replyTo: intake.messageId,
  };
  const tap = intake.kind === "tap" ? { callbackId: intake.callbackId } : undefined;
  const routed = await route(parts, { tx, now, due, intake, place });
  // Somebody to one target is a stranger to another, and strangers hear nothing.
  if (routed === undefined) return { now };
  if ("asks" in routed) return routed;
  switch (routed.kind) {
    case "run": {
      const { admission } = routed;
      if (admission.kind === "refused") {
        return refuse({ tx, now, due, place, tap, text: admission.message });
      }
      const toast = tap && { ...tap, text: "" };
      if (admission.kind !== "busy") return { now, run: admission.run, toast };
      const { run } = admission;
      const text = `${runName(run.id)} (${run.operation}) is under way; one change at a time.`;
      return refuse({ tx, now, due, place, tap, text });
    }
    case "card":
      await answer(tx, now, subjectOf(due), place, routed.card);
      return { now, toast: tap && { ...tap, text: "" } };
    case "subject":
      await showSubject(tx, now, routed.subject, place);
      return { now, toast: tap && { ...tap, text: "" } };
    case "guided": {
      if (intake.chatId !== intake.userId) {
        return refuse({ tx, now, due, place, tap, text: GUIDED_IN_PRIVATE });
      }
      const { updateId } = due;
      const person = { userId: intake.userId, updateId, place: { ...place, replyTo: undefined } };
      const text = await hearGuided(tx, now, routed.turn, person);
      return { now, toast: tap && { ...tap, text } };
    }
    case "counted":
      if (!tap) return refuse({ tx, now, due, place, tap, text: routed.message });
      return { now, run: routed.run, toast: { ...tap, text: "" } };
    case "told":
    case "refused":
      return refuse({ tx, now, due, place, tap, text: routed.message });
  }
}

const GUIDED_IN_PRIVATE = "A guide is for one person: type it to me in private.";

/** What is a command line, typed or behind a button. */
type Typed = Exclude<Intake, { readonly kind: "handed-over" }>;

/** What an operator pasted or typed: sealed for us, or in the clear, which nobody may use any more. */
async function handleSecret(
  parts: RouterParts,
  given: {
    readonly tx: Transaction;
    readonly now: Date;
    readonly due: DueUpdate;
    readonly intake: Extract<Intake, { readonly kind: "handed-over" }>;
  },
): Promise<Aftermath | Unopened> {
  const { tx, now, due, intake } = given;
  const { chatId, topicId, messageId, sealed, userId } = intake;
  const own: ServedTarget["context"][] = [];
  for (const { context } of parts.targets) {
    const isKnown = context.operators.some(({ telegram }) => telegram === userId);
    if (isKnown && !(await isLocked(tx, context.target, userId))) own.push(context);
  }
  if (own.length === 0) {
    parts.tally.count("locked");
    return sealed === undefined ? { now, erase: { chatId, messageId } } : { now };
  }
  const place: Place = { chatId, topicId, replyTo: undefined };
  if (sealed === undefined) {
    const rotated = own.flatMap(({ target, rotated }) =>
      Object.keys(rotated).map((secret) => ({ target, secret })),
    );
    const where = chatId === userId ? "private" : "group";
    const card = pastedCard(rotated, await parts.handOver.recipient(), where);
    await answer(tx, now, subjectOf(due), place, card);
    return { now, erase: { chatId, messageId } };
  }
  const allowed = own.flatMap(({ target, operators }) =>
    operators
      .filter(({ telegram, role }) => telegram === userId && mayActAs(role, "operator"))
      .map((operator) => ({ target, operator })),
  );
  const [first] = allowed;
  if (!first) {
    await answer(tx, now, subjectOf(due), place, plainCard("This needs the role operator."));
    return { now };
  }
  const card = parts.handOver.recall(due.updateId);
  if (!card) {
    const actor = actorOf(first.operator, "telegram");
    const targets = allowed.map(({ target }) => target);
    return { takes: { updateId: due.updateId, sealed, targets, actor } };
  }
  await answer(tx, now, subjectOf(due), place, card);
  return { now };
}

type Routing = {
  readonly tx: Transaction;
  readonly now: Date;
  readonly due: DueUpdate;
  readonly intake: Typed;
  readonly place: Place;
};

/** From what was typed or tapped to an answer: target, person, lock, name, role, freshness, arguments, in this order. */
async function route(parts: RouterParts, routing: Routing): Promise<Answer | Unready | undefined> {
  const { tx, now, due, intake, place } = routing;
  const text = typedText(intake);
  if (text === undefined) return UNKNOWN_BUTTON;
  const typed = parseCommandLine(splitLine(text));
  const isAnswer = typed.name === ANSWER_COMMAND;
  const asked = isAnswer ? await targetOfAnswer(tx, typed.words[0] ?? "") : undefined;
  const meant = targetMeant(
    parts.targets,
    asked === undefined ? typed : about(asked, typed),
    place,
  );
  if (!meant.ok) return { kind: "refused", message: meant.message };
  const { context, line } = meant;
  const operator = context.operators.find((one) => one.telegram === intake.userId);
  if (!operator) return undefined;
  if (await isLocked(tx, context.target, intake.userId)) {
    parts.tally.count("locked");
    return undefined;
  }
  const command = parts.commands.find((one) => one.name === line.name);
  if (!command) return { kind: "refused", message: unknownCommand(parts, line.name) };
  if (!mayActAs(operator.role, command.role)) {
    const message = `/${command.name} needs the role ${command.role}; you are ${operator.role}.`;
    return { kind: "refused", message };
  }
  const sentAt = intake.kind === "tap" ? due.receivedAt : new Date(intake.sentAt * 1000);
  if (now.getTime() - sentAt.getTime() > FRESH_FOR_MS[command.effect]) {
    if (isAnswer && intake.kind === "tap") return TOO_LATE;
    return { kind: "card", card: staleCard(text, sentAt, now) };
  }
  const actor = actorOf(operator, "telegram");
  const cause = intake.kind === "tap" ? `tap-${intake.callbackId}` : `tg-${due.updateId}`;
  const given = { command, line, context, actor, cause, place };
  if (!isAnswer || intake.kind !== "tap") return performCommand(parts.engine, tx, now, given);
  const chatId = parts.targets.find((one) => one.context === context)?.chatId ?? intake.chatId;
  const member = parts.members.recall(intake.userId, chatId);
  if (member === undefined) return { asks: { userId: intake.userId, chatId } };
  const isMember = member === "unknown" ? undefined : member === "member";
  const tap = tapOf(intake, isMember, sentAt);
  const answered = await performCommand(parts.engine, tx, now, { ...given, tap });
  if (answered.kind === "refused") parts.tally.count("answer");
  return answered;
}

const TOO_LATE = { kind: "refused", message: "That came in too late; tap again." } as const;
const UNKNOWN_BUTTON = { kind: "refused", message: "This button is no longer known." } as const;

/** A question knows its target by itself, wherever its button is tapped. */
function about(target: string, line: CommandLine): CommandLine {
  return { ...line, words: [`@${target}`, ...line.words] };
}

function tapOf(
  { chatId, topicId, messageId, ...intake }: Extract<Intake, { readonly kind: "tap" }>,
  isMember: boolean | undefined,
  at: Date,
): Tap {
  const isAccessible = intake.isInaccessible !== true;
  return { chatId, topicId, messageId, isAccessible, isMember, at };
}

/** The command line behind an update. What a button carries is as trusted as what its presser could have typed. */
function typedText(intake: Typed): string | undefined {
  if (intake.kind === "command") return intake.text.slice(1);
  const { data } = intake;
  return data.startsWith(COMMAND_PREFIX) ? data.slice(COMMAND_PREFIX.length) : undefined;
}

function unknownCommand({ commands }: RouterParts, name: string): string {
  const listed = commands.filter((command) => command.listed).map((command) => command.name);
  const meant = nearest(name, listed);
  return `There is no command /${name}. ${meant === undefined ? "See /help." : `Did you mean /${meant}?`}`;
}

function staleCard(text: string, sentAt: Date, now: Date): Card {
  const card = plainCard(`Not run: /${text}`, `It was sent ${age(sentAt, now)}, which is too old.`);
  // What looks like a secret is not put on a button, where it would stay.
  if (Buffer.byteLength(text) > BUTTON_COMMAND_BYTES || scrub(text) !== text) return card;
  return { ...card, actions: [[{ label: "Run it now", command: text, style: "primary" }]] };
}

/** A tap is refused to the one who tapped; what was typed is answered where it was typed. */
async function refuse(refusal: {
  readonly tx: Transaction;
  readonly now: Date;
  readonly due: DueUpdate;
  readonly place: Place;
  readonly tap: { readonly callbackId: string } | undefined;
  readonly text: string;
}): Promise<Aftermath> {
  const { tx, now, due, place, tap, text } = refusal;
  if (tap) return { now, toast: { ...tap, text } };
  const [title = "", ...lines] = text.split("\n");
  await answer(tx, now, subjectOf(due), place, plainCard(title, ...lines));
  return { now };
}

/** Stops the spinner on the button. Too late or twice does not matter: what the tap caused is committed. */
function answerTap(
  { api, onError }: RouterParts,
  toast: { readonly callbackId: string; readonly text: string },
): void {
  const text = shortened(scrub(toast.text), TOAST_LIMIT);
  const options = text === "" ? {} : { text, show_alert: true };
  api.answerCallbackQuery(toast.callbackId, options).catch((error: unknown) => {
    const failure = failureOf(error);
    const late = failure.kind === "refused" && failure.description.includes("query is too old");
    if (!late) onError(telegramError(failure), "answering a tap");
  });
}

const ERASE_TRIES = 3;

/** At once and past the sender: a secret in a chat is not something to get to when its turn comes. */
async function erase(
  { api, onError }: RouterParts,
  { chatId, messageId }: { readonly chatId: number; readonly messageId: number },
): Promise<void> {
  for (let tries = 1; tries <= ERASE_TRIES; tries += 1) {
    try {
      await api.deleteMessage(chatId, messageId);
      return;
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === "refused" || tries === ERASE_TRIES) {
        onError(telegramError(failure), "deleting a pasted secret");
        return;
      }
    }
  }
}

async function putOff(parts: RouterParts, due: DueUpdate): Promise<void> {
  await parts.database.transaction(async (tx, now) => {
    const again = await parts.inbox.markFailed(tx, now, due.updateId);
    if (again) return;
    const place: Place = { chatId: due.chatId, topicId: undefined, replyTo: undefined };
    const card = plainCard(
      "A command could not be handled",
      "Flightdeck itself failed on it several times, and nothing was done. Its own log says why.",
    );
    await answer(tx, now, subjectOf(due), place, card);
  });
}

function subjectOf(due: DueUpdate): string {
  return `reply:tg-${due.updateId}`;
}
