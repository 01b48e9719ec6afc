import { createBucket } from "./bucket.ts";
import { createCoolify } from "./coolify.ts";
import { createDatabaseLocks } from "./database-lock.ts";
import { createDisk } from "./disk.ts";
import { createGitHistory } from "./git-history.ts";
import { createGit } from "./git.ts";
import { createHttpApi } from "./http-api.ts";
import { createJobReturn } from "./job-return.ts";
import { createPgDump } from "./pg-dump.ts";
import { createPostgresRoles } from "./postgres-roles.ts";
import { createPostgres } from "./postgres.ts";
import { createProductWebhook } from "./product-webhook.ts";
import { createRedisAcl } from "./redis-acl.ts";
import { createRedis } from "./redis.ts";
import type { SystemsSettings } from "./settings.ts";
import { createTelegramBot } from "./telegram-bot.ts";
import { createTls } from "./tls.ts";
import { createTodoist } from "./todoist.ts";
import { createXai } from "./xai-management.ts";

/** Everything outside that a check or an operation can talk to: one line a system. */
export function createSystems(settings: SystemsSettings = {}, target = "") {
  const http = createHttpApi();
  const telegramBot = createTelegramBot(http);
  const bucket = createBucket(settings.bucket, target);
  return {
    http,
    postgres: createPostgres(),
    redis: createRedis(),
    postgresRoles: createPostgresRoles(),
    redisAcl: createRedisAcl(),
    databaseLocks: createDatabaseLocks(),
    jobReturn: createJobReturn(),
    pgDump: createPgDump(),
    telegramBot,
    productWebhook: createProductWebhook(http, telegramBot, settings.productWebhook),
    tls: createTls(),
    todoist: createTodoist(http),
    xai: createXai(http),
    coolify: createCoolify(http, settings.coolify),
    git: createGit(),
    gitHistory: createGitHistory(),
    bucket,
    disk: createDisk(),
    async [Symbol.asyncDispose]() {
      await http.close();
      await bucket.close();
    },
  };
}

export type Systems = Omit<ReturnType<typeof createSystems>, typeof Symbol.asyncDispose>;
