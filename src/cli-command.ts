import { randomUUID } from "node:crypto";

import { followRun, tellRun, terminalText } from "./cli-follow.ts";
import { EXIT, loadFiles, type Terminal } from "./cli-terminal.ts";
import type { Answer } from "./commands/command.ts";
import { commands } from "./commands/index.ts";
import { performCommand } from "./commands/perform-command.ts";
import { targetMeant } from "./commands/served-target.ts";
import { actorOf } from "./core/actor.ts";
import type { Card } from "./core/card.ts";
import type { CommandLine } from "./core/command-line.ts";
import { nearest } from "./core/nearest.ts";
import { mayActAs } from "./core/operator.ts";
import { createLearningScrubber } from "./core/redaction.ts";
import { runName } from "./core/run-name.ts";
import { openFlightdeck, type Flightdeck } from "./flightdeck.ts";
import { createLogger } from "./logger.ts";
import type { Run } from "./storage/run.ts";

export type CommandOptions = {
  readonly files: readonly [string, ...string[]];
  readonly json: boolean;
};

/**
 * Answers one command of the registry: the same parser, roles and engine as in the chat, on the database of the running
 * instance. The actor is the operator whom the configuration names for this user of the machine.
 */
export async function answerCommand(
  terminal: Terminal,
  typed: CommandLine,
  options: CommandOptions,
): Promise<number> {
  const config = loadFiles(terminal, options.files);
  if (!config) return EXIT.usage;
  const { instance, signal, osUser } = terminal;
  const refuse = (message: string): number => {
    terminal.stderr(`${message}\n`);
    return EXIT.usage;
  };
  const scrubber = createLearningScrubber(config.secrets);
  const logger = createLogger(terminal.stderr, scrubber.scrub);
  if (!config.targets.some(({ settings }) => settings.operators.some((one) => one.os === osUser))) {
    return refuse(nobody(options, osUser));
  }
  const command = commands.find((one) => one.name === typed.name);
  if (!command) return refuse(unknownCommand(typed.name));
  await using flightdeck = await openFlightdeck(
    { config, logger, scrubber, instance, signal },
    "attach",
  );
  const { engine, database, targets } = flightdeck;
  const meant = targetMeant(targets, typed, {});
  if (!meant.ok) return refuse(meant.message);
  const { context, line } = meant;
  const operator = context.operators.find((one) => one.os === osUser);
  if (!operator) return refuse(nobody(options, osUser));
  if (!mayActAs(operator.role, command.role)) {
    return refuse(`${command.name} needs the role ${command.role}; you are ${operator.role}.`);
  }
  const actor = actorOf(operator, "cli");
  const given = { command, line, context, actor, cause: `cli-${randomUUID()}` };
  const answer = await database.transaction(async (tx, now) =>
    performCommand(engine, tx, now, given),
  );
  return await tell(terminal, flightdeck, answer, options.json);
}

function nobody({ files }: CommandOptions, osUser: string): string {
  return (
    `${files[0]} names no operator for the user ${osUser} of this machine; ` +
    `add \`os: ${osUser}\` to the one who you are.`
  );
}

function unknownCommand(name: string): string {
  const meant = nearest(
    name,
    commands.map((one) => one.name),
  );
  return `There is no command ${name}.${meant === undefined ? "" : ` Did you mean ${meant}?`}`;
}

async function tell(
  terminal: Terminal,
  flightdeck: Flightdeck,
  answer: Answer,
  json: boolean,
): Promise<number> {
  switch (answer.kind) {
    case "refused":
      terminal.stderr(`${answer.message}\n`);
      return EXIT.usage;
    case "card":
      tellCard(terminal, answer.card, json);
      return EXIT.ok;
    case "subject": {
      const { subject } = answer;
      const drawing = await flightdeck.database.transaction(async (tx, now) =>
        flightdeck.draw(tx, now, subject),
      );
      if (!drawing) throw new Error(`Nobody knows how to draw ${subject}.`);
      tellCard(terminal, drawing.card, json);
      return EXIT.ok;
    }
    case "guided":
      tellCard(terminal, answer.whole, json);
      return EXIT.ok;
    case "told":
      terminal.stdout(`${answer.message}\n`);
      return EXIT.ok;
    case "counted":
      terminal.stdout(`${answer.message}\n`);
      return answer.run ? follow(terminal, flightdeck, answer.run, json) : EXIT.ok;
    case "run": {
      const { admission } = answer;
      if (admission.kind === "refused") {
        terminal.stderr(`${admission.message}\n`);
        return EXIT.no;
      }
      const { run } = admission;
      if (admission.kind === "busy") {
        terminal.stderr(
          `${runName(run.id)} (${run.operation}) is under way; try again after it.\n`,
        );
        return EXIT.no;
      }
      return follow(terminal, flightdeck, run, json);
    }
  }
}

async function follow(
  terminal: Terminal,
  flightdeck: Flightdeck,
  run: Run,
  json: boolean,
): Promise<number> {
  return tellRun(terminal, flightdeck, await followRun(flightdeck, run.id, terminal), json);
}

function tellCard({ stdout }: Terminal, card: Card, json: boolean): void {
  stdout(`${json ? JSON.stringify(card) : terminalText(card)}\n`);
}
