import { backupFresh } from "./backup-fresh.ts";
import { backupOffSite } from "./backup-off-site.ts";
import { defineCheckKind } from "./check-kind.ts";
import { coolifyApp } from "./coolify-app.ts";
import { coolifyDockerfile } from "./coolify-dockerfile.ts";
import { coolifyPrivacy } from "./coolify-privacy.ts";
import { coolifyRollbackImage } from "./coolify-rollback-image.ts";
import { coolifySeparation } from "./coolify-separation.ts";
import { coolifyVariables } from "./coolify-variables.ts";
import { coolify } from "./coolify.ts";
import { diskRoom } from "./disk-room.ts";
import { http } from "./http.ts";
import { notConfigured } from "./not-configured.ts";
import { pgDump } from "./pg-dump.ts";
import { postgres } from "./postgres.ts";
import { redisQueue } from "./redis-queue.ts";
import { redis } from "./redis.ts";
import { restoreProven } from "./restore-proven.ts";
import { reviewsGiven } from "./reviews-given.ts";
import { secretsAreYoung } from "./secrets-young.ts";
import { telegramBot } from "./telegram-bot.ts";
import { telegramWebhook } from "./telegram-webhook.ts";
import { tlsCertificate } from "./tls-certificate.ts";
import { workerProgress } from "./worker-progress.ts";

/** Every kind of check that a configuration can name: one line a kind. */
export const checkKinds = [
  defineCheckKind(backupFresh),
  defineCheckKind(backupOffSite),
  defineCheckKind(diskRoom),
  defineCheckKind(http),
  defineCheckKind(notConfigured),
  defineCheckKind(pgDump),
  defineCheckKind(postgres),
  defineCheckKind(redis),
  defineCheckKind(redisQueue),
  defineCheckKind(restoreProven),
  defineCheckKind(reviewsGiven),
  defineCheckKind(secretsAreYoung),
  defineCheckKind(telegramBot),
  defineCheckKind(telegramWebhook),
  defineCheckKind(tlsCertificate),
  defineCheckKind(workerProgress),
  defineCheckKind(coolify),
  defineCheckKind(coolifyApp),
  defineCheckKind(coolifyPrivacy),
  defineCheckKind(coolifyDockerfile),
  defineCheckKind(coolifyRollbackImage),
  defineCheckKind(coolifyVariables),
  defineCheckKind(coolifySeparation),
] as const;
