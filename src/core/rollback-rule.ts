import type { Alert } from "./alert.ts";

/** How long, or how often, a check has to fail before its rule asks for a rollback. */
export type Failing =
  | { readonly kind: "for"; readonly ms: number }
  | { readonly kind: "of"; readonly bad: number; readonly looks: number };

/** When going back to the release before is the thing to ask for. */
export type RollbackRule = {
  readonly name: string;
  /** Any of these is enough. */
  readonly checks: readonly string[];
  readonly failing: Failing;
  /** Nobody is asked. */
  readonly automatic: boolean;
};

/** A check as its rule sees it: its alert, and whether it failed at each of its newest looks. */
export type RuleSight = {
  readonly alert: Alert;
  readonly newestFailed: readonly boolean[];
  /** Somebody, or a window of maintenance, has said that this is not to be spoken of. */
  readonly isSilenced: boolean;
};

/**
 * Whether a rule asks for a rollback now. Only what was seen to fail speaks for it: what cannot be looked at, what another
 * trouble explains, and what looks well again are no reason to replace a release.
 */
export function isRuleMet(
  { failing }: Pick<RollbackRule, "failing">,
  { alert, newestFailed, isSilenced }: RuleSight,
  now: Date,
): boolean {
  if (alert.state !== "firing" && alert.state !== "acknowledged") return false;
  if (alert.behind !== undefined || alert.goodSince !== undefined || isSilenced) return false;
  if (alert.trouble.kind !== "down") return false;
  switch (failing.kind) {
    case "for":
      return now.getTime() - alert.since.getTime() >= failing.ms;
    case "of": {
      const looks = newestFailed.slice(0, failing.looks);
      return looks.filter((failed) => failed).length >= failing.bad;
    }
  }
}

/** A rule acts by itself no more often than this; what one rollback has not healed, the next one will not either. */
export const ACTS_EVERY_MS = 60 * 60_000;

/** Whether a rule that asks may act by itself. */
export function mayAct(
  { automatic }: Pick<RollbackRule, "automatic">,
  {
    lastActedAt,
    isUnderWay,
  }: { readonly lastActedAt: Date | undefined; readonly isUnderWay: boolean },
  now: Date,
): boolean {
  if (!automatic || isUnderWay) return false;
  return lastActedAt === undefined || now.getTime() - lastActedAt.getTime() >= ACTS_EVERY_MS;
}
