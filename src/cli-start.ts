import { randomUUID } from "node:crypto";

import { startApp, type App } from "./app.ts";
import { EXIT, loadFiles, type Terminal } from "./cli-terminal.ts";
import type { ValidConfig } from "./config/load-config.ts";
import { plainCard } from "./core/card.ts";
import { createLearningScrubber } from "./core/redaction.ts";
import { pause } from "./core/waiting.ts";
import { createLogger, type Logger } from "./logger.ts";

type Files = readonly [string, ...string[]];

/** Runs the bot until the signal. At a hang-up the files are read again: valid ones take over, others are refused. */
export async function start(terminal: Terminal, files: Files): Promise<number> {
  const first = loadFiles(terminal, files);
  if (!first) return EXIT.usage;
  let config = first;
  let inForce: ValidConfig | undefined;
  let trouble: string | undefined;
  for (;;) {
    const ended = await serve(terminal, files, { config, inForce, trouble });
    switch (ended.kind) {
      case "stopped":
        return EXIT.ok;
      case "changed":
        inForce = config;
        config = ended.config;
        trouble = undefined;
        break;
      case "did-not-start":
        if (!inForce) throw ended.error;
        // The one that did start once is tried until it starts again: what keeps it may pass.
        trouble = config === inForce ? trouble : messageOf(ended.error);
        config = inForce;
        await pause(RETRY_MS, terminal.signal);
        break;
    }
    if (terminal.signal.aborted) return EXIT.ok;
  }
}

type Service = {
  readonly config: ValidConfig;
  /** The configuration that last did start, if any did. */
  readonly inForce: ValidConfig | undefined;
  /** Why another one did not, while this one goes on in its place. */
  readonly trouble: string | undefined;
};

type Ended =
  | { readonly kind: "stopped" }
  | { readonly kind: "changed"; readonly config: ValidConfig }
  | { readonly kind: "did-not-start"; readonly error: unknown };

/** Serves one configuration until it is to stop, or until another one is to take over. */
async function serve(terminal: Terminal, files: Files, service: Service): Promise<Ended> {
  const { config, inForce, trouble } = service;
  const { instance, signal, hangUp } = terminal;
  const scrubber = createLearningScrubber(config.secrets);
  const logger = createLogger(terminal.stdout, scrubber.scrub);
  let app: App;
  try {
    app = await startApp({ config, logger, scrubber, instance, signal, startAfresh: hangUp.ring });
  } catch (error) {
    if (signal.aborted) {
      logger.info({ target: config.settings.target }, "stopped before it had started");
      return { kind: "stopped" };
    }
    logger.error({ err: error }, "this configuration does not start");
    return { kind: "did-not-start", error };
  }
  await using running = app;
  const { target } = config.settings;
  logger.info({ target, config: config.hash }, "started");
  if (trouble !== undefined) await tellTrouble(running, trouble);
  else if (inForce) await tellChange(running, inForce, config);
  while (!signal.aborted) {
    await hangUp.wait(NEVER_MS, signal);
    if (signal.aborted) break;
    const next = await reload(terminal, files, logger, running);
    if (next) return { kind: "changed", config: next };
  }
  logger.info({ target }, "stopping");
  return { kind: "stopped" };
}

async function tellTrouble(app: App, trouble: string): Promise<void> {
  await app.announce(
    plainCard(
      "⚠️ The changed configuration does not start",
      "The old one stays in force.",
      trouble,
    ),
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const RETRY_MS = 5_000;
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
