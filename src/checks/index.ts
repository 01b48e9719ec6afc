import { defineCheckKind } from "./check-kind.ts";
import { http } from "./http.ts";
import { postgres } from "./postgres.ts";
import { redisQueue } from "./redis-queue.ts";

/** Every kind of check that a configuration can name: one line a kind. */
export const checkKinds = [
  defineCheckKind(http),
  defineCheckKind(postgres),
  defineCheckKind(redisQueue),
] as const;
