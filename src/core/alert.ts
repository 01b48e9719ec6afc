import type { Trouble } from "./trouble.ts";

/** When a check's trouble becomes an alert, and when that is over. */
export type AlertRule = {
  readonly check: string;
  readonly severity: "page" | "warn";
  /** How long it must last before it fires. */
  readonly forMs: number;
  /** How long all must be well before it is over. */
  readonly resolveAfterMs: number;
  /** Looks that lie further apart than this say nothing about the time between them. */
  readonly gapMs: number;
};

/** What every alert knows, whatever its state. */
type Course = {
  /** The first bad look. */
  readonly since: Date;
  readonly lookedAt: Date;
  /** The newest that was seen against the check. */
  readonly trouble: Trouble;
  /** Since when it has looked well again. */
  readonly goodSince: Date | undefined;
  /** How often it came back before it was over, or soon after. */
  readonly relapses: number;
  /** The check behind whose alert this one stands: it is listed there and does not speak for itself. */
  readonly behind: string | undefined;
};

/** A check's lasting trouble and its life until it is over. */
export type Alert =
  | (Course & { readonly state: "pending" })
  | (Course & { readonly state: "firing" } & Fired)
  | (Course & { readonly state: "acknowledged" } & Fired & Acknowledgement)
  | (Course & { readonly state: "resolved"; readonly resolvedAt: Date } & Fired);

type Fired = {
  readonly firedAt: Date;
  /** When the chat was last told that it fires; not at all while it was silenced, or stood behind another. */
  readonly toldAt: Date | undefined;
  /** It came back too soon after the last word for another one; that one is still to be said. */
  readonly owesWord: boolean;
};

export type Acknowledgement = {
  readonly acknowledgedBy: string;
  readonly acknowledgedAt: Date;
};

/** What a look at the check came to; without trouble all is well. */
export type Look = { readonly at: Date; readonly trouble: Trouble | undefined };

/** What speaks against speaking, at the moment of the look. */
export type Circumstances = {
  /** The check, further up, whose trouble explains this one. */
  readonly behind: string | undefined;
  readonly isSilenced: boolean;
  /** A run that is under way has said that it disturbs this check until then. */
  readonly disturbedUntil: Date | undefined;
};

/** Something about an alert that people are to hear, or whose card has to follow. */
export type AlertNews = "fired" | "relapsed" | "lapsed" | "resolved" | "changed";

export type AlertDecision = {
  /** The alert as it stands now; none when there is nothing to remember. */
  readonly alert: Alert | undefined;
  readonly news: readonly AlertNews[];
};

/** Whoever took an alert on has let it lie this long: it speaks again. */
export const ACKNOWLEDGED_FOR_MS = 2 * 60 * 60_000;
/** What comes back this soon after it was over is the same alert. */
export const SAME_ALERT_WITHIN_MS = 10 * 60_000;
/** An alert that comes back speaks no more often than this. */
const SPEAKS_EVERY_MS = 5 * 60_000;
/** From here on it flaps, and is over only after this long in one piece. */
const FLAPS_FROM = 3;
const FLAPPING_OVER_AFTER_MS = 5 * 60_000;

/** What becomes of a check's alert by one look at the check. Looks come in order of time. */
export function decideAlert(
  rule: AlertRule,
  before: Alert | undefined,
  look: Look,
  circumstances: Circumstances,
): AlertDecision {
  const alert = before && isSame(before, look) ? notAfter(before, look.at) : undefined;
  return look.trouble === undefined
    ? decideGood(rule, alert, look)
    : decideBad(rule, alert, { ...look, trouble: look.trouble }, circumstances);
}

/** Somebody takes an alert on. Only what fires can be taken; what is acknowledged is somebody's already. */
export function acknowledge(
  alert: Alert,
  acknowledgement: Acknowledgement,
): (Alert & { readonly state: "acknowledged" }) | undefined {
  if (alert.state !== "firing") return undefined;
  const { firedAt, toldAt, owesWord } = alert;
  const fired = { firedAt, toldAt, owesWord };
  return { ...courseOf(alert), state: "acknowledged", ...fired, ...acknowledgement };
}

