import type { CheckResult } from "../../src/core/status.ts";
import { createAlertDesk } from "../../src/jobs/watch/alert-desk.ts";
import { createAlertNews, type AlertNewsParts } from "../../src/jobs/watch/alert-news.ts";
import type { AlertScene } from "../../src/jobs/watch/alert-view.ts";
import type { WatchedCheck } from "../../src/jobs/watch/watch.ts";
import type { Database } from "../../src/storage/database.ts";

/** A check that a test answers for. */
export type MadeUpCheck = Pick<WatchedCheck, "name" | "severity">;

/** So many checks of a severity: `page-1`, `page-2`… */
export function madeUpChecks(count: number, severity: "page" | "warn"): readonly MadeUpCheck[] {
  return Array.from({ length: count }, (_none, index) => ({
    name: `${severity}-${index + 1}`,
    severity,
  }));
}

export type LookingParts = Pick<AlertNewsParts, "caller" | "origin"> & {
  readonly database: Database;
  readonly target: string;
  readonly scene: AlertScene;
};

/** As many as the watch keeps in one transaction. */
const AT_ONCE = 500;

/** Decides on alerts as the watch does, as if it had just looked at these checks: all of them fail, or are well. */
export async function lookAt(
  { database, target, scene, caller, origin }: LookingParts,
  madeUp: readonly MadeUpCheck[],
  status: "fail" | "pass",
): Promise<void> {
  const result = resultOf(status);
  const checks = madeUp.map((check): WatchedCheck => ({
    ...check,
    everyMs: 30_000,
    forMs: 0,
    resolveAfterMs: 0,
    dependsOn: [],
    ask: async () => result,
  }));
  const desk = createAlertDesk({
    targets: [{ target, checks, ownChecks: [], scene }],
    tell: createAlertNews({ scenes: new Map([[target, scene]]), caller, origin }),
  });
  for (let first = 0; first < checks.length; first += AT_ONCE) {
    const looks = checks.slice(first, first + AT_ONCE).map((check) => ({ target, check, result }));
    await database.transaction(async (tx, now) => desk.decide(tx, now, looks));
  }
}

function resultOf(status: "fail" | "pass"): CheckResult {
  const actual = status === "pass" ? "200" : "500";
  return {
    status,
    observations: [{ what: "status", expected: "200", actual, ok: status === "pass" }],
    measurements: [],
    durationMs: 1,
  };
}
