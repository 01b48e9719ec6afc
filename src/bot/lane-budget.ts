/** What every chat bears: a burst, then one message a second. A group bears only so many a minute besides. */
const BURST = 5;
const PER_SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** What alerts may use of it. The rest is kept for people who asked something, however many alerts there are. */
const ALERTS_SHARE = 3 / 4;

/** For whom a call is made: somebody who asked, or an alert that tells by itself. */
export type Purpose = "answer" | "alert";

export type LaneBudget = {
  /** How long to wait before the next call for this purpose may be made, in milliseconds. */
  waitMs(nowMs: number, purpose: Purpose): number;
  /** A call has been made. Told after it: the other side counts from when it heard of it. */
  spend(nowMs: number, purpose: Purpose): void;
  /** Telegram asked for quiet. */
  quietUntil(untilMs: number): void;
};

/** What may be spent, and a pause, by a monotonic clock that the caller reads. Without `perMinute` it is no group. */
export function createLaneBudget(perMinute: number | undefined): LaneBudget {
  const isGroup = perMinute !== undefined;
  // A group that bears more than one a second by its minute, as one of another server may, bears it in the second too.
  const spacingMs = isGroup ? Math.min(PER_SECOND_MS, MINUTE_MS / perMinute) : PER_SECOND_MS;
  const forAll = [
    createBucket(BURST, spacingMs),
    ...(isGroup ? [createWindow(perMinute, MINUTE_MS)] : []),
  ];
  // Alerts stay out of a burst that others make, so that the next who asks finds room in it.
  const besideAll = createWindow(alertsShare(BURST), BURST * spacingMs);
  const forAlerts = isGroup ? [createWindow(alertsShare(perMinute), MINUTE_MS)] : [];
  let quietMs = 0;
  return {
    waitMs(nowMs, purpose) {
      const bounds = purpose === "alert" ? [...forAll, besideAll, ...forAlerts] : forAll;
      return Math.max(0, quietMs - nowMs, ...bounds.map((bound) => bound.waitMs(nowMs)));
    },
    spend(nowMs, purpose) {
      const bounds = purpose === "alert" ? [...forAll, ...forAlerts] : forAll;
      for (const bound of [...bounds, besideAll]) bound.spend(nowMs);
    },
    quietUntil(untilMs) {
      quietMs = Math.max(quietMs, untilMs);
    },
  };
}

/** How many of so many calls alerts may make. */
export function alertsShare(capacity: number): number {
  return Math.ceil(capacity * ALERTS_SHARE);
}

type Bound = {
  waitMs(nowMs: number): number;
  spend(nowMs: number): void;
};

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
      // No more than these can ever matter.
      spentAtMs = [...spentAtMs, nowMs].slice(-capacity);
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
