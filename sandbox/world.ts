import { channel } from "node:diagnostics_channel";
import { join } from "node:path";

import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { createContainers, type MigrationMood, startContainers } from "./containers.ts";
import { type ProductVariables, productVariables } from "./coolify/product-variables.ts";
import { seedCoolify } from "./coolify/seed.ts";
import { type CoolifyServer, startCoolify } from "./coolify/server.ts";
import { createEffects } from "./effects.ts";
import { type FaultState, createFaultRegistry } from "./fault-registry.ts";
import { type FaultName, faultsOf } from "./faults.ts";
import { startFrontDoor } from "./front-door.ts";
import { createPgDumpProgram } from "./pg-dump-program.ts";
import { createProductBot, type ProductBot } from "./product-bot.ts";
import { startProductPostgres } from "./product-postgres.ts";
import { startProductRedis } from "./product-redis.ts";
import type { Revision } from "./product/revision.ts";
import { type ProductTiming, realTiming } from "./product/settings.ts";
import { type ServiceName, startProduct } from "./product/start-product.ts";
import { type ReleaseName, releases } from "./releases.ts";
import { newBackupKeys, type BackupKeys } from "./s3/backup-keys.ts";
import { type S3Server, startS3 } from "./s3/server.ts";
import { type SecondPath, startSecondPath } from "./second-path.ts";
import { writeSecretFiles } from "./secret-files.ts";
import { writeSourceRepository } from "./source-repository.ts";
import { createTelegramEffects } from "./telegram-effects.ts";
import { createChanges } from "./telegram/changes.ts";
import type { PersonaName } from "./telegram/personas.ts";
import { type TelegramServer, startTelegram } from "./telegram/server.ts";
import { type Todoist, startTodoist } from "./todoist.ts";
import { newWorldSecrets } from "./world-secrets.ts";
import { startXai, type Xai } from "./xai.ts";

export type World = AsyncDisposable & {
  readonly telegram: TelegramServer;
  readonly coolify: CoolifyServer;
  readonly todoist: Todoist;
  readonly xai: Xai;
  readonly productBot: ProductBot;
  /** Where calls and signs of life arrive. */
  readonly secondPath: SecondPath;
  /** The bucket that keeps backups. */
  readonly s3: S3Server;
  /** Whom backups are sealed for; the recovery identity is in the safe, and in no environment. */
  readonly backupKeys: BackupKeys;
  /** What a bot in this world finds in its environment; the names are those of ops/sandbox.yaml. */
  readonly environment: Readonly<Record<string, string>>;
  /** Every secret of this world, to look for where none may be. */
  readonly secrets: readonly string[];
  /** The same by their names, so that a leak can be told without telling the secret. */
  readonly namedSecrets: Readonly<Record<string, string>>;
  readonly product: {
    readonly apiUrl: string;
    readonly apiToken: string;
    readonly stagingApiToken: string;
    readonly webhookSecret: string;
    /** With the rights of the product itself, unlike the URLs in the environment. */
    readonly databaseUrl: string;
    readonly redisUrl: string;
  };
  /** What production's services need in their environments, as the one who sets them up has to know it. */
  readonly variables: Pick<ProductVariables, "api" | "worker">;
  /** The commits of everything that was or may be deployed, by how it behaves. */
  readonly releases: Readonly<Record<ReleaseName, string>>;
  /** The commit that really runs, whatever anybody says; undefined when nothing does. */
  deployed(service: ServiceName): string | undefined;
  /** Somebody pushes it to the branch; what deploys by itself does. */
  push(release: ReleaseName): void;
  as(persona: PersonaName): ReturnType<TelegramServer["as"]>;
  break(fault: FaultName): Promise<void>;
  heal(fault: FaultName): Promise<void>;
  healAll(): Promise<void>;
  faults(): readonly FaultState<FaultName>[];
  isFault(name: string): name is FaultName;
  /** What happened, counted by the world itself. */
  effects(): Promise<Readonly<Record<string, number>>>;
  /** Told when an effect was counted or a fault changed. Gives the way to stop listening. */
  onChange(listener: () => void): () => void;
};

/** What the tasks of the seed that were synchronised are called in Todoist. */
const todoistTasks = {
  "8402617735": "Call the landlord about the heating",
  "8402617741": "Book the train to Hamburg",
  "8402617752": "Put the new numbers into the quarterly report",
};

export type WorldOptions = {
  /** Which of the product's revisions runs; the first unless told otherwise. */
  readonly revision?: Revision;
  /** Nothing was ever deployed: no variables in Coolify, no table in the database, no webhook, and nothing that runs. */
  readonly empty?: boolean;
  /** Shorter waits inside the product, for tests. */
  readonly timing?: Partial<ProductTiming>;
  readonly deadLetterEveryMs?: number;
  /** How long a deployment takes from one state to the next; it makes three such steps. */
  readonly deploymentStepMs?: number;
  /** How often a minute Telegram and Coolify let themselves be asked. */
  readonly floodControl?: boolean;
  /** Gives up a start that is under way. */
  readonly signal?: AbortSignal;
};

