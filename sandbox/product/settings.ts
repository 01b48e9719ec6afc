/** What the product reads from its environment, once, at start. */
export type ProductSettings = {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Bearer token to user. */
  readonly tokens: ReadonlyMap<string, string>;
  readonly webhookSecret: string;
  readonly modelUrl: string;
  readonly modelKey: string;
  readonly todoistUrl: string;
  readonly todoistToken: string;
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
};

export const realTiming: ProductTiming = {
  modelTimeoutMs: 30_000,
  modelPausesMs: [1_000, 2_000],
  redisTimeoutMs: 5_000,
  databasePoolWaitMs: 30_000,
  workerPausesMs: [2_000, 4_000, 8_000, 16_000],
  workerErrorPauseMs: 5_000,
};
