import { createCoolify } from "./coolify.ts";
import { createHttpApi } from "./http-api.ts";
import { createPostgres } from "./postgres.ts";
import { createRedis } from "./redis.ts";
import type { SystemsSettings } from "./settings.ts";

/** Everything outside that a check or an operation can talk to: one line a system. */
export function createSystems(settings: SystemsSettings = {}) {
  const http = createHttpApi();
  return {
    http,
    postgres: createPostgres(),
    redis: createRedis(),
    coolify: createCoolify(http, settings.coolify),
    async [Symbol.asyncDispose]() {
      await http.close();
    },
  };
}

export type Systems = Omit<ReturnType<typeof createSystems>, typeof Symbol.asyncDispose>;
