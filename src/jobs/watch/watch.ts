import type { Check } from "../../checks/create-checks.ts";
import type { CheckResult } from "../../core/status.ts";
import { troubleOf } from "../../core/trouble.ts";
import { pause, together } from "../../core/waiting.ts";
import type { AlertScene } from "./alert-view.ts";
import { createLookDesk, type KeepLooks, type TakeLook } from "./look-desk.ts";
import { createSightCheck } from "./own-checks.ts";
import { createTurnstile, type Turnstile } from "./turnstile.ts";

/** A check as the watch needs it. */
export type WatchedCheck = Pick<
  Check,
  "name" | "severity" | "everyMs" | "forMs" | "resolveAfterMs" | "dependsOn" | "ask"
>;

export type WatchedTarget = {
  readonly target: string;
  readonly checks: readonly WatchedCheck[];
  /** Checks on ourselves, which stand on no board and in no preflight. */
  readonly ownChecks: readonly WatchedCheck[];
  readonly scene: AlertScene;
};

export type WatchParts = {
  readonly targets: readonly WatchedTarget[];
  /** How many checks are asked at the same time. */
  readonly concurrency: number;
  /** Keeps looks and decides on alerts; throws when it could do neither. */
  readonly keep: KeepLooks;
  readonly onError: (error: unknown, during: string) => void;
};

/** The first looks are spread over this long, so that a start is no burst. */
const FIRST_LOOKS_WITHIN_MS = 10_000;
/** What is in trouble is looked at this often at least, so that nobody waits long to hear that it is over. */
const TROUBLED_EVERY_MS = 60_000;

/** Asks every check of every target on its own interval, and keeps what it sees, until the signal. */
export async function watch(parts: WatchParts, signal: AbortSignal): Promise<void> {
  const turnstile = createTurnstile(parts.concurrency);
  const take = createLookDesk({ ...parts, signal });
  await together(
    signal,
    parts.targets.flatMap((target) => {
      const sight = new Map<string, CheckResult["status"]>();
      const canSee = createSightCheck(sight, target.checks.length);
      const lookAt = createLooker(take, { target, canSee, sight }, turnstile);
      const checks = [...target.checks, ...target.ownChecks, canSee];
      const spacingMs = FIRST_LOOKS_WITHIN_MS / checks.length;
      return checks.map(
        (check, index) => async (until: AbortSignal) =>
          keepLooking(check, Math.min(check.everyMs, index * spacingMs), lookAt, until),
      );
    }),
  );
}

async function keepLooking(
  check: WatchedCheck,
  firstAfterMs: number,
  lookAt: LookAt,
  signal: AbortSignal,
): Promise<void> {
  await pause(firstAfterMs, signal);
  while (!signal.aborted) {
    const startedAt = performance.now();
    const isTroubled = await lookAt(check, signal);
    const everyMs = isTroubled ? Math.min(check.everyMs, TROUBLED_EVERY_MS) : check.everyMs;
    await pause(Math.max(0, everyMs - (performance.now() - startedAt)), signal);
  }
}

/** Looks at a check and says whether it is in trouble. */
type LookAt = (check: WatchedCheck, signal: AbortSignal) => Promise<boolean>;

type Scenery = {
  readonly target: WatchedTarget;
  /** Stands before everything that cannot be looked at. */
  readonly canSee: WatchedCheck;
  /** What the last look at every check came to. */
  readonly sight: Map<string, CheckResult["status"]>;
};

/**
 * Looks at checks one at a time each. A check that gets into trouble sends for those that it depends on before its own
 * look is taken, so that the cause is known before its effects: whoever stands behind another must not speak first. As
 * long as its trouble lasts it does so once a minute at most: what is down already, or asked too often already, is not
 * asked more often for every check that stands behind it.
 */
function createLooker(
  take: TakeLook,
  { target, canSee, sight }: Scenery,
  turnstile: Turnstile,
): LookAt {
  const underWay = new Map<string, Promise<boolean>>();
  /** When the last look at each check began, by a clock that only goes forward. */
  const beganAt = new Map<string, number>();
  /** When the look began that found each check in the trouble in which it still is. */
  const troubledSince = new Map<string, number>();

  const lookAt: LookAt = async (check, signal) => {
    const running = underWay.get(check.name);
    if (running) return running;
    const look = lookOnce(check, signal).finally(() => underWay.delete(check.name));
    underWay.set(check.name, look);
    return look;
  };

  async function lookOnce(check: WatchedCheck, signal: AbortSignal): Promise<boolean> {
    const startedAt = performance.now();
    const result = await turnstile.through(async () => check.ask(signal));
    // What was cut short by our own stopping says nothing about the check.
    if (signal.aborted) return false;
    const isTroubled = troubleOf(result) !== undefined;
    if (isTroubled) {
      const since = troubledSince.get(check.name) ?? startedAt;
      troubledSince.set(check.name, since);
      await lookAtCauses(check, Math.max(since, startedAt - TROUBLED_EVERY_MS), signal);
    } else {
      troubledSince.delete(check.name);
    }
    if (target.checks.includes(check)) {
      sight.set(check.name, result.status);
      if (result.status === "unknown") await lookAt(canSee, signal);
    }
    beganAt.set(check.name, startedAt);
    await take({ target: target.target, check, result });
    return isTroubled;
  }

  async function lookAtCauses(
    { dependsOn }: WatchedCheck,
    since: number,
    signal: AbortSignal,
  ): Promise<void> {
    const stale = target.checks.filter(
      ({ name }) => dependsOn.includes(name) && (beganAt.get(name) ?? 0) <= since,
    );
    await Promise.all(stale.map(async (cause) => lookAt(cause, signal)));
  }

  return lookAt;
}
