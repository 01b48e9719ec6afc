import { join, resolve } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import { drawRoundup } from "./bot/roundup-drawing.ts";
import { roundupMessageOf, type RoundupMessage } from "./bot/roundup-subject.ts";
import type { DrawSubject } from "./bot/sender.ts";
import { createChecks } from "./checks/create-checks.ts";
import { CHECK_CHART, drawCheckChart } from "./commands/alerts.ts";
import type { Command } from "./commands/command.ts";
import { commands as ownCommands } from "./commands/index.ts";
import type { ServedTarget, TargetContext } from "./commands/served-target.ts";
import { drawChart, drawStatus } from "./commands/status.ts";
import type { TargetConfig, ValidConfig } from "./config/load-config.ts";
import { alertCard } from "./core/alert-card.ts";
import { addressedTo } from "./core/card.ts";
import type { Drawing } from "./core/chart.ts";
import { quietWindow } from "./core/maintenance.ts";
import { rosterAt } from "./core/on-call.ts";
import { createScrubber } from "./core/redaction.ts";
import { Secret } from "./core/secret.ts";
import { ALERT_SUBJECT } from "./jobs/alert-subject.ts";
import { alertViewOf, type AlertScene } from "./jobs/alert-view.ts";
import { createCaller, type Caller } from "./jobs/calling.ts";
import { createChecklists } from "./jobs/checklist-settings.ts";
import { createEngine, type Engine, type EngineTarget } from "./jobs/engine.ts";
import { planSmoke } from "./jobs/flow-plan.ts";
import { createOperations } from "./jobs/index.ts";
import { drawLogExport, EXPORT_SUBJECT } from "./jobs/log-export.ts";
import { createMaintenance } from "./jobs/maintenance-settings.ts";
import type { Operation } from "./jobs/operation.ts";
import { recordCommand, type RecordOrigin } from "./jobs/run-record.ts";
import { createSchedules } from "./jobs/schedule-settings.ts";
import { createTargetLog, type TargetLog } from "./jobs/target-log.ts";
import type { WatchedTarget } from "./jobs/watch.ts";
import type { Logger } from "./logger.ts";
import { findRunningPostgres } from "./servers/postgres-running.ts";
import { startPostgres } from "./servers/postgres.ts";
import { findAlert } from "./storage/alert.ts";
import { presentChat } from "./storage/chat-move.ts";
import { openDatabase, type Clock, type Database, type Transaction } from "./storage/database.ts";
import { openLog } from "./storage/evidence.ts";
import { migrate } from "./storage/migrate.ts";
import { earlierSamples, type EarlierSample } from "./storage/sample.ts";
import { originOf } from "./storage/settings.ts";
import { createHttpApi, type HttpApi } from "./systems/http-api.ts";
import { createSystems } from "./systems/index.ts";
import { openSecondPath, type CallPath } from "./systems/second-path.ts";
import { createTroubleReport } from "./trouble-report.ts";

const DATABASE = "flightdeck";
const MEBIBYTE = 1024 * 1024;

