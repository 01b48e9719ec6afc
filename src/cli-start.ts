import { randomUUID } from "node:crypto";

import { startApp, type App } from "./app.ts";
import { EXIT, loadFiles, type Terminal } from "./cli-terminal.ts";
import type { ValidConfig } from "./config/load-config.ts";
import { plainCard } from "./core/card.ts";
import { createScrubber } from "./core/redaction.ts";
import { createLogger, type Logger } from "./logger.ts";

type Files = readonly [string, ...string[]];

/** Runs the bot until the signal. At a hang-up the files are read again: valid ones take over, others are refused. */
export async function start(terminal: Terminal, files: Files): Promise<number> {
  const first = loadFiles(terminal, files);
  if (!first) return EXIT.usage;
  let config = first;
  let before: ValidConfig | undefined;
  for (;;) {
    const next = await serve(terminal, files, config, before);
    if (next === "stop") return EXIT.ok;
    before = config;
    config = next;
  }
}

/** Serves one configuration until it is to stop, or until another one is to take over. */
async function serve(
  terminal: Terminal,
  files: Files,
  config: ValidConfig,
  before: ValidConfig | undefined,
): Promise<ValidConfig | "stop"> {
  const { instance, signal } = terminal;
  const logger = createLogger(terminal.stdout, createScrubber(config.secrets));
  let app: App;
  try {
    app = await startApp({ config, logger, instance, signal, startAfresh: terminal.hangUp.ring });
  } catch (error) {
    if (!before || signal.aborted) throw error;
    logger.error({ err: error }, "the new configuration does not start; going back to the old one");
    return before;
  }
  await using running = app;
  const { target } = config.settings;
  logger.info({ target, config: config.hash }, "started");
  if (before) await tellChange(running, before, config);
  while (!signal.aborted) {
    await terminal.hangUp.wait(NEVER_MS, signal);
    if (signal.aborted) break;
    const next = await reload(terminal, files, logger, running);
    if (next) return next;
  }
  logger.info({ target }, "stopping");
  return "stop";
}

const NEVER_MS = 2 ** 31 - 1;

async function reload(
  terminal: Terminal,
  files: Files,
  logger: Logger,
  app: App,
): Promise<ValidConfig | undefined> {
  const problems: string[] = [];
  const next = loadFiles({ ...terminal, stderr: (text) => problems.push(text) }, files);
  if (next) return next;
  const told = problems.join("\n").split("\n");
  logger.error({ problems: told }, "the changed configuration is refused; the old one stays");
  await app.announce(
    plainCard("⚠️ The changed configuration is refused", "The old one stays in force.", ...told),
  );
  return undefined;
}

/** What changed is an entry of every target whose file did. */
async function tellChange(app: App, before: ValidConfig, after: ValidConfig): Promise<void> {
  const { database, engine } = app.flightdeck;
  const cause = `reload-${randomUUID()}`;
  for (const { settings, hash } of after.targets) {
    const old = before.targets.find((one) => one.settings.target === settings.target)?.hash;
    if (old === hash) continue;
    await database.transaction(async (tx, now) =>
      engine.recordCommand(tx, now, {
        target: settings.target,
        operation: "reload",
        cause,
        actor: { via: "flightdeck", name: "reload" },
        event: {
          kind: "config.changed",
          result: "changed",
          facts: { from: old ?? "none", to: hash },
        },
      }),
    );
  }
}
