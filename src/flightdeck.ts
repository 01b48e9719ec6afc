import { resolve } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import type { DrawSubject } from "./bot/sender.ts";
import { createSubjects } from "./bot/subjects.ts";
import type { Command } from "./commands/command.ts";
import { commands as ownCommands } from "./commands/index.ts";
import type { ServedTarget } from "./commands/served-target.ts";
import type { TargetConfig, ValidConfig } from "./config/load-config.ts";
import { deriveApprovalKeys, type ApprovalKeys } from "./core/approval-bond.ts";
import { createLearningScrubber, type LearningScrubber } from "./core/redaction.ts";
import type { Secret } from "./core/secret.ts";
import { together } from "./core/waiting.ts";
import { createEngine, type Engine } from "./jobs/engine/engine.ts";
import type { RecordOrigin } from "./jobs/engine/run-record.ts";
import type { TargetLog } from "./jobs/evidence/target-log.ts";
import type { Operation } from "./jobs/operation.ts";
import type { TriggerTarget } from "./jobs/rollback/rollback-triggers.ts";
import type { Supply } from "./jobs/rotation/rotation-supply.ts";
import { createCaller, type Caller } from "./jobs/watch/calling.ts";
import type { WatchedTarget } from "./jobs/watch/watch.ts";
import type { Logger } from "./logger.ts";
import { ownDatabase } from "./own-servers.ts";
import { openDatabase, type Clock, type Database } from "./storage/database.ts";
import { migrate } from "./storage/migrate.ts";
import { keptSealKey } from "./storage/seal-key.ts";
import { createHttpApi, type HttpApi } from "./systems/http-api.ts";
import { openSecondPath, type CallPath } from "./systems/second-path.ts";
import { botIdOf } from "./systems/telegram-bot.ts";
import { openTarget, type Target } from "./target.ts";
import { createTroubleReport } from "./trouble-report.ts";

export type Parts = {
  readonly config: ValidConfig;
  readonly logger: Logger;
  /** What the logger masks by, so that it too masks what comes to be known later; by default one that nobody else has. */
  readonly scrubber?: LearningScrubber;
  /** Tells this process from its replicas: host and pid are a good part of it. */
  readonly instance: string;
  readonly signal: AbortSignal;
  /** Asks for a fresh start, for what only that takes up; without it, it waits for the next one. */
  readonly startAfresh?: () => void;
  /** Values for variables of the target that a person has typed at this very terminal; they never leave this process. */
  readonly supplied?: ReadonlyMap<string, Secret>;
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
  /** What seals stored updates and proves approvals; made when it is first asked for. */
  readonly sealKey: () => Promise<Secret>;
  readonly commands: readonly Command[];
  /** Every target that is served, the first file's first. */
  readonly targets: readonly [ServedTarget, ...ServedTarget[]];
  /** What the watch asks, and how it speaks of it. */
  readonly watched: readonly [WatchedTarget, ...WatchedTarget[]];
  readonly origin: RecordOrigin;
  /** The evidence log of every target. */
  readonly logs: readonly TargetLog[];
  readonly triggers: readonly TriggerTarget[];
  /** Takes new secrets that people have made, by the name of the target. */
  readonly supplies: ReadonlyMap<string, Supply>;
  /** Notices that another process has replaced a file of a secret that this one has read. */
  watchOwnCopies(until: AbortSignal): Promise<void>;
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
  const { scrub, learn } = parts.scrubber ?? createLearningScrubber(config.secrets);
  const report = createTroubleReport(logger);

  const dataFolder = resolve(settings.data);
  const databaseUrl =
    settings.database ??
    (await ownDatabase({ dataFolder, signal: parts.signal, opening }, servers));
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
  const sealKey = async (): Promise<Secret> => settings.sealKey ?? keptSealKey(dataFolder);
  const shared = {
    database,
    dataFolder,
    chat: settings.telegram.chat,
    caller,
    origin,
    scrub,
    report,
    operations: overrides.operations ?? [],
    supplied: parts.supplied ?? new Map<string, Secret>(),
    sealKey,
    learn,
    held: config.secrets,
    readAnew: () => parts.startAfresh?.(),
  };
  const open = async (target: TargetConfig): Promise<Target> =>
    opening.use(await openTarget(target, shared));
  const [firstFile, ...furtherFiles] = config.targets;
  const first = await open(firstFile);
  const targets: [Target, ...Target[]] = [first];
  for (const file of furtherFiles) targets.push(await open(file));
  let keys: Promise<ApprovalKeys> | undefined;
  const approvals = {
    botId: botIdOf(settings.telegram.token),
    keys: async () => (keys ??= sealKey().then(deriveApprovalKeys)),
  };
  const engine = createEngine({
    database,
    approvals,
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
    sealKey,
    commands: [...ownCommands, ...(overrides.commands ?? [])],
    targets,
    watched: [first.watched, ...targets.slice(1).map(({ watched }) => watched)],
    origin,
    logs: targets.map(({ log }) => log),
    triggers: targets.map(({ triggers }) => triggers),
    supplies: new Map(targets.map(({ context, supply }) => [context.target, supply])),
    watchOwnCopies: async (until) =>
      together(
        until,
        targets.map((target) => target.watchOwnCopies),
      ),
    draw: createSubjects(engine, targets),
    scrub,
    report,
    http,
    secondPath,
    caller,
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}
