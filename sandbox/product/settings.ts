import type { Revision } from "./revision.ts";

/** What the product reads from its environment, once, at start. */
export type ProductSettings = {
  readonly revision: Revision;
  /** `production`, `staging` or `dev`: where B looks at its model and its bot before it calls itself ready. */
  readonly environment: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Bearer token to user. */
  readonly tokens: ReadonlyMap<string, string>;
  readonly webhookSecret: string;
  /** With a small change of its own the product takes several secrets, separated by commas; as it is, it compares one. */
  readonly takesSeveralWebhookSecrets: boolean;
  readonly telegramUrl: string;
  readonly botToken: string;
  readonly modelUrl: string;
  readonly modelKey: string;
  readonly todoistUrl: string;
  readonly todoistToken: string;
  /** A secret of the proxy in front of the API, which stands in a header of each of its answers. */
  readonly proxySecret: string;
  readonly timing: ProductTiming;
};

/** How long the product waits for what. Tests wait less; the order of things stays. */
export type ProductTiming = {
  readonly modelTimeoutMs: number;
  /** One retry after each pause. */
  readonly modelPausesMs: readonly number[];
  readonly redisTimeoutMs: number;
  readonly databasePoolWaitMs: number;
  readonly workerPausesMs: readonly number[];
  readonly workerErrorPauseMs: number;
  readonly preflightTimeoutMs: number;
  readonly preflightCacheMs: number;
  /** How long nobody answers between the end of one API and the beginning of the next. */
  readonly restartMs: number;
  /** How long a release is good that goes bad. */
  readonly goodForMs: number;
};

export const realTiming: ProductTiming = {
  modelTimeoutMs: 30_000,
  modelPausesMs: [1_000, 2_000],
  redisTimeoutMs: 5_000,
  databasePoolWaitMs: 30_000,
  workerPausesMs: [2_000, 4_000, 8_000, 16_000],
  workerErrorPauseMs: 5_000,
  preflightTimeoutMs: 8_000,
  preflightCacheMs: 300_000,
  restartMs: 2_000,
  goodForMs: 300_000,
};
