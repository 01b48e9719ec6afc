/** Why one card stands for many: more alerts than a chat bears, or alerts that nobody could be told in time. */
export type RoundupKind = "storm" | "away";

/** What alerts want to say in a chat and could not say yet. */
export type Waiting = {
  readonly alerts: number;
  /** Since when the oldest word that should sound has waited. */
  readonly wordsSince: Date | undefined;
};

/** How a roundup stands. */
export type Roundup = {
  readonly kind: RoundupKind;
  readonly beganAt: Date;
  /** When it last took something in. */
  readonly fedAt: Date;
  readonly rangAt: Date | undefined;
  readonly endedAt: Date | undefined;
};

/** How many of its alerts stand how. */
export type StateCounts = {
  readonly firing: number;
  readonly acknowledged: number;
  readonly resolved: number;
};

export type RoundupTally = { readonly page: StateCounts; readonly warn: StateCounts };

export type RoundupDecision = {
  /** It takes in nothing more: what comes from now on speaks for itself. */
  readonly ends: boolean;
  /** Everything that it stands for is over. */
  readonly closes: boolean;
  /** Somebody has to hear of it now. */
  readonly rings: boolean;
};

const ALERTS_AT_ONCE = 5;
/** A page is a card and a word. */
const MESSAGES_AN_ALERT = 2;
/** Whoever waited longer than this for a word was away, as far as the chat is concerned. */
const AWAY_AFTER_MS = 2 * 60_000;
const CALM_AFTER_MS = 2 * 60_000;
const RINGS_EVERY_MS = 5 * 60_000;
/** An older card stands so far up in the chat that nobody would see it change. */
const GOES_ON_WITHIN_MS = 60 * 60_000;

/** How many alerts may wait at once before it is a storm; never more than a chat with these limits hears in a minute. */
export function stormLimit(alertMessagesPerMinute: number): number {
  const heardInAMinute = Math.floor(alertMessagesPerMinute / MESSAGES_AN_ALERT);
  return Math.max(1, Math.min(ALERTS_AT_ONCE, heardInAMinute));
}

/** Whether what waits is to be told in one card, and as what. */
export function roundupFor(
  { alerts, wordsSince }: Waiting,
  limit: number,
  now: Date,
): RoundupKind | undefined {
  if (wordsSince !== undefined && isLate(wordsSince, now)) return "away";
  return alerts > limit ? "storm" : undefined;
}

/** A storm of which nobody heard in time is told as what happened meanwhile. */
export function kindOf(
  { kind, beganAt, endedAt }: Pick<Roundup, "kind" | "beganAt" | "endedAt">,
  isTold: boolean,
  now: Date,
): RoundupKind {
  return endedAt === undefined && !isTold && isLate(beganAt, now) ? "away" : kind;
}

/** A storm that is not long over goes on when there are many again; its card is still in sight. */
export function goesOn({ kind, fedAt }: Pick<Roundup, "kind" | "fedAt">, now: Date): boolean {
  return kind === "storm" && now.getTime() - fedAt.getTime() < GOES_ON_WITHIN_MS;
}

/** What becomes of a roundup. `wordAt` is the newest word that it holds about a page that still sounds. */
export function decideRoundup(
  { kind, fedAt, rangAt, endedAt }: Roundup,
  tally: RoundupTally,
  { isTold, wordAt }: { readonly isTold: boolean; readonly wordAt: Date | undefined },
  now: Date,
): RoundupDecision {
  const isCalm = kind === "away" || isOver(CALM_AFTER_MS, fedAt, now);
  const ends = endedAt === undefined && isTold && isCalm;
  const isEnded = ends || endedAt !== undefined;
  return {
    ends,
    closes: isEnded && openOf(tally) === 0,
    rings: kind === "storm" && wordAt !== undefined && mayRing(rangAt, wordAt, now),
  };
}

export function openOf({ page, warn }: RoundupTally): number {
  return page.firing + page.acknowledged + warn.firing + warn.acknowledged;
}

function mayRing(rangAt: Date | undefined, wordAt: Date, now: Date): boolean {
  if (rangAt === undefined) return true;
  return isOver(RINGS_EVERY_MS, rangAt, now) && (wordAt > rangAt || rangAt > now);
}

/**
 * A pause that began long after now began before the clock was set back; nobody waits for that time to come again. What
 * began just after it was written by somebody who was faster.
 */
function isOver(pauseMs: number, since: Date, now: Date): boolean {
  return Math.abs(now.getTime() - since.getTime()) >= pauseMs;
}

function isLate(since: Date, now: Date): boolean {
  return now.getTime() - since.getTime() > AWAY_AFTER_MS;
}
