import { randomUUID } from "node:crypto";

import { exitCodeOf, followRun, tellRun } from "./cli-follow.ts";
import { createCliInput, type CliInput } from "./cli-input.ts";
import { keepMade, makingSources, type MadeSecret } from "./cli-secrets-kept.ts";
import { EXIT, loadFiles, type Terminal } from "./cli-terminal.ts";
import { targetMeant, type TargetContext } from "./commands/served-target.ts";
import type { TargetConfig, ValidConfig } from "./config/load-config.ts";
import { actorOf, type Actor } from "./core/actor.ts";
import type { CommandLine } from "./core/command-line.ts";
import type { Json } from "./core/json.ts";
import { mayActAs } from "./core/operator.ts";
import { createScrubber } from "./core/redaction.ts";
import type { VariableStanding } from "./core/secret-plan.ts";
import { Secret } from "./core/secret.ts";
import { openFlightdeck, type Flightdeck } from "./flightdeck.ts";
import { LOOK, standingsFrom } from "./jobs/rotation/secrets-init-report.ts";
import { createVariables, type ConfiguredVariable } from "./jobs/rotation/secrets-init-settings.ts";
import { createLogger } from "./logger.ts";
import { stepsOf } from "./storage/run-step.ts";
import type { Run } from "./storage/run.ts";

export const SECRETS_USAGE =
  "flightdeck secrets [init [--dry-run]]    what the product needs in Coolify: looked at, or put there\n";

/** What was asked for cannot be done as things are; the message says what would be right. */
class SecretsError extends Error {
  override readonly name = "SecretsError";
}

/** Whether a line asks for values, which no other place than this process may see. */
export function isSecretsInit(line: CommandLine): boolean {
  return line.name === "secrets" && unaddressed(line)[0] === "init";
}

/**
 * Puts into Coolify what the product needs and lacks there: looks first, asks for what only a person knows, and then
 * lets the engine do it, here, with the values in the memory of this process and nowhere else.
 */
export async function initSecrets(
  terminal: Terminal,
  typed: CommandLine,
  files: readonly [string, ...string[]],
): Promise<number> {
  const { "dry-run": dryRun, ...strays } = typed.flags;
  if (unaddressed(typed).length > 1 || Object.keys(strays).length > 0 || (dryRun ?? "") !== "") {
    terminal.stderr(`Usage: ${SECRETS_USAGE}`);
    return EXIT.usage;
  }
  const { sources, made } = makingSources(terminal.sources, files);
  const config = loadFiles({ ...terminal, sources }, files);
  if (!config) return EXIT.usage;
  const stopping = new AbortController();
  const signal = AbortSignal.any([terminal.signal, stopping.signal]);
  using input = createCliInput(terminal.stdin, () => stopping.abort());
  const supplied = new Map<string, Secret>();
  const { instance, osUser } = terminal;
  const logger = createLogger(terminal.stderr, createScrubber(config.secrets));
  await using flightdeck = await openFlightdeck(
    { config, logger, instance, signal, supplied },
    "attach",
  );
  const meant = targetMeant(flightdeck.targets, typed, {});
  if (!meant.ok) return refuse(terminal, meant.message);
  const { context } = meant;
  const actor = actorAt(context, osUser);
  if (typeof actor === "string") return refuse(terminal, actor);
  const variables = createVariables(configOf(config, context).settings.variables);
  if (variables.length === 0) {
    return refuse(terminal, `No variables of ${context.target} are configured.`);
  }
  for (const { name, keep } of variables) {
    if (keep !== undefined) supplied.set(name, new Secret(lineIn(sources.readFile(keep))));
  }
  const order = { ...terminal, signal, flightdeck, context, actor };
  try {
    return await setUp(order, { input, variables, supplied, made, isDry: dryRun !== undefined });
  } catch (error) {
    if (!(error instanceof SecretsError)) throw error;
    terminal.stderr(`${signal.aborted ? "Stopped." : error.message} Nothing was changed.\n`);
    return EXIT.no;
  }
}

type Order = Terminal & {
  readonly flightdeck: Flightdeck;
  readonly context: TargetContext;
  readonly actor: Actor;
};

type SetUp = {
  readonly input: CliInput;
  readonly variables: readonly ConfiguredVariable[];
  readonly supplied: Map<string, Secret>;
  readonly made: ReadonlyMap<string, MadeSecret>;
  readonly isDry: boolean;
};

