import { parseCommandLine, splitLine } from "../core/command-line.ts";
import { nearest } from "../core/nearest.ts";
import { mayActAs } from "../core/operator.ts";
import { runName } from "../core/run-name.ts";
import type { Engine } from "../jobs/engine/engine.ts";
import type { Performed, ScheduledTarget, SlotOrder } from "../jobs/schedule/scheduling.ts";
import type { Transaction } from "../storage/database.ts";
import { answer, showSubject, type Place } from "../storage/outbox.ts";
import type { Command } from "./command.ts";
import { performCommand } from "./perform-command.ts";
import type { ServedTarget } from "./served-target.ts";

export type ScheduledCommandParts = {
  readonly commands: readonly Command[];
  readonly targets: readonly ServedTarget[];
  readonly engine: Engine;
};

/** The targets as the schedules' duty knows them. */
export function scheduledTargets(targets: readonly ServedTarget[]): readonly ScheduledTarget[] {
  return targets.map(({ context: { target, timeZone, schedules }, chatId, topicId }) => ({
    target,
    timeZone,
    schedules,
    place: { chatId, topicId, replyTo: undefined },
  }));
}

/**
 * Gives a command as its schedule says: the registry, the parser and the engine are those of the chat, and Flightdeck is
 * the actor. A run is shown only where success is announced; an answer that is no run has nothing to judge, so it is
 * always shown.
 */
export async function performScheduled(
  { commands, targets, engine }: ScheduledCommandParts,
  tx: Transaction,
  now: Date,
  { target, schedule, cause, actor }: SlotOrder,
): Promise<Performed> {
  const served = targets.find(({ context }) => context.target === target);
  const line = parseCommandLine(splitLine(schedule.run));
  const command = commands.find(({ name }) => name === line.name);
  if (!served || !command) {
    return { kind: "refused", reason: `There is no command /${line.name}.` };
  }
  const place: Place = { chatId: served.chatId, topicId: served.topicId, replyTo: undefined };
  const answered = await performCommand(engine, tx, now, {
    command,
    line,
    context: served.context,
    actor,
    cause,
    place: schedule.announce === "always" ? place : undefined,
  });
  switch (answered.kind) {
    case "run": {
      const { admission } = answered;
      if (admission.kind === "refused") return { kind: "refused", reason: admission.message };
      const { kind, run } = admission;
      const reason = `${runName(run.id)} (${run.operation}) is under way; one change at a time.`;
      return kind === "busy" ? { kind, reason } : { kind: "run", run };
    }
    case "card":
      await answer(tx, now, `reply:${cause}`, place, answered.card);
      return { kind: "answered" };
    case "subject":
      await showSubject(tx, now, answered.subject, place);
      return { kind: "answered" };
    case "counted":
    case "guided":
    case "told":
      return { kind: "answered" };
    case "refused":
      return { kind: "refused", reason: answered.message };
  }
}

/** What is wrong with a command line that a schedule is to give, as far as the names tell. */
export function scheduleProblem(
  run: string,
  commands: readonly Command[],
  checklists: readonly string[],
): string | undefined {
  const { name, words } = parseCommandLine(splitLine(run));
  // Whoever locks people out or decides on a doubt is a person.
  const fit = commands.filter((one) => one.listed && mayActAs("operator", one.role));
  const [word = ""] = words;
  if (!fit.some((one) => one.name === name)) {
    return notFound(
      `command ${name}`,
      name,
      fit.map((one) => one.name),
    );
  }
  if (name === "checklist" && !checklists.includes(word)) {
    return notFound(`checklist ${word}`, word, checklists);
  }
  return undefined;
}

function notFound(what: string, name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  const hint =
    meant === undefined ? `expected one of ${known.join(", ")}` : `did you mean ${meant}?`;
  return `there is no ${what} for a schedule; ${hint}`;
}