/**
 * As somebody has set it who watches every few seconds what others watch every few minutes; Coolify's own default is 200.
 */
const COOLIFY_PER_MINUTE = 1_000;

/** A world is too young for a while to have a backup. */
const DAY_MS = 24 * 60 * 60_000;

/** What is told on the channel `sandbox.worlds`, to whoever has to see every world. */
export type WorldNews = { readonly news: "begins" | "ends"; readonly world: World };

const worlds = channel("sandbox.worlds");

/** A small world on loopback: the product with its database and Redis, xAI, Coolify and Telegram. Nothing of it is shared. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { signal = new AbortController().signal, revision = "A", empty = false } = options;
  await using opened = new AsyncDisposableStack();
  const secrets = newWorldSecrets();
  const changes = createChanges();
  const effects = createEffects(() => changes.announce());
  const directory = opened.use(await temporaryDirectory("world"));

  const open = async <Opened extends AsyncDisposable>(opening: Promise<Opened>): Promise<Opened> =>
    opened.use(await opening);
  const opening = [
    open(
      startProductPostgres({
        directory: join(directory.path, "postgres"),
        ownerPassword: secrets.databaseOwnerPassword,
        readerPassword: secrets.databaseReaderPassword,
        backupPassword: secrets.databaseBackupPassword,
        rotationPassword: secrets.databaseRotationPassword,
        revision,
        empty,
        signal,
      }),
    ),
    open(
      startProductRedis({
        directory: join(directory.path, "redis"),
        ownerPassword: secrets.redisOwnerPassword,
        readerPassword: secrets.redisReaderPassword,
        requeuePassword: secrets.redisRequeuePassword,
        rotationPassword: secrets.redisRotationPassword,
        worldPassword: secrets.redisWorldPassword,
        signal,
      }),
    ),
    open(
      startXai({
        key: secrets.xaiKey,
        managementKey: secrets.xaiManagementKey,
        effects,
        indiscretion: secrets.xaiErrorBody,
      }),
    ),
    open(
      startTodoist({
        token: secrets.todoistToken,
        tasks: todoistTasks,
        effects,
        indiscretion: secrets.todoistErrorBody,
      }),
    ),
    open(
      startS3({
        bucket: "flightdeck-backups",
        keys: {
          accessKeyId: secrets.bucketAccessKey,
          secretAccessKey: secrets.bucketSecretKey,
        },
        effects,
      }),
    ),
    open(
      startTelegram({ botToken: secrets.botToken, floodControl: options.floodControl ?? false }),
    ),
  ] as const;
  // Waits for all of them, so that what did open is closed when one of them could not.
  await Promise.allSettled(opening);
  const [postgres, redis, xai, todoist, s3, telegram] = await Promise.all(opening);
  const product = opened.use(
    await startProduct(
      {
        telegramUrl: telegram.url,
        todoistUrl: todoist.url,
        proxySecret: secrets.productHeader,
        timing: { ...realTiming, ...options.timing },
      },
      effects,
    ),
  );
  const repository = await writeSourceRepository(join(directory.path, "source.git"));
  const variables = productVariables({
    secrets,
    databaseUrl: postgres.ownerUrl,
    redisUrl: redis.ownerUrl,
    modelUrl: xai.url,
  });
  const migrations: MigrationMood = { isLockedOut: false };
  const containers = createContainers({ product, revision, migrations, effects });
  const coolify = opened.use(
    await startCoolify({
      state: seedCoolify({
        empty,
        tokens: [
          { text: secrets.coolifyToken, abilities: ["read"] },
          { text: secrets.coolifySensitiveToken, abilities: ["read", "read:sensitive"] },
          { text: secrets.coolifyDeployToken, abilities: ["read", "deploy"] },
          { text: secrets.coolifyWriteToken, abilities: ["read", "write"] },
        ],
        variables,
        gitToken: secrets.deploymentLog,
        now: new Date(),
      }),
      runtime: containers,
      nextCommit: releases.good,
      onPush: (commit) => repository.moveTo(commit),
      stepMs: options.deploymentStepMs ?? 1_500,
      effects,
      ...(options.floodControl ? { requestsPerMinute: COOLIFY_PER_MINUTE } : {}),
    }),
  );
  const productBot = createProductBot({
    telegram,
    token: secrets.productBotToken,
    apiUrl: product.url,
    webhookSecret: secrets.webhookSecret,
  });
  if (!empty) {
    productBot.registerWebhook();
    await startContainers(containers, coolify.state);
  }
  const frontDoor = opened.use(await startFrontDoor(directory.path, product.url));
  const secretFiles = join(directory.path, "secrets");
  await writeSecretFiles(secretFiles, {
    "api-token": secrets.apiToken,
    "webhook-secret": secrets.webhookSecret,
    "todoist-token": secrets.todoistToken,
    "xai-key": secrets.xaiKey,
  });
  const pgDump = await createPgDumpProgram(directory.path, secrets.pgDumpOutput);
  const secondPath = opened.use(await startSecondPath());
  const backupKeys = await newBackupKeys();
  const ending = new AbortController();
  opened.defer(() => ending.abort());
  const faults = createFaultRegistry(
    faultsOf({
      product,
      productBot,
      postgres,
      redis,
      xai,
      todoist,
      frontDoor,
      pgDump,
      coolify,
      containers,
      migrations,
      telegram,
      s3,
      deadLetterEveryMs: options.deadLetterEveryMs ?? 4_000,
      indiscretion: secrets.jobError,
      signal: ending.signal,
    }),
    () => changes.announce(),
  );
  const telegramEffects = createTelegramEffects(telegram);
  // A world opens with warm pools, so that a restart of a store meets a stale connection as it would anywhere.
  if (!empty) await fetch(`${product.url}/health/ready`);

  const kept = opened.move();
  const world: World = {
    telegram,
    coolify,
    todoist,
    xai,
    productBot,
    secondPath,
    s3,
    backupKeys,
    environment: {
      ...secondPath.environment,
      FLIGHTDECK_BOT_TOKEN: secrets.botToken,
      SANDBOX_TELEGRAM_URL: telegram.url,
      SANDBOX_API_URL: product.url,
      SANDBOX_SECRETS: secretFiles,
      SANDBOX_STAGING_API_TOKEN: secrets.stagingApiToken,
      SANDBOX_DATABASE_URL: postgres.readerUrl,
      SANDBOX_REDIS_URL: redis.readerUrl,
      SANDBOX_REDIS_REQUEUE_URL: redis.requeueUrl,
      SANDBOX_DATABASE_ROTATION_URL: postgres.rotationUrl,
      SANDBOX_REDIS_ROTATION_URL: redis.rotationUrl,
      SANDBOX_BACKUP_DATABASE_URL: postgres.backupUrl,
      SANDBOX_BUCKET_URL: s3.url,
      SANDBOX_BUCKET_KEY: secrets.bucketAccessKey,
      SANDBOX_BUCKET_SECRET: secrets.bucketSecretKey,
      SANDBOX_DRILL_RECIPIENT: backupKeys.drill.recipient,
      SANDBOX_DRILL_IDENTITY: backupKeys.drill.identity,
      SANDBOX_RECOVERY_RECIPIENT: backupKeys.recovery.recipient,
      SANDBOX_SECRETS_SINCE: new Date().toISOString().slice(0, "2026-11-23".length),
      SANDBOX_BACKUP_DUE_FROM: new Date(Date.now() + DAY_MS).toISOString(),
      SANDBOX_FRONT_DOOR: frontDoor.address,
      SANDBOX_AUTHORITY: frontDoor.authority,
      SANDBOX_PG_DUMP: pgDump.path,
      SANDBOX_PRODUCT_BOT_TOKEN: secrets.productBotToken,
      SANDBOX_TODOIST_URL: todoist.url,
      SANDBOX_XAI_URL: xai.url,
      SANDBOX_XAI_MANAGEMENT_URL: xai.managementUrl,
      SANDBOX_XAI_MANAGEMENT_KEY: secrets.xaiManagementKey,
      SANDBOX_REPOSITORY: repository.path,
      SANDBOX_COOLIFY_URL: coolify.url,
      SANDBOX_COOLIFY_TOKEN: secrets.coolifyToken,
      SANDBOX_COOLIFY_SENSITIVE_TOKEN: secrets.coolifySensitiveToken,
      SANDBOX_COOLIFY_DEPLOY_TOKEN: secrets.coolifyDeployToken,
      SANDBOX_COOLIFY_WRITE_TOKEN: secrets.coolifyWriteToken,
    },
    secrets: [
      ...Object.values(secrets),
      ...secondPath.secrets,
      backupKeys.drill.identity,
      backupKeys.recovery.identity,
    ],
    namedSecrets: {
      ...secrets,
      drillIdentity: backupKeys.drill.identity,
      recoveryIdentity: backupKeys.recovery.identity,
    },
    product: {
      apiUrl: product.url,
      apiToken: secrets.apiToken,
      stagingApiToken: secrets.stagingApiToken,
      webhookSecret: secrets.webhookSecret,
      databaseUrl: postgres.ownerUrl,
      redisUrl: redis.ownerUrl,
    },
    variables: { api: variables.api, worker: variables.worker },
    releases,
    deployed: (service) => product.running(service)?.release.commit,
    push: (release) => void coolify.push(releases[release]),
    as: (persona) => telegram.as(persona),
    break: (fault) => faults.break(fault),
    heal: (fault) => faults.heal(fault),
    healAll: () => faults.healAll(),
    faults: () => faults.list(),
    isFault: (name) => faults.isName(name),
    effects: async () => ({ ...effects.counts(), ...telegramEffects.counts() }),
    onChange: (listener) => changes.onChange(listener),
    [Symbol.asyncDispose]: async () => {
      worlds.publish({ news: "ends", world } satisfies WorldNews);
      await kept.disposeAsync();
    },
  };
  worlds.publish({ news: "begins", world } satisfies WorldNews);
  return world;
}