export type Parts = {
  readonly config: ValidConfig;
  readonly logger: Logger;
  /** Tells this process from its replicas: host and pid are a good part of it. */
  readonly instance: string;
  readonly signal: AbortSignal;
  /** Asks for a fresh start, for what only that takes up; without it, it waits for the next one. */
  readonly startAfresh?: () => void;
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
  /** What the watch asks, and how it speaks of it. */
  readonly watched: readonly [WatchedTarget, ...WatchedTarget[]];
  readonly origin: RecordOrigin;
  /** The evidence log of every target. */
  readonly logs: readonly TargetLog[];
  /** How a subject looks now, for whoever shows it. */
  readonly draw: DrawSubject;
  readonly scrub: (text: string) => string;
  readonly report: (error: unknown, during: string) => void;
  readonly http: HttpApi;
  /** The ways to reach people beside the chat, and what calls them by these. */
  readonly secondPath: readonly CallPath[];
  readonly caller: Caller;
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
  const origin = { build: packageJson.version, instance: parts.instance, scrub };
  const http = createHttpApi();
  opening.defer(async () => http.close());
  const secondPath = await openSecondPath(http, settings.secondPath);
  const caller = createCaller(secondPath, scrub);
  const shared = { database, opening, parts, scrub, origin, dataFolder, report, caller };
  const first = await openTarget(config.targets[0], shared);
  const targets: [OpenTarget, ...OpenTarget[]] = [first];
  for (const further of config.targets.slice(1)) {
    targets.push(await openTarget(further, shared));
  }
  const engine = createEngine({
    database,
    targets: new Map(targets.map(({ context, engine }) => [context.target, engine])),
    settings: settings.engine,
    origin,
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
    watched: [first.watched, ...targets.slice(1).map(({ watched }) => watched)],
    origin,
    logs: targets.map(({ log }) => log),
    draw: subjects(engine, targets),
    scrub,
    report,
    http,
    secondPath,
    caller,
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

type OpenTarget = ServedTarget & {
  readonly engine: EngineTarget;
  readonly watched: WatchedTarget;
  readonly log: TargetLog;
};

/** One target: its log, its systems, its checks and the operations that use them. */
async function openTarget(
  { settings, hash }: TargetConfig,
  shared: {
    readonly database: Database;
    readonly opening: AsyncDisposableStack;
    readonly parts: Parts;
    readonly scrub: (text: string) => string;
    readonly origin: RecordOrigin;
    readonly dataFolder: string;
    readonly report: (error: unknown, during: string) => void;
    readonly caller: Caller;
  },
): Promise<OpenTarget> {
  const { database, opening, parts, scrub, dataFolder, report } = shared;
  const { target, timeZone, operators, place, evidence } = settings;
  const origin = originOf(evidence, target);
  const configuredChat = place.chat ?? parts.config.settings.telegram.chat;
  const chatId = await database.transaction(async (tx) => {
    await openLog(tx, target, origin);
    return presentChat(tx, configuredChat);
  });

  const systems = opening.use(createSystems(settings.systems));
  const previous = async (check: string, lastMs: number): Promise<readonly EarlierSample[]> =>
    database.transaction(async (tx, now) => earlierSamples(tx, now, { target, check, lastMs }));
  const checks = createChecks(settings.checks, { systems, previous, scrub });
  const known = {
    timeZone,
    configHash: hash,
    place: { chatId, topicId: place.topic, replyTo: undefined },
  };
  const log = createTargetLog({
    ...known,
    database,
    keys: { dataFolder, target, origin, given: evidence.key },
    directory: resolve(evidence.directory),
    rotateAtBytes: evidence.rotateAtMebibytes * MEBIBYTE,
    witness: evidence.witness,
    git: systems.git,
    record: async (tx, now, done) =>
      recordCommand(tx, now, shared.origin, { target, config: hash, ...done }),
    onError: report,
  });
  const operations = [
    ...createOperations({
      checks,
      database,
      target,
      productWebhook: systems.productWebhook,
      smoke: settings.smoke,
      deadLetters: settings.deadLetters,
      systems,
      scrub,
      log,
    }),
    ...(parts.overrides?.operations ?? []),
  ];
  const names = checks.map((check) => check.name);
  const smoke = planSmoke(settings.smoke);
  const maintenance = createMaintenance(settings.maintenance, timeZone);
  const scene: AlertScene = {
    ...known,
    rosterAt: (now) => rosterAt(settings, now),
    escalation: settings.escalation,
    runbookOf: (name) => checks.find((check) => check.name === name)?.runbook,
    hasSmokeFlow: smoke.flow !== undefined,
    maintenanceOf: (check, now) => quietWindow(maintenance, check, now),
  };
  return {
    context: {
      target,
      timeZone,
      checks: names,
      board: checks,
      smoke,
      rosterAt: (now) => rosterAt(settings, now),
      caller: shared.caller,
      checklists: createChecklists(settings.checklists, timeZone),
      schedules: createSchedules(settings.schedules, timeZone),
      operators,
      maintenance,
    },
    chatId,
    topicId: place.topic,
    engine: { ...known, operations },
    watched: { target, checks, ownChecks: [], scene },
    log,
  };
}

/** Draws what the outbox keeps no card for. A new subject is a line here. */
function subjects(engine: Engine, targets: readonly OpenTarget[]): DrawSubject {
  return async (tx, now, subject) => {
    const [kind = "", name = "", id = ""] = subject.split(":");
    if (kind === "run") {
      const card = await engine.cardOf(tx, now, name);
      return card && { card };
    }
    if (kind === ALERT_SUBJECT) return drawAlert(tx, now, name, targets);
    const told = roundupMessageOf(subject);
    if (told) return drawRoundupCard(tx, now, told, targets);
    const meant = targets.find((one) => one.context.target === name);
    if (!meant) return undefined;
    const { context, log } = meant;
    if (kind === EXPORT_SUBJECT) return drawLogExport(tx, now, log);
    const drawing = await drawBoard(kind, tx, now, context, id);
    if (!drawing || targets.length === 1) return drawing;
    return { ...drawing, card: addressedTo(name, drawing.card) };
  };
}

async function drawAlert(
  tx: Transaction,
  now: Date,
  id: string,
  targets: readonly OpenTarget[],
): Promise<Drawing | undefined> {
  const about = await findAlert(tx, id);
  const scene = targets.find(({ context }) => context.target === about?.target)?.watched.scene;
  if (!about || !scene) return undefined;
  const card = alertCard(await alertViewOf(tx, now, about, scene));
  return { card: targets.length > 1 ? addressedTo(about.target, card) : card };
}

async function drawRoundupCard(
  tx: Transaction,
  now: Date,
  message: RoundupMessage,
  targets: readonly OpenTarget[],
): Promise<Drawing | undefined> {
  const drawn = await drawRoundup(
    tx,
    now,
    message,
    (target) => targets.find(({ context }) => context.target === target)?.watched.scene,
  );
  if (!drawn) return undefined;
  return { card: targets.length > 1 ? addressedTo(drawn.target, drawn.card) : drawn.card };
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
    case CHECK_CHART:
      return drawCheckChart(tx, now, context, id);
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
