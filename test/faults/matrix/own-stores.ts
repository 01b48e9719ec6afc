import { FAST_ENGINE } from "../../support/config.ts";

/** What every bot of the matrix is told of its stores, by names that its environment gives a meaning. */
export const OWN_STORES = [
  "database: ${env:OWN_DATABASE}",
  "redis: ${env:OWN_REDIS}",
  "sealKey: ${env:SEAL_KEY}",
  FAST_ENGINE,
].join("\n");
