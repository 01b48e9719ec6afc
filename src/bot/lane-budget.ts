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

/** What may be spent, and a pause, by a monotonic clock that the caller reads. Without `perMinute` it is no group. */
export function createLaneBudget(perMinute: number | undefined): LaneBudget {
  const bounds = [
    createBucket(BURST, PER_SECOND_MS),
    ...(perMinute === undefined ? [] : [createWindow(perMinute, MINUTE_MS)]),
  ];
  let quietMs = 0;
  return {
    waitMs: (nowMs) => Math.max(0, quietMs - nowMs, ...bounds.map((bound) => bound.waitMs(nowMs))),
    spend(nowMs) {
      for (const bound of bounds) bound.spend(nowMs);
    },
    quietUntil(untilMs) {
      quietMs = Math.max(quietMs, untilMs);
    },
  };
}

type Bound = Pick<LaneBudget, "waitMs" | "spend">;

/** So many within any stretch of this length; a bucket that refills would allow twice as many in its first. */
function createWindow(capacity: number, lengthMs: number): Bound {
  let spentAtMs: readonly number[] = [];
  return {
    waitMs(nowMs) {
      spentAtMs = spentAtMs.filter((atMs) => nowMs - atMs < lengthMs);
      const oldestMs = spentAtMs.at(-capacity);
      return oldestMs === undefined ? 0 : Math.ceil(oldestMs + lengthMs - nowMs);
    },
    spend(nowMs) {
      spentAtMs = [...spentAtMs, nowMs];
    },
  };
}

function createBucket(capacity: number, refillMs: number): Bound {
  let tokens = capacity;
  let filledAtMs: number | undefined;
  function refill(nowMs: number): void {
    if (filledAtMs !== undefined) {
      tokens = Math.min(capacity, tokens + (nowMs - filledAtMs) / refillMs);
    }
    filledAtMs = nowMs;
  }
  return {
    waitMs(nowMs) {
      refill(nowMs);
      return tokens >= 1 ? 0 : Math.ceil((1 - tokens) * refillMs);
    },
    spend(nowMs) {
      refill(nowMs);
      tokens -= 1;
    },
  };
}
