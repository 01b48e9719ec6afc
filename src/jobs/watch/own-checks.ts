import type { Secret } from "../../core/secret.ts";
import type { CheckResult, Observation } from "../../core/status.ts";
import { statusOf } from "../../core/status.ts";
import type { Redis } from "../../systems/redis.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { WatchedCheck } from "./watch.ts";

/** Whether we can see at all. What cannot be looked at stands behind this one. */
export const CAN_SEE = "flightdeck-can-see";
const OWN_REDIS = "flightdeck-redis-answers";

/** So many checks at least, and half of all, must have been asked in vain before it is ourselves whom we doubt. */
const BLIND_FROM = 3;
const EVERY_MS = 30_000;
const RESOLVE_AFTER_MS = 30_000;
const REDIS_TIMEOUT_MS = 5_000;

const common = {
  severity: "page",
  everyMs: EVERY_MS,
  resolveAfterMs: RESOLVE_AFTER_MS,
  dependsOn: [],
} as const;

/** What the last look at every check of a target came to. */
export type Sight = ReadonlyMap<string, CheckResult["status"]>;

/**
 * Asks whether any check could look at all: when none could, and several tried, the trouble is more likely ours than
 * production's. A production that is down still refuses, answers wrongly, or has neighbours that answer.
 */
export function createSightCheck(sight: Sight, checksInAll: number): WatchedCheck {
  return {
    ...common,
    name: CAN_SEE,
    forMs: 0,
    async ask() {
      const seen = [...sight.values()].filter((status) => status !== "not-configured");
      const isBlind =
        seen.length >= Math.max(BLIND_FROM, checksInAll / 2) &&
        seen.every((status) => status === "unknown");
      return resultOf({
        what: "checks that could look",
        expected: "some",
        actual: isBlind ? `none of ${seen.length}: our own network may be down` : "some",
        ok: !isBlind,
      });
    },
  };
}

/** Whether our own Redis wakes our queue; without it runs start late, by the reconciler. */
export function createRedisCheck(redis: Pick<Redis, "read">, url: Secret): WatchedCheck {
  return {
    ...common,
    severity: "warn",
    name: OWN_REDIS,
    forMs: EVERY_MS,
    async ask(signal) {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(REDIS_TIMEOUT_MS)]);
      const answered = await redis.read({ url, commands: [["ping"]] }, deadline).then(
        () => "an answer",
        (error: unknown) => (error instanceof SystemError ? error.message : "no answer in time"),
      );
      return resultOf({
        what: "our own Redis",
        expected: "an answer",
        actual: answered,
        ok: answered === "an answer",
      });
    },
  };
}

function resultOf(observation: Observation): CheckResult {
  const observations = [observation];
  return { status: statusOf(observations), observations, measurements: [], durationMs: 0 };
}
