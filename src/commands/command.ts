import type { Actor } from "../core/actor.ts";
import { plainCard, type Card } from "../core/card.ts";
import type { CommandLine } from "../core/command-line.ts";
import type { Json } from "../core/json.ts";
import { nearest } from "../core/nearest.ts";
import type { Role } from "../core/operator.ts";
import type { Tap } from "../jobs/approval/approval-vote.ts";
import type { Admission, Engine } from "../jobs/engine/engine.ts";
import type { CommandEvent } from "../jobs/engine/run-record.ts";
import type { Transaction } from "../storage/database.ts";
import type { Run } from "../storage/run.ts";
import type { GuideTurn } from "./rotate-guide.ts";
import type { TargetContext } from "./served-target.ts";

/** What a command may lean on; it runs inside the transaction that marks its cause as handled. */
export type CommandContext = TargetContext & {
  readonly tx: Transaction;
  readonly now: Date;
  readonly actor: Actor;
  /** What brought this command: `tg-<update>`, `tap-<callback>` or `cli-<uuid>`. */
  readonly cause: string;
  /** The tap that typed it, where somebody tapped. */
  readonly tap: Tap | undefined;
  readonly engine: Pick<
    Engine,
    "cancel" | "decide" | "detailsOf" | "hear" | "recordAfterwards" | "stopMeaning"
  >;
  /**
   * Commits a run of an operation with the command as its cause and its card as the answer. It is asked for by whoever
   * gave the command, unless that was on behalf of somebody else.
   */
  start(operation: string, input: Json, onBehalfOf?: Actor): Promise<Admission>;
  /** Writes down what this command did that is no run. */
  record(event: CommandEvent): Promise<void>;
};

export type Answer =
  | { readonly kind: "card"; readonly card: Card }
  | { readonly kind: "run"; readonly admission: Admission }
  /** A message about a subject that is drawn anew whenever it is sent: opened here, or brought up to date where it is. */
  | { readonly kind: "subject"; readonly subject: string }
  /** What somebody said to a question was heard, as its card shows, which goes on by it if this says so. */
  | { readonly kind: "counted"; readonly message: string; readonly run?: Run | undefined }
  /** A turn in a guide, which is kept up in private alone; elsewhere all of it is shown at once. */
  | { readonly kind: "guided"; readonly turn: GuideTurn; readonly whole: Card }
  /** For the eyes of whoever asked alone. */
  | { readonly kind: "told"; readonly message: string }
  /** Not understood, or not possible as asked; nothing was done. */
  | { readonly kind: "refused"; readonly message: string };

export type Command = {
  readonly name: string;
  /** One line, for the menu and for help; at most 256 characters. */
  readonly summary: string;
  readonly role: Role;
  /** What may follow the name, as people read it: `[check…] [--failed-of RUN]`. */
  readonly usage: string;
  readonly effect: "read" | "mutate";
  /** Commands that only buttons type stay out of menus and help. */
  readonly listed: boolean;
  answer(context: CommandContext, line: CommandLine): Promise<Answer>;
};

/** What was typed, understood or not. */
export type Understood<Args> =
  | { readonly ok: true; readonly args: Args }
  | { readonly ok: false; readonly message: string };

type CommandParts<Args> = Omit<Command, "answer" | "listed"> & {
  readonly listed?: boolean;
  readonly flags?: readonly string[];
  /** How many words may follow the name. */
  readonly words?: { readonly atLeast?: number; readonly atMost?: number };
  understand(line: CommandLine, context: CommandContext): Understood<Args>;
  run(context: CommandContext, args: Args): Promise<Answer>;
};

/** Closes over the type of the arguments: handlers are typed, the list of commands is homogeneous. */
export function defineCommand<Args>(parts: CommandParts<Args>): Command {
  const { name, summary, role, usage, effect, listed = true } = parts;
  const refuse = (message: string): Answer => ({
    kind: "refused",
    message: `${message}\nUsage: /${name}${usage === "" ? "" : ` ${usage}`}`,
  });
  return {
    name,
    summary,
    role,
    usage,
    effect,
    listed,
    async answer(context, line) {
      const problem = unknownFlag(line, parts.flags ?? []) ?? wrongCount(line, parts.words ?? {});
      if (problem !== undefined) return refuse(problem);
      const understood = parts.understand(line, context);
      if (!understood.ok) return refuse(understood.message);
      return parts.run(context, understood.args);
    },
  };
}

export function card(title: string, ...lines: readonly string[]): Answer {
  return { kind: "card", card: plainCard(title, ...lines) };
}

function unknownFlag(line: CommandLine, known: readonly string[]): string | undefined {
  const stray = Object.keys(line.flags).find((flag) => !known.includes(flag));
  if (stray === undefined) return undefined;
  const meant = nearest(stray, known);
  return `There is no flag --${stray}${meant === undefined ? "" : `; did you mean --${meant}?`}`;
}

function wrongCount(
  line: CommandLine,
  { atLeast = 0, atMost = 0 }: { readonly atLeast?: number; readonly atMost?: number },
): string | undefined {
  if (line.words.length < atLeast) return "Something is missing.";
  if (line.words.length > atMost) return `"${line.words[atMost]}" is one word too many.`;
  return undefined;
}
