import type { Alert } from "./alert.ts";
import type { Status } from "./status.ts";

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

/** A check as its rule sees it. */
export type RuleSight = {
  readonly alert: Alert;
  /** What its newest looks came to, the newest first. */
  readonly newest: readonly Status[];
  /** Somebody, or a window of maintenance, has said that this is not to be spoken of. */
  readonly isSilenced: boolean;
};

/**
 * Whether a rule asks for a rollback now. What another trouble explains, and what looks well again, is no reason to replace
 * a release. A person who is asked may judge what it means that something does not answer; a rule that acts by itself
 * believes only what was seen to fail.
 */
export function isRuleMet(
  { failing, automatic }: Pick<RollbackRule, "failing" | "automatic">,
  { alert, newest, isSilenced }: RuleSight,
  now: Date,
): boolean {
  if (alert.state !== "firing" && alert.state !== "acknowledged") return false;
  if (alert.behind !== undefined || alert.goodSince !== undefined || isSilenced) return false;
  if (automatic && alert.trouble.kind !== "down") return false;
  switch (failing.kind) {
    case "for":
      return now.getTime() - alert.since.getTime() >= failing.ms;
    case "of": {
      const isBad = (status: Status): boolean =>
        status === "fail" || (status === "unknown" && !automatic);
      return newest.slice(0, failing.looks).filter(isBad).length >= failing.bad;
    }
  }
}

/** Rules act by themselves no more often than this, all together: what one rollback has not healed, another will not either. */
const ACTS_EVERY_MS = 60 * 60_000;

/** Whether a rule that asks may act by itself, by when any rule of its target last did. */
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