export function isFlapping({ relapses }: Pick<Alert, "relapses">): boolean {
  return relapses >= FLAPS_FROM;
}

/** How long all must be well: an alert that flaps has to prove itself for longer. */
function resolvesAfterMs(rule: AlertRule, alert: Pick<Alert, "relapses">): number {
  return isFlapping(alert)
    ? Math.max(rule.resolveAfterMs, FLAPPING_OVER_AFTER_MS)
    : rule.resolveAfterMs;
}

function isSame(alert: Alert, { at }: Look): boolean {
  if (alert.state !== "resolved") return true;
  return at.getTime() - alert.resolvedAt.getTime() <= SAME_ALERT_WITHIN_MS;
}

/** When the clock was set back, nothing that has happened lies ahead of it: or all would wait for that time to come again. */
function notAfter(alert: Alert, now: Date): Alert {
  const cut = (at: Date): Date => (at > now ? now : at);
  const { goodSince } = alert;
  const course = {
    ...courseOf(alert),
    since: cut(alert.since),
    lookedAt: cut(alert.lookedAt),
    goodSince: goodSince && cut(goodSince),
  };
  if (alert.state === "pending") return { ...course, state: alert.state };
  const { firedAt, toldAt, owesWord } = alert;
  const fired = { firedAt: cut(firedAt), toldAt: toldAt && cut(toldAt), owesWord };
  switch (alert.state) {
    case "firing":
      return { ...course, ...fired, state: alert.state };
    case "acknowledged": {
      const { acknowledgedBy, acknowledgedAt } = alert;
      const acknowledgement = { acknowledgedBy, acknowledgedAt: cut(acknowledgedAt) };
      return { ...course, ...fired, ...acknowledgement, state: alert.state };
    }
    case "resolved":
      return { ...course, ...fired, state: alert.state, resolvedAt: cut(alert.resolvedAt) };
  }
}

function decideGood(rule: AlertRule, alert: Alert | undefined, { at }: Look): AlertDecision {
  if (alert === undefined) return { alert: undefined, news: [] };
  switch (alert.state) {
    case "pending":
      return { alert: undefined, news: [] };
    case "resolved":
      return { alert, news: [] };
    case "firing":
    case "acknowledged": {
      const goodSince = isAfterGap(rule, alert, at) ? at : (alert.goodSince ?? at);
      const course = { ...alert, lookedAt: at, goodSince };
      const wellForMs = at.getTime() - goodSince.getTime();
      if (wellForMs < resolvesAfterMs(rule, alert)) {
        return { alert: course, news: alert.goodSince === undefined ? ["changed"] : [] };
      }
      const { firedAt, toldAt, owesWord } = alert;
      const over = { ...courseOf(course), state: "resolved", resolvedAt: at } as const;
      // Whoever heard last that all is well, or nothing at all, need not hear it again.
      const isNews = toldAt !== undefined && !owesWord;
      return {
        alert: { ...over, firedAt, toldAt, owesWord: false },
        news: [isNews ? "resolved" : "changed"],
      };
    }
  }
}

type BadLook = Look & { readonly trouble: Trouble };

function decideBad(
  rule: AlertRule,
  alert: Alert | undefined,
  look: BadLook,
  circumstances: Circumstances,
): AlertDecision {
  if (alert === undefined) return begin(rule, look, circumstances);
  const course = { ...courseOf(alert), ...seenIn(look, circumstances), goodSince: undefined };
  switch (alert.state) {
    case "pending": {
      const since = isAfterGap(rule, alert, look.at) ? look.at : alert.since;
      return decidePending(rule, { ...course, state: "pending", since }, look, circumstances);
    }
    case "firing":
    case "acknowledged": {
      const relapses = alert.relapses + (alert.goodSince === undefined ? 0 : 1);
      const next = { ...alert, ...course, relapses };
      // While nothing may be said of it, it stays with whoever has it.
      if (hasLapsed(next, look.at) && !isHushed(circumstances)) return lapse(next, look);
      const isNews = relapses !== alert.relapses || differs(alert, course);
      return speak(next, look, circumstances, isNews ? ["changed"] : []);
    }
    case "resolved": {
      if (isDisturbed(look, circumstances)) return { alert, news: [] };
      const { firedAt, toldAt } = alert;
      const relapses = alert.relapses + 1;
      const again = { ...course, relapses, since: look.at, state: "firing" } as const;
      return speak({ ...again, firedAt, toldAt, owesWord: true }, look, circumstances, ["changed"]);
    }
  }
}

