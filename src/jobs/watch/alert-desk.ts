import {
  decideAlert,
  type Alert,
  type AlertDecision,
  type AlertRule,
  type Circumstances,
} from "../../core/alert.ts";
import { troubleOf, type Trouble } from "../../core/trouble.ts";
import {
  changeAlert,
  forgetAlert,
  newestAlerts,
  openAlert,
  troubledChecks,
  type KeptAlert,
} from "../../storage/alert.ts";
import type { Transaction } from "../../storage/database.ts";
import { disturbedChecks } from "../../storage/run-step.ts";
import { keepSamples } from "../../storage/sample.ts";
import { hides, silencesOf } from "../../storage/silence.ts";
import type { TellNews } from "./alert-news.ts";
import type { TakenLook } from "./look-desk.ts";
import { CAN_SEE } from "./own-checks.ts";
import type { WatchedCheck, WatchedTarget } from "./watch.ts";

/** How the alerts of all targets stand, by `target:check`, as far as this process has decided on them. */
export type Standing = ReadonlyMap<string, Alert>;

export type AlertDesk = {
  /** Keeps looks and decides what becomes of the alerts of their checks, in the transaction that is handed in. */
  decide(tx: Transaction, now: Date, looks: readonly TakenLook[]): Promise<void>;
  /** Only a hint, for when there is no database to ask. */
  readonly standing: Standing;
};

export type AlertDeskParts = {
  readonly targets: readonly WatchedTarget[];
  readonly tell: TellNews;
};

/** Looks that lie further apart than so many turns say nothing about the time between them. */
const GAP_TURNS = 3;
const GAP_AT_LEAST_MS = 3 * 60_000;

export function createAlertDesk(parts: AlertDeskParts): AlertDesk {
  const standing = new Map<string, Alert>();
  return {
    standing,
    async decide(tx, now, looks) {
      for (const watched of parts.targets) {
        const { target } = watched;
        const own = looks.filter((look) => look.target === target);
        if (own.length === 0) continue;
        await keepSamples(
          tx,
          now,
          target,
          own.map(({ check, result }) => ({ ...result, check: check.name })),
        );
        await decideAll(tx, now, { ...watched, tell: parts.tell, standing }, own);
      }
    },
  };
}

type Desk = Pick<AlertDeskParts, "tell"> &
  WatchedTarget & { readonly standing: Map<string, Alert> };

async function decideAll(
  tx: Transaction,
  now: Date,
  desk: Desk,
  looks: readonly TakenLook[],
): Promise<void> {
  const { target, checks, scene } = desk;
  const names = looks.map(({ check }) => check.name);
  const newest = new Map(
    (await newestAlerts(tx, target, names)).map((kept) => [kept.check, kept] as const),
  );
  const bad = new Set(await troubledChecks(tx, target));
  const silences = await silencesOf(tx, now, target);
  const disturbed = await disturbedChecks(tx, now, target);
  for (const { check, result } of causesFirst(looks, checks)) {
    const trouble = troubleOf(result);
    const circumstances: Circumstances = {
      behind: causeOf(check, trouble, checks, bad),
      isSilenced:
        silences.some((silence) => hides(silence, check.name)) ||
        scene.maintenanceOf(check.name, now) !== undefined,
      disturbedUntil: disturbed.get(check.name),
    };
    const before = newest.get(check.name);
    const decision = decideAlert(ruleOf(check), before?.alert, { at: now, trouble }, circumstances);
    const { alert } = decision;
    if (alert && isBad(alert)) bad.add(check.name);
    else bad.delete(check.name);
    if (alert) desk.standing.set(`${target}:${check.name}`, alert);
    else desk.standing.delete(`${target}:${check.name}`);
    await keep(tx, now, desk, check, before, decision);
  }
}

