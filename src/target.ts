import { randomInt } from "node:crypto";
import { join, resolve } from "node:path";

import type { DrillsSoFar, ReviewsOwed, SecretsKept } from "./checks/check-kind.ts";
import { createChecks } from "./checks/create-checks.ts";
import type { ServedTarget } from "./commands/served-target.ts";
import type { TargetConfig } from "./config/load-config.ts";
import { shownFingerprint } from "./core/fingerprint.ts";
import { quietWindow } from "./core/maintenance.ts";
import { rosterAt } from "./core/on-call.ts";
import type { Secret } from "./core/secret.ts";
import type { BackupParts } from "./jobs/backup/backup-parts.ts";
import { createChecklists } from "./jobs/checklist/checklist-settings.ts";
import type { DeployParts } from "./jobs/deploy/deploy-steps.ts";
import { bucketShelf } from "./jobs/drill/drill-shelf.ts";
import type { DrillParts } from "./jobs/drill/drill.ts";
import type { EngineTarget } from "./jobs/engine/engine.ts";
import { recordCommand, type RecordOrigin } from "./jobs/engine/run-record.ts";
import { createTargetLog, type TargetLog } from "./jobs/evidence/target-log.ts";
import { createOperations } from "./jobs/index.ts";
import type { Operation } from "./jobs/operation.ts";
import { createBreakGlassWord } from "./jobs/rollback/rollback-break-glass.ts";
import type { RollbackParts } from "./jobs/rollback/rollback-steps.ts";
import { createRollbackRules } from "./jobs/rollback/rollback-trigger-settings.ts";
import { findReleaseBefore, type TriggerTarget } from "./jobs/rollback/rollback-triggers.ts";
import { watchOwnCopies } from "./jobs/rotation/rotation-own-copy.ts";
import type { RotationParts } from "./jobs/rotation/rotation-steps.ts";
import { createSupply, handedOverSecrets, type Supply } from "./jobs/rotation/rotation-supply.ts";
import { secretsKept } from "./jobs/rotation/rotations.ts";
import { createVariables } from "./jobs/rotation/secrets-init-settings.ts";
import { createSchedules } from "./jobs/schedule/schedule-settings.ts";
import { planSmoke } from "./jobs/smoke/flow-plan.ts";
import type { AlertScene } from "./jobs/watch/alert-view.ts";
import type { Caller } from "./jobs/watch/calling.ts";
import { createMaintenance } from "./jobs/watch/maintenance-settings.ts";
import { createRemedies } from "./jobs/watch/remedies.ts";
import type { WatchedTarget } from "./jobs/watch/watch.ts";
import { presentChat } from "./storage/chat-move.ts";
import type { Database } from "./storage/database.ts";
import { newestDrills } from "./storage/drill.ts";
import { openLog } from "./storage/evidence.ts";
import { keptHandOverIdentity } from "./storage/hand-over-key.ts";
import type { Place } from "./storage/outbox.ts";
import { openReviews } from "./storage/review.ts";
import { earlierSamples, type EarlierSample } from "./storage/sample.ts";
import { rotationAges } from "./storage/secret-rotation.ts";
import { originOf } from "./storage/settings.ts";
import { recipientOf } from "./systems/age.ts";
import { createSystems, type Systems } from "./systems/index.ts";

const MEBIBYTE = 1024 * 1024;

/** What the targets of a process share. */
export type TargetParts = {
  readonly database: Database;
  /** Absolute. */
  readonly dataFolder: string;
  /** Where a target is talked about that has no chat of its own. */
  readonly chat: number;
  readonly caller: Caller;
  readonly origin: RecordOrigin;
  readonly scrub: (text: string) => string;
  readonly report: (error: unknown, during: string) => void;
  /** Beside our own. */
  readonly operations: readonly Operation[];
  /** Values that a terminal holds ready, in its own process alone. */
  readonly supplied: ReadonlyMap<string, Secret>;
  readonly sealKey: () => Promise<Secret>;
  /** Has a secret masked from now on that came to be known after the start. */
  readonly learn: (secret: Secret) => void;
  /** Every secret of the configuration. */
  readonly held: readonly Secret[];
  /** Has this process read its configuration anew, where it can. */
  readonly readAnew: () => void;
};

/** A target as each of those knows it who have to do with it. */
export type Target = AsyncDisposable &
  ServedTarget & {
    readonly engine: EngineTarget;
    readonly watched: WatchedTarget;
    readonly triggers: TriggerTarget;
    readonly log: TargetLog;
    /** Takes a new secret that a person has made. */
    readonly supply: Supply;
    /** Notices that another process has replaced what this one has read at its start. */
    watchOwnCopies(until: AbortSignal): Promise<void>;
  };

