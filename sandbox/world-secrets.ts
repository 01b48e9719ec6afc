import { randomInt } from "node:crypto";

export type WorldSecrets = WorldCanaries & {
  readonly botToken: string;
  readonly apiToken: string;
  readonly stagingApiToken: string;
  readonly webhookSecret: string;
  readonly xaiKey: string;
  readonly xaiManagementKey: string;
  readonly productBotToken: string;
  readonly todoistToken: string;
  readonly databaseOwnerPassword: string;
  readonly databaseReaderPassword: string;
  readonly databaseBackupPassword: string;
  readonly databaseRotationPassword: string;
  readonly bucketAccessKey: string;
  readonly bucketSecretKey: string;
  readonly redisOwnerPassword: string;
  readonly redisReaderPassword: string;
  readonly redisRequeuePassword: string;
  readonly redisRotationPassword: string;
  readonly redisWorldPassword: string;
  readonly coolifyToken: string;
  readonly coolifySensitiveToken: string;
  readonly coolifyDeployToken: string;
  readonly coolifyWriteToken: string;
  readonly stagingDatabasePassword: string;
  readonly stagingRedisPassword: string;
  readonly stagingWebhookSecret: string;
  readonly stagingProductBotToken: string;
  readonly stagingTodoistToken: string;
};

/** Secrets that open nothing: they lie where a careless bot would pick them up and carry them on. */
type WorldCanaries = {
  readonly productHeader: string;
  readonly todoistErrorBody: string;
  readonly xaiErrorBody: string;
  readonly jobError: string;
  readonly pgDumpOutput: string;
  readonly deploymentLog: string;
};

/** New for every world, so that one found anywhere tells which run leaked it. */
export function newWorldSecrets(): WorldSecrets {
  return {
    // A real one has AA behind the colon, and the sandbox refuses to be given a real one.
    botToken: `7000000001:S${letters(34)}`,
    productBotToken: `7000000002:S${letters(34)}`,
    todoistToken: letters(40),
    apiToken: letters(40),
    stagingApiToken: letters(40),
    webhookSecret: letters(40),
    xaiKey: `xai-${letters(80)}`,
    xaiManagementKey: `xai-token-${letters(80)}`,
    databaseOwnerPassword: letters(32),
    databaseReaderPassword: letters(32),
    databaseBackupPassword: letters(32),
    databaseRotationPassword: letters(32),
    bucketAccessKey: letters(20),
    bucketSecretKey: letters(40),
    redisOwnerPassword: letters(32),
    redisReaderPassword: letters(32),
    redisRequeuePassword: letters(32),
    redisRotationPassword: letters(32),
    redisWorldPassword: letters(32),
    coolifyToken: `3|${letters(48)}`,
    coolifySensitiveToken: `4|${letters(48)}`,
    coolifyDeployToken: `5|${letters(48)}`,
    coolifyWriteToken: `6|${letters(48)}`,
    stagingDatabasePassword: letters(32),
    stagingRedisPassword: letters(32),
    stagingWebhookSecret: letters(40),
    stagingProductBotToken: `7000000003:S${letters(34)}`,
    stagingTodoistToken: letters(40),
    productHeader: letters(40),
    todoistErrorBody: letters(40),
    xaiErrorBody: letters(40),
    jobError: letters(40),
    pgDumpOutput: letters(40),
    deploymentLog: letters(40),
  };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Letters and digits only: the same text in a URL, in JSON and in a log, so that a search for it finds it. */
function letters(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}
