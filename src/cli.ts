import { randomUUID } from "node:crypto";

import { openFlightdeck, startApp, type Flightdeck } from "./app.ts";
import type { Answer, CommandContext } from "./commands/command.ts";
import { configSchema, loadConfigs, type ValidConfig } from "./config/load-config.ts";
import { formatProblems } from "./config/problem.ts";
import type { ReferenceSources } from "./config/references.ts";
import { actorOf } from "./core/actor.ts";
import { cardText } from "./core/card-text.ts";
import type { Card } from "./core/card.ts";
import { parseCommandLine, type CommandLine } from "./core/command-line.ts";
import { nearest } from "./core/nearest.ts";
import { mayActAs } from "./core/operator.ts";
import { createScrubber } from "./core/redaction.ts";
import { runName } from "./core/run-name.ts";
import { pause } from "./core/waiting.ts";
import { createLogger } from "./logger.ts";
import { stepsOf } from "./storage/run-step.ts";
import { findRun, type Run } from "./storage/run.ts";

/** Everything of the process that the command line needs. */
export type Terminal = {
  readonly argv: readonly string[];
  readonly sources: ReferenceSources;
  readonly osUser: string;
  readonly instance: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly signal: AbortSignal;
};

/** Exit codes, so that CI can gate on an answer. */
export const EXIT = { ok: 0, no: 1, unknown: 2, usage: 3 } as const;

const DEFAULT_FILE = "ops/production.yaml";
const LOOK_AGAIN_MS = 500;

/** Runs one command line to its end and returns the exit code. */
export async function runCommandLine(terminal: Terminal): Promise<number> {
  const { options, rest } = takeOptions(terminal.argv);
  const line = parseCommandLine(rest);
  try {
    switch (line.name) {
      case "":
      case "help":
        terminal.stdout(USAGE);
        return line.name === "" ? EXIT.usage : EXIT.ok;
      case "config":
        return configCommand(terminal, line, options);
      case "start":
        return await start(terminal, line.words[0] ?? options.file);
      default:
        return await answerCommand(terminal, line, options);
    }
  } catch (error) {
    terminal.stderr(`${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.no;
  }
}

const USAGE = `flightdeck start [FILE]                  run the bot
flightdeck status                        how the target stands, from the newest samples
flightdeck preflight [check…] [--json]   0 GO, 1 NO-GO, 2 UNKNOWN, 3 usage
flightdeck evidence show [N]             the newest entries
flightdeck runs [RUN] · cancel RUN · whoami
flightdeck config check [FILE]           every problem of a configuration
flightdeck config schema                 JSON Schema for editors

FILE is ${DEFAULT_FILE} by default; --config FILE names another.
`;

type Options = { readonly file: string; readonly json: boolean };

/** `--config FILE` and `--json` belong to the terminal; all else belongs to the command. */
function takeOptions(argv: readonly string[]): {
  readonly options: Options;
  readonly rest: readonly string[];
} {
  const rest: string[] = [];
  let file = DEFAULT_FILE;
  let json = false;
  for (let index = 0; index < argv.length; index += 1) {
    const token = argv[index] ?? "";
    if (token === "--json") json = true;
    else if (token === "--config") file = argv[(index += 1)] ?? "";
    else rest.push(token);
  }
  return { options: { file, json }, rest };
}

function configCommand(terminal: Terminal, line: CommandLine, options: Options): number {
  const [verb, file = options.file] = line.words;
  if (verb === "schema") {
    terminal.stdout(`${JSON.stringify(configSchema, undefined, 2)}\n`);
    return EXIT.ok;
  }
  if (verb !== "check") {
    terminal.stderr("Usage: flightdeck config check [FILE] | flightdeck config schema\n");
    return EXIT.usage;
  }
  const config = load(terminal, file);
  if (!config) return EXIT.no;
  const { target, checks } = config.settings;
  terminal.stdout(`${file} is valid: ${target}, ${Object.keys(checks).length} checks.\n`);
  return EXIT.ok;
}

function load(terminal: Terminal, file: string): ValidConfig | undefined {
  const loaded = loadConfigs([file], terminal.sources);
  if (loaded.ok) return loaded;
  for (const wrong of loaded.files) terminal.stderr(formatProblems(wrong.problems, wrong.file));
  return undefined;
}

async function start(terminal: Terminal, file: string): Promise<number> {
  const config = load(terminal, file);
  if (!config) return EXIT.usage;
  const { instance, signal } = terminal;
  const logger = createLogger(terminal.stdout, createScrubber(config.secrets));
  await using app = await startApp({ config, logger, instance, signal });
  const { target } = app.flightdeck.context;
  logger.info({ target, config: config.hash }, "started");
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await stopped;
  logger.info({ target }, "stopping");
  return EXIT.ok;
}

async function answerCommand(
  terminal: Terminal,
  line: CommandLine,
  options: Options,
): Promise<number> {
  const config = load(terminal, options.file);
  if (!config) return EXIT.usage;
  const { instance, signal } = terminal;
  const logger = createLogger(terminal.stderr, createScrubber(config.secrets));
  const operator = config.settings.operators.find((one) => one.os === terminal.osUser);
  if (!operator) {
    terminal.stderr(
      `${options.file} names no operator for the user ${terminal.osUser} of this machine; ` +
        `add \`os: ${terminal.osUser}\` to the one who you are.\n`,
    );
    return EXIT.usage;
  }
  const actor = actorOf(operator, "cli");
  await using flightdeck = await openFlightdeck({ config, logger, instance, signal }, "attach");
  const command = flightdeck.commands.find((one) => one.name === line.name);
  if (!command) {
    const meant = nearest(
      line.name,
      flightdeck.commands.map((one) => one.name),
    );
    const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
    terminal.stderr(`There is no command ${line.name}.${hint}\n${USAGE}`);
    return EXIT.usage;
  }
  if (!mayActAs(operator.role, command.role)) {
    terminal.stderr(`${command.name} needs the role ${command.role}; you are ${operator.role}.\n`);
    return EXIT.usage;
  }
  const { database } = flightdeck;
  const cause = `cli-${randomUUID()}`;
  const answer = await database.transaction(async (tx, now) => {
    const context: CommandContext = {
      ...flightdeck.context,
      tx,
      now,
      actor,
      cause,
      engine: flightdeck.engine,
      start: async (operation, input) =>
        flightdeck.engine.admit(tx, now, { operation, input, cause, actor }),
    };
    return command.answer(context, line);
  });
  return await tell(terminal, flightdeck, answer, options.json);
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
    case "run": {
      const { run } = answer.admission;
      if (answer.admission.kind === "busy") {
        terminal.stderr(
          `${runName(run.id)} (${run.operation}) is under way; try again after it.\n`,
        );
        return EXIT.no;
      }
      const ended = await executeToEnd(flightdeck, run.id, terminal.signal);
      terminal.stdout(
        json ? await runAsJson(flightdeck, ended) : await runAsText(flightdeck, ended),
      );
      return exitCodeOf(ended);
    }
  }
}

