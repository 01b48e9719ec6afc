import { createPostgres } from "./postgres.ts";

/** Everything outside that a check or an operation can talk to: one line a system. */
export function createSystems() {
  return { postgres: createPostgres() };
}

export type Systems = ReturnType<typeof createSystems>;
