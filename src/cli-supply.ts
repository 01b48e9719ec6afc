import { randomUUID } from "node:crypto";

import { createCliInput } from "./cli-input.ts";
import { EXIT, loadFiles, type Terminal } from "./cli-terminal.ts";
import { targetMeant } from "./commands/served-target.ts";
import { actorOf } from "./core/actor.ts";
import type { CommandLine } from "./core/command-line.ts";
import { mayActAs } from "./core/operator.ts";
import { createLearningScrubber } from "./core/redaction.ts";
import { Secret } from "./core/secret.ts";
import { openFlightdeck } from "./flightdeck.ts";
import { createLogger } from "./logger.ts";

export const ROTATE_USAGE = `flightdeck rotate [SECRET] [exposed|back]   a secret replaced, once somebody else has said yes
flightdeck rotate guide SECRET           what a person has to do for one that only a person can make
flightdeck rotate supply SECRET          hands over the new one that a person has made: unseen, or on standard input
`;

/** Whether a line hands over a secret, which must be typed nowhere but here. */
export function isSupply(line: CommandLine): boolean {
  return line.name === "rotate" && unaddressed(line)[0] === "supply";
}

/** Reads a new secret from whoever types it unseen, or from a pipe, and seals it for the rotation that waits for it. */
export async function supplySecret(
  terminal: Terminal,
  typed: CommandLine,
  files: readonly [string, ...string[]],
): Promise<number> {
  const [, secret, ...strays] = unaddressed(typed);
  if (secret === undefined || strays.length > 0 || Object.keys(typed.flags).length > 0) {
    terminal.stderr(
      `Usage: flightdeck rotate supply SECRET, the value on standard input and never behind the command\n`,
    );
    return EXIT.usage;
  }
  const config = loadFiles(terminal, files);
  if (!config) return EXIT.usage;
  const stopping = new AbortController();
  const signal = AbortSignal.any([terminal.signal, stopping.signal]);
  using input = createCliInput(terminal.stdin, () => stopping.abort());
  const { instance, osUser } = terminal;
  const scrubber = createLearningScrubber(config.secrets);
  const logger = createLogger(terminal.stderr, scrubber.scrub);
  await using flightdeck = await openFlightdeck(
    { config, logger, scrubber, instance, signal },
    "attach",
  );
  const meant = targetMeant(flightdeck.targets, typed, {});
  if (!meant.ok) return refuse(terminal, meant.message);
  const { target, operators } = meant.context;
  const operator = operators.find(({ os }) => os === osUser);
  if (!operator || !mayActAs(operator.role, "operator")) {
    const who = operator ? `you are ${operator.role}` : `nobody of ${target} is the user ${osUser}`;
    return refuse(terminal, `rotate supply needs the role operator; ${who}.`);
  }
  terminal.stderr(`The new ${secret} (it stays unseen):\n`);
  const value = (await input.nextHiddenLine(signal))?.trim() ?? "";
  if (value === "") return refuse(terminal, `No ${secret} came from standard input.`);
  const supply = flightdeck.supplies.get(target);
  if (!supply) throw new Error(`There is no configuration of ${target}.`);
  const actor = actorOf(operator, "cli");
  const cause = `cli-${randomUUID()}`;
  const outcome = await supply({ secret, value: new Secret(value), actor, cause });
  if (outcome.kind === "not-awaited") {
    terminal.stderr(`${outcome.message}\n`);
    return EXIT.no;
  }
  terminal.stdout(`${outcome.run} has the new ${secret} (${outcome.fingerprint}) and goes on.\n`);
  return EXIT.ok;
}

/** Without the target that a line may name first. */
function unaddressed({ words }: CommandLine): readonly string[] {
  return words[0]?.startsWith("@") === true ? words.slice(1) : words;
}

function refuse({ stderr }: Terminal, message: string): number {
  stderr(`${message}\n`);
  return EXIT.usage;
}
