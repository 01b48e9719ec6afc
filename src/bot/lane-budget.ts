/** What every chat bears: a burst, then one message a second. A group bears only so many a minute besides. */
const BURST = 5;
const PER_SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

export type LaneBudget = {
  /** How long to wait before the next call may be made, in milliseconds. */
  waitMs(nowMs: number): number;
  /** A call is about to be made. */
  spend(nowMs: number): void;
  /** Telegram asked for quiet. */
  quietUntil(untilMs: number): void;
};

/** Token buckets and a pause, by a monotonic clock that the caller reads. Without `perMinute` it is no group. */
export function createLaneBudget(perMinute: number | undefined): LaneBudget {
  const buckets = [
    createBucket(BURST, PER_SECOND_MS),
    ...(perMinute === undefined ? [] : [createBucket(perMinute, MINUTE_MS / perMinute)]),
  ];
  let quietMs = 0;
  return {
    waitMs: (nowMs) =>
      Math.max(0, quietMs - nowMs, ...buckets.map((bucket) => bucket.waitMs(nowMs))),
    spend(nowMs) {
      for (const bucket of buckets) bucket.spend(nowMs);
    },
    quietUntil(untilMs) {
      quietMs = Math.max(quietMs, untilMs);
    },
  };
}

function createBucket(capacity: number, refillMs: number) {
  let tokens = capacity;
  let filledAtMs: number | undefined;
  function refill(nowMs: number): void {
    if (filledAtMs !== undefined) {
      tokens = Math.min(capacity, tokens + (nowMs - filledAtMs) / refillMs);
    }
    filledAtMs = nowMs;
  }
  return {
    waitMs(nowMs: number): number {
      refill(nowMs);
      return tokens >= 1 ? 0 : Math.ceil((1 - tokens) * refillMs);
    },
    spend(nowMs: number): void {
      refill(nowMs);
      tokens -= 1;
    },
  };
}