/**
 * Opens one target: its systems, its checks, its log and the operations that use them.
 *
 * @throws {ForeignLogError} when its log was begun under another origin
 */
export async function openTarget(config: TargetConfig, parts: TargetParts): Promise<Target> {
  const { settings } = config;
  const { database, scrub } = parts;
  const { target, timeZone, operators } = settings;
  const chatId = await database.transaction(async (tx) => {
    await openLog(tx, target, originOf(settings.evidence, target));
    return presentChat(tx, settings.place.chat ?? parts.chat);
  });
  const topicId = settings.place.topic;
  const known = {
    timeZone,
    configHash: config.hash,
    place: { chatId, topicId, replyTo: undefined },
    rosterAt: (now: Date) => rosterAt(settings, now),
    operators,
    logOrigin: originOf(settings.evidence, target),
  };

  const systems = createSystems(settings.systems, target);
  const previous = async (check: string, lastMs: number): Promise<readonly EarlierSample[]> =>
    database.transaction(async (tx, now) => earlierSamples(tx, now, { target, check, lastMs }));
  const drills = async (): Promise<DrillsSoFar> =>
    database.transaction(async (tx, now) => ({ now, ...(await newestDrills(tx, target)) }));
  const reviews = async (): Promise<ReviewsOwed> =>
    database.transaction(async (tx, now) => ({ now, open: await openReviews(tx, target) }));
  const secretsNow = async (): Promise<SecretsKept> =>
    database.transaction(async (tx, now) =>
      secretsKept(settings.secrets, await rotationAges(tx, target), now),
    );
  const checks = createChecks(settings.checks, {
    systems,
    previous,
    drills: settings.backup && drills,
    reviews: settings.rollout && reviews,
    secrets: secretsNow,
    scrub,
  });
  const log = logOf(config, parts, { ...known, git: systems.git });
  const { smoke, deadLetters, approvals, rollout } = settings;
  const backup = backupOf(config, parts, systems);
  const drill = drillOf(config, parts, systems);
  const variables = createVariables(settings.variables);
  const secrets = { coolify: systems.coolify, variables, supplied: parts.supplied };
  const rollback = rollbackOf(config, parts, { ...known, systems, checks, log });
  const rotation = rotationOf(config, parts, { systems, checks });
  const own = {
    checks,
    database,
    target,
    systems,
    scrub,
    log,
    backup,
    drill,
    secrets,
    approvals,
    rollout,
    rollback,
    deploy: deployOf(config, parts, { systems, checks, backup }),
    rotation,
    productWebhook: systems.productWebhook,
    smoke,
    deadLetters,
  };
  const operations = [...createOperations(own), ...parts.operations];

  const plan = planSmoke(smoke);
  const rules = createRollbackRules(settings.rollbackWhen);
  const maintenance = createMaintenance(settings.maintenance, timeZone);
  const scene: AlertScene = {
    ...known,
    escalation: settings.escalation,
    runbookOf: (name) => checks.find((check) => check.name === name)?.runbook,
    hasSmokeFlow: plan.flow !== undefined,
    remediesOf: createRemedies({ checks, rollout, deadLetters }),
    maintenanceOf: (check, now) => quietWindow(maintenance, check, now),
  };
  return {
    context: {
      target,
      timeZone,
      checks: checks.map((check) => check.name),
      board: checks,
      smoke: plan,
      rosterAt: known.rosterAt,
      caller: parts.caller,
      checklists: createChecklists(settings.checklists, timeZone),
      schedules: createSchedules(settings.schedules, timeZone),
      operators,
      maintenance,
      backup: settings.backup,
      operations: operations.map(({ name }) => name),
      applications: Object.keys(settings.systems?.coolify?.applications ?? {}),
      rotated: settings.secrets,
      handedOver: handedOverSecrets(rotation),
      recipient: async () => recipientOf(await keptHandOverIdentity(parts.dataFolder)),
    },
    chatId,
    topicId,
    engine: { ...known, operations },
    watched: { target, checks, ownChecks: [], scene },
    triggers: {
      target,
      rules,
      scene,
      releaseBefore: async (signal) => rollback && findReleaseBefore(rollback, signal),
    },
    log,
    watchOwnCopies: async (until) =>
      watchOwnCopies(
        {
          paths: Object.values(settings.secrets).flatMap(({ common: { keep = [] } }) => keep),
          holdsItself: rotation.holdsItself,
          readAnew: rotation.readAnew,
          onError: parts.report,
        },
        until,
      ),
    supply: createSupply({
      rotation,
      record: async (tx, now, done) =>
        recordCommand(tx, now, parts.origin, { target, config: config.hash, ...done }),
    }),
    [Symbol.asyncDispose]: async () => systems[Symbol.asyncDispose](),
  };
}

