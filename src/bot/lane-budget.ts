/** What a chat bears: a burst, then one message a second, and in a group no more than twenty a minute. */
const BURST = 5;
const PER_SECOND_MS = 1_000;
const GROUP_PER_MINUTE = 20;
const MINUTE_MS = 60_000;

export type LaneBudget = {
  /** How long to wait before the next call may be made, in milliseconds. */
  waitMs(nowMs: number): number;
  /** A call is about to be made. */
  spend(nowMs: number): void;
  /** Telegram asked for quiet. */
  quietUntil(untilMs: number): void;
};

/** Two token buckets and a pause, by a monotonic clock that the caller reads. */
export function createLaneBudget(isGroup: boolean): LaneBudget {
  const buckets = [
    createBucket(BURST, PER_SECOND_MS),
    ...(isGroup ? [createBucket(GROUP_PER_MINUTE, MINUTE_MS / GROUP_PER_MINUTE)] : []),
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
