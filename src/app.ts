import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import { chartPicture } from "./bot/chart-picture.ts";
import type { GateRules } from "./bot/gate.ts";
import { ownUsername } from "./bot/introduction.ts";
import { keepMenus } from "./bot/menus.ts";
import { pollUpdates } from "./bot/polling.ts";
import { createRefusalTally } from "./bot/refusal-tally.ts";
import { routeInbox } from "./bot/router.ts";
import { sendDue, type DrawSubject } from "./bot/sender.ts";
import { createTelegram } from "./bot/telegram.ts";
import { keepWebhook } from "./bot/webhook-registration.ts";
import { outlastWebhook } from "./bot/webhook-removal.ts";
import { startWebhook } from "./bot/webhook.ts";
import { createChecks } from "./checks/create-checks.ts";
import type { Command } from "./commands/command.ts";
import { commands as ownCommands } from "./commands/index.ts";
import type { ServedTarget, TargetContext } from "./commands/served-target.ts";
import { drawChart, drawStatus } from "./commands/status.ts";
import type { TargetConfig, ValidConfig } from "./config/load-config.ts";
import { addressedTo, type Card } from "./core/card.ts";
import type { Drawing } from "./core/chart.ts";
import { createScrubber } from "./core/redaction.ts";
import { Secret } from "./core/secret.ts";
import { createBell } from "./core/waiting.ts";
import { createEngine, type Engine, type EngineTarget } from "./jobs/engine.ts";
import { keepHouse } from "./jobs/housekeeping.ts";
import { createOperations } from "./jobs/index.ts";
import type { Operation } from "./jobs/operation.ts";
import { startQueue } from "./jobs/queue.ts";
import { reconcile } from "./jobs/reconciler.ts";
import type { Logger } from "./logger.ts";
import { findRunningPostgres } from "./servers/postgres-running.ts";
import { startPostgres } from "./servers/postgres.ts";
import { startRedis } from "./servers/redis.ts";
import { openDatabase, type Clock, type Database, type Transaction } from "./storage/database.ts";
import { openLog } from "./storage/evidence.ts";
import { createInbox, INBOX_CHANNEL } from "./storage/inbox.ts";
import { startLeadership, type Duties } from "./storage/leadership.ts";
import { migrate } from "./storage/migrate.ts";
import { answer, OUTBOX_CHANNEL } from "./storage/outbox.ts";
import type { Run } from "./storage/run.ts";
import { earlierSamples, forgetSamples, type EarlierSample } from "./storage/sample.ts";
import { keptSealKey } from "./storage/seal-key.ts";
import { createSeal } from "./storage/seal.ts";
import { createSystems } from "./systems/index.ts";
import { createTroubleReport } from "./trouble-report.ts";

const DATABASE = "flightdeck";

export type Parts = {
  readonly config: ValidConfig;
  readonly logger: Logger;
  /** Tells this process from its replicas: host and pid are a good part of it. */
  readonly instance: string;
  readonly signal: AbortSignal;
  /** What a test puts in place of, or beside, our own. */
  readonly overrides?: {
    readonly operations?: readonly Operation[];
    readonly commands?: readonly Command[];
    readonly clock?: Clock;
  };
};

/** The part that the bot and the command line share: storage, checks and the engine; nothing runs by itself yet. */
export type Flightdeck = AsyncDisposable & {
  readonly config: ValidConfig;
  readonly database: Database;
  readonly databaseUrl: Secret;
  /** Absolute: what is started in it may run elsewhere. */
  readonly dataFolder: string;
  readonly engine: Engine;
  readonly commands: readonly Command[];
  /** Every target that is served, the first file's first. */
  readonly targets: readonly [ServedTarget, ...ServedTarget[]];
  /** How a subject looks now, for whoever shows it. */
  readonly draw: DrawSubject;
  readonly scrub: (text: string) => string;
  readonly report: (error: unknown, during: string) => void;
};

/**
 * Builds the shared part. With `servers: "attach"` it joins the database of a running instance and starts one of its
 * own only when there is none.
 *
 * @throws {ServerError | SystemError | NewerSchemaError | ForeignLogError} with what to do about it
 */