function begin(rule: AlertRule, look: BadLook, circumstances: Circumstances): AlertDecision {
  const seen = seenIn(look, circumstances);
  const pending = { since: look.at, goodSince: undefined, relapses: 0, ...seen };
  return decidePending(rule, { ...pending, state: "pending" }, look, circumstances);
}

function decidePending(
  rule: AlertRule,
  alert: Alert & { readonly state: "pending" },
  look: BadLook,
  circumstances: Circumstances,
): AlertDecision {
  const lastedMs = look.at.getTime() - alert.since.getTime();
  if (lastedMs < rule.forMs || isDisturbed(look, circumstances)) return { alert, news: [] };
  const fired = { firedAt: look.at, toldAt: undefined, owesWord: false };
  return speak({ ...alert, state: "firing", ...fired }, look, circumstances, []);
}

/** Says what was not said yet and may be said now: at first, after a silence, or when whatever stood before it is over. */
function speak(
  alert: Alert & { readonly state: "firing" | "acknowledged" },
  { at }: Look,
  circumstances: Circumstances,
  otherwise: readonly AlertNews[],
): AlertDecision {
  if (alert.state === "acknowledged" || isHushed(circumstances)) return { alert, news: otherwise };
  const told = { ...alert, toldAt: at, owesWord: false };
  if (alert.toldAt === undefined) return { alert: told, news: ["fired"] };
  const isDue = at.getTime() - alert.toldAt.getTime() >= SPEAKS_EVERY_MS;
  return alert.owesWord && isDue ? { alert: told, news: ["relapsed"] } : { alert, news: otherwise };
}

/** Nobody has it any more. */
function lapse(
  acknowledged: Alert & { readonly state: "acknowledged" },
  { at }: Look,
): AlertDecision {
  const { firedAt } = acknowledged;
  const fired = { firedAt, toldAt: at, owesWord: false };
  return { alert: { ...courseOf(acknowledged), state: "firing", ...fired }, news: ["lapsed"] };
}

function isAfterGap({ gapMs }: AlertRule, { lookedAt }: Alert, at: Date): boolean {
  return at.getTime() - lookedAt.getTime() > gapMs;
}

function isHushed({ behind, isSilenced }: Circumstances): boolean {
  return behind !== undefined || isSilenced;
}

function courseOf({ since, lookedAt, trouble, goodSince, relapses, behind }: Alert): Course {
  return { since, lookedAt, trouble, goodSince, relapses, behind };
}

function seenIn(
  { at, trouble }: BadLook,
  { behind }: Circumstances,
): Pick<Course, "lookedAt" | "trouble" | "behind"> {
  return { lookedAt: at, trouble, behind };
}

/** The same words again are no news, and neither is another number in them: cards bear only so many edits. */
function differs(alert: Alert, course: Course): boolean {
  return (
    alert.behind !== course.behind ||
    alert.trouble.kind !== course.trouble.kind ||
    withoutNumbers(alert.trouble.seen) !== withoutNumbers(course.trouble.seen)
  );
}

function withoutNumbers(text: string): string {
  return text.replaceAll(/\d+(?:\.\d+)?/g, "0");
}

function isDisturbed({ at }: Look, { disturbedUntil }: Circumstances): boolean {
  return disturbedUntil !== undefined && at.getTime() < disturbedUntil.getTime();
}

function hasLapsed(alert: Alert, at: Date): alert is Alert & { readonly state: "acknowledged" } {
  return (
    alert.state === "acknowledged" &&
    at.getTime() - alert.acknowledgedAt.getTime() >= ACKNOWLEDGED_FOR_MS
  );
}
