import { createHttpApi } from "./http-api.ts";
import { createPostgres } from "./postgres.ts";
import { createRedis } from "./redis.ts";

/** Everything outside that a check or an operation can talk to: one line a system. */
export function createSystems() {
  const http = createHttpApi();
  return {
    http,
    postgres: createPostgres(),
    redis: createRedis(),
    async [Symbol.asyncDispose]() {
      await http.close();
    },
  };
}

export type Systems = Omit<ReturnType<typeof createSystems>, typeof Symbol.asyncDispose>;
