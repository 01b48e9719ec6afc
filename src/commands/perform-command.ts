import type { Actor } from "../core/actor.ts";
import type { CommandLine } from "../core/command-line.ts";
import type { Tap } from "../jobs/approval/approval-vote.ts";
import type { Engine } from "../jobs/engine/engine.ts";
import type { Transaction } from "../storage/database.ts";
import type { Place } from "../storage/outbox.ts";
import type { Answer, Command } from "./command.ts";
import type { TargetContext } from "./served-target.ts";

/** A command that somebody may give, and has given; in the chat, at a terminal, or by a schedule. */
export type GivenCommand = {
  readonly command: Command;
  readonly line: CommandLine;
  readonly context: TargetContext;
  readonly actor: Actor;
  readonly cause: string;
  /** Where the card of a run is shown, if anywhere. */
  readonly place?: Place | undefined;
  /** Where somebody tapped to give it. */
  readonly tap?: Tap | undefined;
};

/** Performs a command in the transaction that marks its cause as handled: with a run and an entry for the same cause. */
export async function performCommand(
  engine: Engine,
  tx: Transaction,
  now: Date,
  { command, line, context, actor, cause, place, tap }: GivenCommand,
): Promise<Answer> {
  const { target } = context;
  return command.answer(
    {
      ...context,
      tx,
      now,
      actor,
      cause,
      tap,
      engine,
      start: async (operation, input, onBehalfOf = actor) =>
        engine.admit(tx, now, { target, operation, input, cause, actor: onBehalfOf, place }),
      record: async (event) =>
        engine.recordCommand(tx, now, { target, operation: command.name, cause, actor, event }),
    },
    line,
  );
}
