import { alertMark, alertPhrase, type Called } from "./alert-card.ts";
import { alertName } from "./alert-name.ts";
import type { Alert } from "./alert.ts";
import { line, type Card, type CardPart, type CardWord } from "./card.ts";
import { formatDuration } from "./duration.ts";
import { clockMinute, clockTime } from "./moment.ts";
import { openOf, type RoundupTally, type StateCounts } from "./roundup.ts";

export type RoundupView = {
  readonly target: string;
  readonly tally: RoundupTally;
  /** The first of its alerts: what is open before what is over, pages before warnings. */
  readonly first: readonly RoundupAlert[];
  /** Whom it calls, when a page sounds. */
  readonly called: readonly Called[];
  readonly beganAt: Date;
  readonly now: Date;
  readonly timeZone: string;
};

export type RoundupAlert = {
  readonly id: string;
  readonly check: string;
  readonly severity: "page" | "warn";
  readonly alert: Alert;
};

/** How many alerts a roundup names; all are counted, and /alerts lists them. */
export const NAMED_ALERTS = 5;

/** The one card that stands for a storm of alerts, edited as their counts change. */
export function stormCard(view: RoundupView): Card {
  const { target, tally, beganAt, now, timeZone } = view;
  const since = clockMinute(beganAt, now, timeZone);
  const isOver = openOf(tally) === 0;
  return {
    title: isOver
      ? `✅ ${target} · storm over · ${alertsText(totalOf(tally))} since ${since}`
      : `${markOf(tally)} ${target} · storm · ${openText(tally)}`,
    parts: [
      ...(isOver ? [] : [line(`${alertsText(totalOf(tally))} since ${since}, told in this card.`)]),
      ...countLines(tally),
      ...namedLines(view),
      line({ faint: `as of ${clockTime(now, now, timeZone)}` }),
    ],
    actions: ALERTS_BUTTON,
  };
}

/** The word that sounds once for a whole storm. */
export function stormWord(view: RoundupView): Card {
  const { target, tally } = view;
  return {
    title: `${markOf(tally)} ${target} · storm · ${openText(tally)}`,
    parts: [...calledLines(view), ...namedLines(view, 1)],
    actions: [],
  };
}

/** The word that sounds when all of a storm is over. */
export function stormOverWord({ target, tally, beganAt, now }: RoundupView): Card {
  const lasted = formatDuration(now.getTime() - beganAt.getTime());
  const title = `✅ ${target} · storm over after ${lasted} · ${alertsText(totalOf(tally))}`;
  return { title, parts: [], actions: [] };
}

/** What happened while nobody could be told: what fired, what is over again, what is still open. */
export function awayCard(view: RoundupView): Card {
  const { target, tally, beganAt, now, timeZone } = view;
  const from = clockMinute(beganAt, now, timeZone);
  const until = clockMinute(now, now, timeZone);
  const total = totalOf(tally);
  return {
    title: `${markOf(tally)} ${target} · While I was away (${from}–${until})`,
    parts: [
      line(`${alertsText(total)} fired: ${countsText(sum(tally.page, tally.warn))}.`),
      ...calledLines(view),
      ...(total > NAMED_ALERTS ? countLines(tally) : []),
      ...namedLines(view),
      line({ faint: `as of ${clockTime(now, now, timeZone)}` }),
    ],
    actions: ALERTS_BUTTON,
  };
}

const ALERTS_BUTTON: Card["actions"] = [[{ label: "Alerts", command: "alerts" }]];

/** As urgent as the most urgent that nobody has. */
function markOf(tally: RoundupTally): string {
  if (tally.page.firing > 0) return "🔴";
  if (tally.warn.firing > 0) return "🟠";
  return openOf(tally) > 0 ? "👤" : "✅";
}

/** `12 pages and 288 warnings fire`, or who has them. */
function openText({ page, warn }: RoundupTally): string {
  const firing = page.firing + warn.firing;
  if (firing === 0) return `${page.acknowledged + warn.acknowledged} taken`;
  const said = [
    ...(page.firing > 0 ? [counted(page.firing, "page")] : []),
    ...(warn.firing > 0 ? [counted(warn.firing, "warning")] : []),
  ];
  return `${said.join(" and ")} ${firing === 1 ? "fires" : "fire"}`;
}

function countLines({ page, warn }: RoundupTally): readonly CardPart[] {
  return [
    ...(totalOfCounts(page) > 0 ? [line({ bold: "Pages" }, `: ${countsText(page)}`)] : []),
    ...(totalOfCounts(warn) > 0 ? [line({ bold: "Warnings" }, `: ${countsText(warn)}`)] : []),
  ];
}

function countsText({ firing, acknowledged, resolved }: StateCounts): string {
  const said = [
    ...(firing > 0 ? [`${firing} ${firing === 1 ? "fires" : "fire"}`] : []),
    ...(acknowledged > 0 ? [`${acknowledged} taken`] : []),
    ...(resolved > 0 ? [`${resolved} over`] : []),
  ];
  return said.join(", ");
}

function namedLines(view: RoundupView, atMost: number = NAMED_ALERTS): readonly CardPart[] {
  const { first, tally, now, timeZone } = view;
  const named = first.slice(0, atMost);
  const rest = totalOf(tally) - named.length;
  return [
    ...named.map(({ id, check, severity, alert }) =>
      line(
        `${alertMark({ severity, alert, silence: undefined })} `,
        { bold: alertName(id) },
        ` ${alertPhrase({ check, alert, now, timeZone })}`,
      ),
    ),
    ...(rest > 0 ? [line(`… and ${rest} more`)] : []),
  ];
}

function calledLines({ called, tally }: RoundupView): readonly CardPart[] {
  if (tally.page.firing === 0 || called.length === 0) return [];
  const names = called.flatMap(({ name, telegram }, index): readonly CardWord[] => [
    ...(index === 0 ? [] : [", "]),
    { mention: name, telegram },
  ]);
  return [line(...names)];
}

function alertsText(count: number): string {
  return counted(count, "alert");
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function totalOf({ page, warn }: RoundupTally): number {
  return totalOfCounts(page) + totalOfCounts(warn);
}

function totalOfCounts({ firing, acknowledged, resolved }: StateCounts): number {
  return firing + acknowledged + resolved;
}

function sum(one: StateCounts, other: StateCounts): StateCounts {
  return {
    firing: one.firing + other.firing,
    acknowledged: one.acknowledged + other.acknowledged,
    resolved: one.resolved + other.resolved,
  };
}