function tellCard({ stdout }: Terminal, card: Card, json: boolean): void {
  stdout(`${json ? JSON.stringify(card) : cardText(card)}\n`);
}

/** Executes the run here, or waits for whoever in the running instance was quicker. */
async function executeToEnd(
  { database, engine }: Flightdeck,
  runId: string,
  signal: AbortSignal,
): Promise<Run> {
  for (;;) {
    await engine.execute(runId, signal);
    const run = await database.transaction(async (tx) => findRun(tx, runId));
    if (!run) throw new Error(`${runName(runId)} is gone from the database.`);
    if (run.state !== "waiting" && run.state !== "running") return run;
    if (signal.aborted) throw new Error(`Stopped while ${runName(runId)} was under way.`);
    await pause(LOOK_AGAIN_MS, signal);
  }
}

async function runAsText({ database, engine }: Flightdeck, run: Run): Promise<string> {
  const card = await database.transaction(async (tx, now) => engine.cardOf(tx, now, run.id));
  return card ? `${cardText(card)}\n` : `${runName(run.id)} ${run.state}\n`;
}

async function runAsJson({ database, scrub }: Flightdeck, run: Run): Promise<string> {
  const steps = await database.transaction(async (tx) => stepsOf(tx, run.id));
  const { operation, target, state, verdict, reason } = run;
  const told = {
    run: runName(run.id),
    operation,
    target,
    state,
    verdict,
    reason,
    steps: steps.map(({ name, state, result, error }) => ({ name, state, result, error })),
  };
  return `${scrub(JSON.stringify(told))}\n`;
}

function exitCodeOf(run: Run): number {
  if (run.state === "unknown" || run.verdict === "UNKNOWN") return EXIT.unknown;
  return run.state === "ok" && run.verdict !== "NO-GO" ? EXIT.ok : EXIT.no;
}