async function setUp(order: Order, parts: SetUp): Promise<number> {
  const looked = await runHere(order, "secrets", {});
  await tellRun(order, order.flightdeck, looked, false);
  const standings = await standingsOfRun(order, looked);
  if (!standings) return EXIT.unknown;
  const missing = standings.filter((one) => one.missing.length > 0);
  if (missing.length === 0 || parts.isDry) return exitCodeOf(looked);
  demandMendable(standings, parts);
  const { systems } = configOf(order.flightdeck.config, order.context).settings;
  if (systems.coolify?.writeToken === undefined) {
    throw new SecretsError(
      "systems.coolify.writeToken is missing: a token with `read` and `write`.",
    );
  }
  await askFor(order, parts, missing);
  await keepAll(order, parts);
  const done = await runHere(order, "secrets-init", {
    missing: missing.map((one) => ({ ...one })),
  });
  await tellRun(order, order.flightdeck, done, false);
  return exitCodeOf(done);
}

/** What is missing can be put there; what is wrong cannot, for that would overwrite something. */
function demandMendable(standings: readonly VariableStanding[], { variables, made }: SetUp): void {
  const wrong = standings.find(({ problem }) => problem !== undefined);
  if (wrong) throw new SecretsError(`${wrong.name} ${wrong.problem}.`);
  for (const { name, keep } of variables) {
    const standing = standings.find((one) => one.name === name);
    if (keep === undefined || !made.has(keep) || !standing || standing.set.length === 0) continue;
    throw new SecretsError(
      `${name} is set in ${standing.set.join(" and ")}, and ${keep} is not here; put the same value there.`,
    );
  }
}

async function askFor(
  { stderr, signal }: Order,
  { input, variables, supplied }: SetUp,
  missing: readonly VariableStanding[],
): Promise<void> {
  for (const { name, missing: applications, way } of missing) {
    const variable = variables.find((one) => one.name === name);
    if (way !== "asked" || variable?.source.kind !== "asked") continue;
    stderr(
      `${name} for ${applications.join(" and ")}: ${variable.source.what} (it stays unseen)\n`,
    );
    const value = (await input.nextHiddenLine(signal))?.trim() ?? "";
    if (value === "") throw new SecretsError(`No ${name} came from standard input.`);
    if (variable.matches && !variable.matches.test(value)) {
      throw new SecretsError(`That is no ${name}: expected ${variable.matches.source}.`);
    }
    supplied.set(name, new Secret(value));
  }
}

/** First of all the files, so that what Coolify is given is never known to Coolify alone. */
async function keepAll({ stdout }: Order, { variables, made }: SetUp): Promise<void> {
  for (const { keep = "" } of variables) {
    const secret = made.get(keep);
    if (!secret) continue;
    try {
      await keepMade(secret);
    } catch (error) {
      const { code = "unknown error" } = error as NodeJS.ErrnoException;
      throw new SecretsError(`${keep} cannot be written (${code}).`, { cause: error });
    }
    stdout(`Made ${keep}, which only its owner may read.\n`);
  }
}

/** Admits a run and executes it in this very process, where the values are. */
async function runHere(order: Order, operation: string, input: Json): Promise<Run> {
  const { flightdeck, context, actor, signal } = order;
  const { database, engine } = flightdeck;
  const { target } = context;
  const cause = `cli-${randomUUID()}`;
  const admission = await database.transaction(async (tx, now) =>
    engine.admit(tx, now, { target, operation, input, cause, actor }),
  );
  if (admission.kind === "refused") throw new SecretsError(admission.message);
  if (admission.kind === "busy") {
    throw new SecretsError(`Another change (${admission.run.operation}) is under way.`);
  }
  return followRun(flightdeck, admission.run.id, { signal, stderr: order.stderr });
}

async function standingsOfRun(
  { flightdeck }: Order,
  run: Run,
): Promise<readonly VariableStanding[] | undefined> {
  const steps = await flightdeck.database.transaction(async (tx) => stepsOf(tx, run.id));
  return standingsFrom(steps.find(({ name }) => name === LOOK)?.result);
}

/** `@staging` as the first word means another target than the first. */
function unaddressed({ words: [first = "", ...rest] }: CommandLine): readonly string[] {
  return first.startsWith("@") ? rest : [first, ...rest];
}

function configOf({ targets }: ValidConfig, { target }: TargetContext): TargetConfig {
  const config = targets.find(({ settings }) => settings.target === target);
  if (!config) throw new Error(`There is no configuration of ${target}.`);
  return config;
}

function actorAt({ target, operators }: TargetContext, osUser: string): Actor | string {
  const operator = operators.find((one) => one.os === osUser);
  if (!operator) {
    return (
      `No operator of ${target} is the user ${osUser} of this machine; ` +
      `add \`os: ${osUser}\` to the one who you are.`
    );
  }
  if (mayActAs(operator.role, "operator")) return actorOf(operator, "cli");
  return `secrets init needs the role operator; you are ${operator.role}.`;
}

/** Editors and `echo` end a file with a line break that belongs to no secret. */
function lineIn(text: string): string {
  return text.replace(/\r?\n$/, "");
}

function refuse({ stderr }: Terminal, message: string): number {
  stderr(`${message}\n`);
  return EXIT.usage;
}
