import { defineCheckKind } from "./check-kind.ts";
import { http } from "./http.ts";
import { notConfigured } from "./not-configured.ts";
import { pgDump } from "./pg-dump.ts";
import { postgres } from "./postgres.ts";
import { redisQueue } from "./redis-queue.ts";
import { redis } from "./redis.ts";
import { telegramBot } from "./telegram-bot.ts";
import { telegramWebhook } from "./telegram-webhook.ts";
import { tlsCertificate } from "./tls-certificate.ts";
import { workerProgress } from "./worker-progress.ts";

/** Every kind of check that a configuration can name: one line a kind. */
export const checkKinds = [
  defineCheckKind(http),
  defineCheckKind(notConfigured),
  defineCheckKind(pgDump),
  defineCheckKind(postgres),
  defineCheckKind(redis),
  defineCheckKind(redisQueue),
  defineCheckKind(telegramBot),
  defineCheckKind(telegramWebhook),
  defineCheckKind(tlsCertificate),
  defineCheckKind(workerProgress),
] as const;