function backupOf(
  { settings: { target, evidence, backup }, hash }: TargetConfig,
  { database, dataFolder, origin }: TargetParts,
  { bucket, postgres }: Pick<Systems, "bucket" | "postgres">,
): BackupParts | undefined {
  if (backup === undefined) return undefined;
  return {
    database,
    target,
    bucket,
    postgres,
    settings: backup,
    origin: originOf(evidence, target),
    configHash: hash,
    build: origin.build,
    folder: resolve(backup.folder ?? join(dataFolder, "backups"), target),
    record: async (tx, now, done) =>
      recordCommand(tx, now, origin, { target, config: hash, ...done }),
  };
}

function drillOf(
  { settings: { target, backup, drill } }: TargetConfig,
  { database, dataFolder, origin, scrub }: TargetParts,
  { bucket }: Pick<Systems, "bucket">,
): DrillParts | undefined {
  if (backup === undefined) return undefined;
  return {
    database,
    target,
    dataFolder,
    shelf: bucketShelf(bucket),
    identity: backup.identity,
    migrationTable: backup.migrationTable,
    settings: drill,
    tool: `flightdeck ${origin.build}`,
    scrub,
    anyOf: (count) => randomInt(count),
  };
}

function deployOf(
  { settings }: TargetConfig,
  { database, scrub, origin }: TargetParts,
  known: Pick<DeployParts, "systems" | "checks" | "backup">,
): DeployParts | undefined {
  const { target, rollout, smoke, approvals } = settings;
  if (rollout === undefined) return undefined;
  const policy = approvals.deploy ?? "second-person";
  return { ...known, database, target, rollout, smoke, scrub, origin, policy };
}

function rollbackOf(
  { settings, hash }: TargetConfig,
  { database, scrub, caller, origin, report }: TargetParts,
  known: Pick<RollbackParts, "systems" | "checks"> & {
    readonly place: Place;
    readonly timeZone: string;
    readonly log: TargetLog;
  },
): RollbackParts | undefined {
  const { target, rollout, smoke, approvals, operators } = settings;
  if (rollout === undefined) return undefined;
  return {
    ...known,
    database,
    target,
    rollout,
    smoke,
    scrub,
    policy: approvals.rollback ?? "second-person",
    automaticRules: createRollbackRules(settings.rollbackWhen)
      .filter(({ automatic }) => automatic)
      .map(({ name }) => name),
    tellOfBrokenGlass: createBreakGlassWord({
      ...known,
      database,
      target,
      operators,
      caller,
      checkpointer: known.log.checkpointer,
      record: async (tx, now, done) =>
        recordCommand(tx, now, origin, { target, config: hash, ...done }),
      onError: report,
    }),
  };
}

function rotationOf(
  { settings }: TargetConfig,
  { database, sealKey, learn, scrub, held, readAnew }: TargetParts,
  known: Pick<RotationParts, "systems" | "checks">,
): RotationParts {
  const { target, rollout, smoke, approvals, secrets } = settings;
  return {
    ...known,
    database,
    target,
    rollout,
    smoke,
    sealKey,
    learn,
    scrub,
    readAnew,
    rotated: secrets,
    policy: approvals.rotate ?? "second-person",
    fingerprint: async (secret) => shownFingerprint(secret, await sealKey()),
    holdsItself: (secret) => held.some((one) => one.reveal().includes(secret.reveal())),
  };
}

function logOf(
  { settings: { target, evidence }, hash }: TargetConfig,
  { database, dataFolder, origin, report }: TargetParts,
  known: Pick<Parameters<typeof createTargetLog>[0], "timeZone" | "place" | "git">,
): TargetLog {
  return createTargetLog({
    ...known,
    database,
    keys: { dataFolder, target, origin: originOf(evidence, target), given: evidence.key },
    directory: resolve(evidence.directory),
    rotateAtBytes: evidence.rotateAtMebibytes * MEBIBYTE,
    witness: evidence.witness,
    record: async (tx, now, done) =>
      recordCommand(tx, now, origin, { target, config: hash, ...done }),
    onError: report,
  });
}