/** Writes a decision down, and tells whoever has to hear of it. */
async function keep(
  tx: Transaction,
  now: Date,
  { target, tell }: Desk,
  check: WatchedCheck,
  before: KeptAlert | undefined,
  { alert, news }: AlertDecision,
): Promise<void> {
  const { name, severity } = check;
  if (alert === undefined) {
    if (before?.alert.state === "pending") await forgetAlert(tx, before.id);
    return;
  }
  const isOld = before !== undefined && isSameAlert(before.alert, alert);
  if (isOld && news.length === 0 && isNearlyAsBefore(before.alert, alert)) return;
  const spoke = news.some((one) => one === "fired" || one === "relapsed" || one === "lapsed");
  let id = before?.id ?? "";
  if (isOld) await changeAlert(tx, id, alert, spoke);
  else id = await openAlert(tx, { target, check: name, severity }, alert);
  await tell(
    tx,
    now,
    { id, target, check: name, severity, alert },
    {
      before: isOld ? before.alert : undefined,
      news,
    },
  );
}

/** What a check's settings mean for its alert. */
export function ruleOf({
  name,
  severity,
  everyMs,
  forMs,
  resolveAfterMs,
}: WatchedCheck): AlertRule {
  const gapMs = Math.max(GAP_AT_LEAST_MS, GAP_TURNS * everyMs);
  return { check: name, severity, forMs, resolveAfterMs, gapMs };
}

/** An alert goes on when it comes back soon after its end; otherwise its end was one. */
function isSameAlert(before: Alert, after: Alert): boolean {
  return before.state !== "resolved" || after.state === "resolved" || after.relapses > 0;
}

/** Only the time of the look differs, and not by much: what a card shows of it is rounded anyway. */
function isNearlyAsBefore(before: Alert, after: Alert): boolean {
  const passedMs = after.lookedAt.getTime() - before.lookedAt.getTime();
  return (
    before.state === after.state &&
    before.state !== "pending" &&
    before.goodSince?.getTime() === after.goodSince?.getTime() &&
    before.trouble.seen === after.trouble.seen &&
    before.behind === after.behind &&
    passedMs >= 0 &&
    passedMs < 60_000
  );
}

function isBad(alert: Alert): boolean {
  return alert.state !== "resolved" && alert.goodSince === undefined;
}

/** What others depend on is decided before them. */
function causesFirst(
  looks: readonly TakenLook[],
  checks: readonly WatchedCheck[],
): readonly TakenLook[] {
  const depths = new Map<string, number>();
  const depthOf = (name: string): number => {
    if (name === CAN_SEE) return -1;
    const known = depths.get(name);
    if (known !== undefined) return known;
    const causes = checks.find((check) => check.name === name)?.dependsOn ?? [];
    const depth = causes.length === 0 ? 0 : 1 + Math.max(...causes.map(depthOf));
    depths.set(name, depth);
    return depth;
  };
  return looks.toSorted((one, other) => depthOf(one.check.name) - depthOf(other.check.name));
}

/** What speaks for this trouble: what the check depends on, or for one that cannot be looked at our own blindness. */
function causeOf(
  check: WatchedCheck,
  trouble: Trouble | undefined,
  checks: readonly WatchedCheck[],
  bad: ReadonlySet<string>,
): string | undefined {
  const isBlind = trouble?.kind === "blind" && bad.has(CAN_SEE);
  return isBlind ? CAN_SEE : badCauseOf(check, checks, bad);
}

/**
 * The furthest cause that is in trouble: one alert speaks for everything behind it. A warning, which makes no sound, never
 * speaks for what is worth one.
 */
function badCauseOf(
  check: WatchedCheck,
  checks: readonly WatchedCheck[],
  bad: ReadonlySet<string>,
  severity = check.severity,
): string | undefined {
  for (const name of check.dependsOn) {
    const cause = checks.find((one) => one.name === name);
    if (!cause) continue;
    const further = badCauseOf(cause, checks, bad, severity);
    if (further !== undefined) return further;
    const isLouder = severity === "page" && cause.severity === "warn";
    if (bad.has(name) && !isLouder) return name;
  }
  return undefined;
}