export async function openFlightdeck(
  parts: Parts,
  servers: "start" | "attach",
): Promise<Flightdeck> {
  const { config, logger, overrides = {} } = parts;
  const { settings } = config;
  await using opening = new AsyncDisposableStack();
  const scrub = createScrubber(config.secrets);
  const report = createTroubleReport(logger);

  const dataFolder = resolve(settings.data);
  const databaseUrl = settings.database ?? (await ownDatabase(parts, dataFolder, servers, opening));
  await migrate(databaseUrl, (message) => logger.warn({}, message));
  const clock = overrides.clock ?? ((now: Date) => now);
  const database = opening.use(
    openDatabase({ url: databaseUrl, clock, onIdleError: (error) => report(error, "idling") }),
  );
  const first = await openTarget(config.targets[0], { database, opening, parts, scrub });
  const targets: [OpenTarget, ...OpenTarget[]] = [first];
  for (const further of config.targets.slice(1)) {
    targets.push(await openTarget(further, { database, opening, parts, scrub }));
  }
  const engine = createEngine({
    database,
    targets: new Map(targets.map(({ context, engine }) => [context.target, engine])),
    settings: settings.engine,
    origin: { build: packageJson.version, instance: parts.instance, scrub },
    onError: report,
  });

  const opened = opening.move();
  return {
    config,
    database,
    databaseUrl,
    dataFolder,
    engine,
    commands: [...ownCommands, ...(overrides.commands ?? [])],
    targets,
    draw: subjects(engine, targets),
    scrub,
    report,
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

type OpenTarget = ServedTarget & { readonly engine: EngineTarget };

/** One target: its log, its systems, its checks and the operations that use them. */
async function openTarget(
  { settings, hash }: TargetConfig,
  shared: {
    readonly database: Database;
    readonly opening: AsyncDisposableStack;
    readonly parts: Parts;
    readonly scrub: (text: string) => string;
  },
): Promise<OpenTarget> {
  const { database, opening, parts, scrub } = shared;
  const { target, timeZone, operators, place } = settings;
  const origin = settings.evidence.origin ?? `flightdeck/evidence/${target}`;
  await database.transaction(async (tx) => openLog(tx, target, origin));

  const systems = opening.use(createSystems(settings.systems));
  const previous = async (check: string, lastMs: number): Promise<readonly EarlierSample[]> =>
    database.transaction(async (tx, now) => earlierSamples(tx, now, { target, check, lastMs }));
  const checks = createChecks(settings.checks, { systems, previous, scrub });
  const operations = [
    ...createOperations({ checks, database, target, productWebhook: systems.productWebhook }),
    ...(parts.overrides?.operations ?? []),
  ];
  const names = checks.map((check) => check.name);
  return {
    context: { target, timeZone, checks: names, board: checks, operators },
    chatId: place.chat ?? parts.config.settings.telegram.chat,
    topicId: place.topic,
    engine: { operations, timeZone, configHash: hash },
  };
}

/** A running Flightdeck: bot, engine and duties. Disposing of it stops taking in, then working, then storing. */
export type App = AsyncDisposable & {
  readonly flightdeck: Flightdeck;
  /** What the gate turned away since the start. */
  readonly refusals: () => Readonly<Record<string, number>>;
  /** Says something in the chat of every target. */
  announce(card: Card): Promise<void>;
};

/** Starts everything in the order in which it depends on one another; closing runs backwards. */
export async function startApp(parts: Parts): Promise<App> {
  const { logger } = parts;
  await using starting = new AsyncDisposableStack();
  const flightdeck = starting.use(await openFlightdeck(parts, "start"));
  const { database, engine, commands, targets, draw, scrub, report: onError } = flightdeck;
  const { telegram, engine: timing, ...settings } = parts.config.settings;

  const queue = starting.use(
    startQueue({
      url: settings.redis ?? (await ownRedis(parts, flightdeck.dataFolder, starting)),
      prefix: `flightdeck-${settings.target}`,
      concurrency: timing.concurrency,
      execute: engine.execute,
      onError,
    }),
  );
  const dispatch = (run: Run, now: Date): void => {
    // Without Redis the reconciler sees to it.
    queue.add(run, now).catch((error: unknown) => onError(error, "waking the queue"));
  };

  const api = createTelegram(telegram);
  const sealKey = settings.sealKey ?? (await keptSealKey(flightdeck.dataFolder));
  const botId = botIdOf(telegram.token);
  const inbox = createInbox(botId, createSeal(sealKey));
  const inboxBell = createBell();
  const outboxBell = createBell();
  const tally = createRefusalTally((refused) => logger.info({ refused }, "turned away"));

  const shared = { api, database, onError };
  const intake = { database, inbox, tally };
  const { webhook } = telegram;

  const duties: Duties = async (signal, notified) => {
    notified(OUTBOX_CHANNEL, outboxBell.ring);
    notified(INBOX_CHANNEL, inboxBell.ring);
    const fetchUpdates = async (): Promise<void> => {
      const botUsername = await ownUsername(api, onError, signal);
      if (botUsername === undefined) return;
      const rules = gateRules(targets, botUsername);
      const outlast = async (until: AbortSignal): Promise<void> =>
        outlastWebhook({ ...shared, botId }, until);
      await pollUpdates({ ...shared, ...intake, rules, outlastWebhook: outlast }, signal);
    };
    const routing = {
      inbox,
      bell: inboxBell,
      outboxBell,
      commands,
      targets,
      engine,
      dispatch,
      tally,
    };
    await Promise.all([
      webhook ? keepWebhook({ ...shared, botId, webhook }, signal) : fetchUpdates(),
      routeInbox({ ...shared, ...routing }, signal),
      sendDue(
        {
          ...shared,
          scrub,
          bell: outboxBell,
          groupPerMinute: telegram.messagesPerMinute,
          draw,
          paint: chartPicture,
        },
        signal,
      ),
      reconcile({ ...shared, queue, engine, settings: timing }, signal),
      keepHouse(database, [inbox.forget, forgetSamples], onError, signal),
      keepMenus({ api, commands, targets, onError }, signal),
    ]);
  };
  starting.use(
    startLeadership({
      url: flightdeck.databaseUrl,
      channels: [OUTBOX_CHANNEL, INBOX_CHANNEL],
      leaseMs: timing.lease,
      duties,
      onChange: (leads, error) => logger.info({ leads, err: error }, "leadership"),
    }),
  );

  if (webhook) {
    const rulesFor = (botUsername: string): GateRules => gateRules(targets, botUsername);
    starting.use(await startWebhook({ ...shared, ...intake, webhook, rulesFor }));
  }

  const started = starting.move();
  return {
    flightdeck,
    refusals: tally.counts,
    announce: async (card) =>
      database.transaction(async (tx, now) => {
        for (const { context, chatId, topicId } of targets) {
          const subject = `notice:${context.target}:${randomUUID()}`;
          await answer(tx, now, subject, { chatId, topicId, replyTo: undefined }, card);
        }
      }),
    [Symbol.asyncDispose]: async () => started.disposeAsync(),
  };
}

/** The gate hears the chats of all targets and the people who are somebody to any of them. */
function gateRules(targets: readonly ServedTarget[], botUsername: string): GateRules {
  return {
    chatIds: targets.map(({ chatId }) => chatId),
    operators: targets.flatMap(({ context }) => context.operators),
    botUsername,
  };
}

/** Draws what the outbox keeps no card for. A new subject is a line here. */
function subjects(engine: Engine, targets: readonly ServedTarget[]): DrawSubject {
  return async (tx, now, subject) => {
    const [kind = "", name = "", id = ""] = subject.split(":");
    if (kind === "run") {
      const card = await engine.cardOf(tx, now, name);
      return card && { card };
    }
    const context = targets.find((one) => one.context.target === name)?.context;
    if (!context) return undefined;
    const drawing = await drawBoard(kind, tx, now, context, id);
    if (!drawing || targets.length === 1) return drawing;
    return { ...drawing, card: addressedTo(name, drawing.card) };
  };
}

async function drawBoard(
  kind: string,
  tx: Transaction,
  now: Date,
  context: TargetContext,
  id: string,
): Promise<Drawing | undefined> {
  switch (kind) {
    case "status":
      return drawStatus(tx, now, context, id);
    case "chart":
      return drawChart(tx, now, context);
    default:
      return undefined;
  }
}

async function ownDatabase(
  parts: Parts,
  dataFolder: string,
  servers: "start" | "attach",
  opening: AsyncDisposableStack,
): Promise<Secret> {
  const directory = join(dataFolder, "postgres");
  const running = servers === "attach" ? await findRunningPostgres(directory) : undefined;
  if (running) return new Secret(running.url(DATABASE));
  const server = opening.use(
    await startPostgres({ directory, durable: true, signal: parts.signal }),
  );
  await server.ensureDatabase(DATABASE);
  return new Secret(server.url(DATABASE));
}

async function ownRedis(
  parts: Parts,
  dataFolder: string,
  starting: AsyncDisposableStack,
): Promise<Secret> {
  const directory = join(dataFolder, "redis");
  const server = starting.use(await startRedis({ directory, durable: true, signal: parts.signal }));
  return new Secret(server.url());
}

/** Telegram puts the bot's user id in front of the token's colon. */
function botIdOf(token: Secret): number {
  return Number(token.reveal().split(":")[0]);
}
