import { z } from "zod";

import { integerSetting } from "./setting.ts";

/** How many backups are kept: grandfathers, fathers and sons, and never fewer than `atLeast` in all. */
export const retentionSetting = z
  .strictObject({
    atLeast: integerSetting({ minimum: 1, maximum: 1_000 }).default(5).meta({
      description: "So many of the newest are kept whatever their age",
    }),
    daily: integerSetting({ minimum: 0, maximum: 3_650 }).default(7),
    weekly: integerSetting({ minimum: 0, maximum: 520 }).default(5),
    monthly: integerSetting({ minimum: 0, maximum: 240 }).default(12),
    yearly: integerSetting({ minimum: 0, maximum: 100 }).default(3),
  })
  .prefault({})
  .meta({
    description:
      "The newest backup of each of so many days, weeks, months and years in which there was one, in UTC",
  });

export type Retention = z.output<typeof retentionSetting>;

/** What retention knows of a backup. */
export type Keepable = {
  readonly id: string;
  readonly snapshotAt: Date;
  /** There as its manifest says; what is damaged is never counted as one to have. */
  readonly good: boolean;
  /** A drill has restored it. */
  readonly verified: boolean;
};

export type Reason = "newest" | "verified" | "daily" | "weekly" | "monthly" | "yearly" | "damaged";

export type RetentionPlan = {
  /** Why each that stays does so; newest first. */
  readonly keep: readonly { readonly id: string; readonly because: readonly Reason[] }[];
  readonly remove: readonly string[];
};

/**
 * What stays and what goes. Periods are counted only where they hold a backup, so that days without one age nothing out.
 * Damaged ones are left for people to look at: to delete what cannot be read is no housekeeping.
 */
export function planRetention(
  backups: readonly Keepable[],
  { atLeast, ...periods }: Retention,
): RetentionPlan {
  const newestFirst = backups.toSorted(
    (one, other) =>
      other.snapshotAt.getTime() - one.snapshotAt.getTime() || other.id.localeCompare(one.id),
  );
  const good = newestFirst.filter((backup) => backup.good);
  const reasons = new Map<string, Reason[]>();
  const keep = (id: string, because: Reason): void => {
    reasons.set(id, [...(reasons.get(id) ?? []), because]);
  };
  for (const { id } of good.slice(0, atLeast)) keep(id, "newest");
  const verified = good.find((backup) => backup.verified);
  if (verified) keep(verified.id, "verified");
  for (const period of PERIODS) {
    for (const id of newestOfEach(good, PERIOD_OF[period], periods[period])) keep(id, period);
  }
  for (const { id } of newestFirst.filter((backup) => !backup.good)) keep(id, "damaged");
  return {
    keep: newestFirst.flatMap(({ id }) => {
      const because = reasons.get(id);
      return because ? [{ id, because }] : [];
    }),
    remove: newestFirst.filter(({ id }) => !reasons.has(id)).map(({ id }) => id),
  };
}

const PERIODS = ["daily", "weekly", "monthly", "yearly"] as const;

const PERIOD_OF: Readonly<Record<(typeof PERIODS)[number], (at: Date) => string>> = {
  daily: (at) => at.toISOString().slice(0, 10),
  weekly: (at) => mondayOf(at).toISOString().slice(0, 10),
  monthly: (at) => at.toISOString().slice(0, 7),
  yearly: (at) => at.toISOString().slice(0, 4),
};

const DAY_MS = 24 * 60 * 60_000;

function mondayOf(at: Date): Date {
  return new Date(at.getTime() - ((at.getUTCDay() + 6) % 7) * DAY_MS);
}

function newestOfEach(
  newestFirst: readonly Keepable[],
  periodOf: (at: Date) => string,
  count: number,
): readonly string[] {
  const newest = new Map<string, string>();
  for (const { id, snapshotAt } of newestFirst) {
    const period = periodOf(snapshotAt);
    if (newest.has(period)) continue;
    if (newest.size === count) break;
    newest.set(period, id);
  }
  return [...newest.values()];
}
