import type { CheckResult, Limit } from "../core/status.ts";
import type { Systems } from "../systems/index.ts";
import type { DrillsSoFar, EarlierLook, ReviewsOwed, SecretsKept } from "./check-kind.ts";
import type { CheckMoment, Severity } from "./common-settings.ts";
import { runCheck } from "./run-check.ts";
import type { ChecksSettings } from "./settings.ts";

/** A check that is ready to be asked. */
export type Check = {
  readonly name: string;
  readonly kind: string;
  readonly severity: Severity;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly forMs: number;
  readonly resolveAfterMs: number;
  /** Checks whose trouble explains that of this one. */
  readonly dependsOn: readonly string[];
  readonly runbook: string | undefined;
  /** The application of Coolify whose log tells more. */
  readonly application: string | undefined;
  readonly group: string | undefined;
  readonly limits: readonly Limit[];
  /** Whether it can pass before anything was ever deployed, and whether it says something about what runs. */
  readonly appliesTo: readonly CheckMoment[];
  /** Always has an answer within the timeout; never throws. */
  ask(signal: AbortSignal): Promise<CheckResult>;
};

export type CheckParts = {
  readonly systems: Systems;
  /** What a check read in the last `lastMs`, or when it was last asked before that; oldest first. */
  readonly previous: (check: string, lastMs: number) => Promise<readonly EarlierLook[]>;
  /** What drills have come to; left out where no backups are configured. */
  readonly drills?: (() => Promise<DrillsSoFar>) | undefined;
  /** What was done alone and not looked at yet; left out where nobody can act alone. */
  readonly reviews?: (() => Promise<ReviewsOwed>) | undefined;
  /** How old the secrets are; left out where none is configured. */
  readonly secrets?: (() => Promise<SecretsKept>) | undefined;
  /** Masks every secret that this process holds. */
  readonly scrub: (text: string) => string;
};

/** The checks of a configuration, in the order of the file. */
export function createChecks(settings: ChecksSettings, parts: CheckParts): readonly Check[] {
  return Object.entries(settings).map(([name, { common, ...check }]) => ({
    name,
    kind: check.kind,
    severity: common.severity,
    everyMs: common.every,
    timeoutMs: common.timeout,
    forMs: common.for,
    resolveAfterMs: common.resolveAfter,
    dependsOn: common.dependsOn,
    runbook: common.runbook,
    application: common.application,
    group: common.group,
    limits: check.limits,
    appliesTo: common.appliesTo,
    ask: async (signal) =>
      runCheck(
        {
          timeoutMs: common.timeout,
          retryAfterFailure: common.retryAfterFailure,
          observe: async (deadline) =>
            check.observe(
              parts.systems,
              {
                previous: async (lastMs) => parts.previous(name, lastMs),
                drills: async () => parts.drills?.(),
                reviews: async () => parts.reviews?.(),
                secrets: async () => parts.secrets?.(),
              },
              deadline,
            ),
        },
        signal,
        parts.scrub,
      ),
  }));
}
