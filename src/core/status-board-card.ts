import { line, type Card, type CardPart } from "./card.ts";
import { formatDuration } from "./duration.ts";
import { bareValueText, measurementName, measurementText, valueText } from "./measurement-text.ts";
import { age, clockTime } from "./moment.ts";
import { groupsOf, type BoardGroup, type Standing } from "./status-board.ts";
import type { Measurement } from "./status.ts";
import { shortened } from "./visible-text.ts";

export type BoardVerdict = "healthy" | "failing" | "unknown";

export type BoardView = {
  /** Of the message that shows the board, so that its button brings this message up to date and no other. */
  readonly id: string;
  readonly target: string;
  readonly verdict: BoardVerdict;
  readonly standings: readonly Standing[];
  /** What else is worth a line: the last preflight, and whatever operations leave behind. */
  readonly facts: readonly CardPart[];
  readonly now: Date;
  readonly timeZone: string;
};

const LINE_LIMIT = 12;
const NAMED_CHECKS = 2;
const REASON_LIMIT = 60;
const MARK: Readonly<Record<BoardVerdict, string>> = {
  healthy: "🟢",
  failing: "🔴",
  unknown: "🟡",
};
const SIGN = { fail: "✗", unknown: "?", pass: "✓", "not-configured": "–" } as const;

/** Target and verdict first, then a line for every group, the worst on top. */
export function boardCard(view: BoardView): Card {
  const { id, target, verdict, standings, facts, now, timeZone } = view;
  const warnings = standings.filter(
    ({ check, status }) => check.severity === "warn" && status === "fail",
  ).length;
  const plural = warnings === 1 ? "warning" : "warnings";
  const suffix = warnings > 0 ? ` · ${warnings} ${plural}` : "";
  const footer = line({ faint: `as of ${clockTime(now, now, timeZone)}` });
  const titleAndFooter = 2;
  return {
    title: `${MARK[verdict]} ${target} · ${verdict}${suffix}`,
    parts: [...groupLines(view, LINE_LIMIT - titleAndFooter - facts.length), ...facts, footer],
    actions: [
      [
        { label: "Refresh", command: `status --refresh ${id}` },
        { label: "Ask now", command: "preflight", style: "primary" },
        { label: "Chart", command: "status --chart" },
      ],
    ],
  };
}

function groupLines({ standings, now }: BoardView, room: number): readonly CardPart[] {
  if (standings.length === 0) return [line("No checks are configured, so nothing is known.")];
  const groups = groupsOf(standings)
    .map(({ name, standings }) => ({ name, standings: standings.toSorted(worstFirst) }))
    .toSorted((one, other) => worstFirst(one.standings[0]!, other.standings[0]!));
  const shown = groups.length > room ? groups.slice(0, room - 1) : groups;
  const rest = groups.slice(shown.length);
  const lines = shown.map((group) => groupLine(group, now));
  return rest.length > 0 ? [...lines, restLine(rest)] : lines;
}

const BADNESS = ["fail", "unknown", "stale", "not-looked", "pass", "not-configured"];

function badness({ kind, status }: Standing): number {
  return BADNESS.indexOf(kind === "current" ? status : kind);
}

/** Of two equally bad the one that decides comes first; what is well keeps the order of the file. */
function worstFirst(one: Standing, other: Standing): number {
  return badness(one) - badness(other) || mildness(one) - mildness(other);
}

function mildness({ check, status }: Standing): number {
  return status !== "pass" && check.severity === "warn" ? 1 : 0;
}

/** The worst speak for their group; the others are better. */
function groupLine({ name, standings }: BoardGroup, now: Date): CardPart {
  const first = standings[0]!;
  const told = standings.filter((standing) => badness(standing) === badness(first));
  const head = `${SIGN[first.status]} `;
  const words = [
    ...who(name, first, told, standings.length),
    ...what(first, told),
    ...when(told, now),
  ];
  return line(head, { bold: name }, words.length > 0 ? ` · ${words.join(" · ")}` : "");
}

/** Which of the group's checks is meant, where it is not all of them. */
function who(
  group: string,
  first: Standing,
  told: readonly Standing[],
  size: number,
): readonly string[] {
  if (first.kind !== "current") return told.length < size ? [`${told.length} of ${size}`] : [];
  if (first.status !== "fail" && first.status !== "unknown") return [];
  const names = told.slice(0, NAMED_CHECKS).map(({ check }) => check.name);
  const rest = told.length > names.length ? ` and ${told.length - names.length} more` : "";
  const isOnlyItself = size === 1 && first.check.name === group;
  // The one that decides stands first, so a warning there means that none decides.
  const isWarning = first.status === "fail" && first.check.severity === "warn";
  return [
    ...(isOnlyItself ? [] : [`${names.join(", ")}${rest}`]),
    ...(isWarning ? ["warning"] : []),
  ];
}

function what(first: Standing, told: readonly Standing[]): readonly string[] {
  if (first.kind === "not-looked") return ["not looked yet"];
  if (first.kind === "stale") return ["stale"];
  switch (first.status) {
    case "pass":
      return [tellingMeasurement(told)];
    case "fail":
      return told.flatMap(crossedLimits).slice(0, 1);
    case "unknown":
      return first.reading.reason === undefined ? [] : [shortReason(first.reading.reason)];
    case "not-configured":
      return ["not configured"];
  }
}

/** Reasons go from what was tried to what came of it, and only the end fits on a phone. */
function shortReason(reason: string): string {
  return shortened(reason.split(": ").at(-1) ?? reason, REASON_LIMIT);
}

/** As old as the oldest that speaks: a line is no fresher than what it rests on. */
function when(told: readonly Standing[], now: Date): readonly string[] {
  const times = told.flatMap((standing) =>
    standing.kind === "not-looked" || standing.status === "not-configured"
      ? []
      : [standing.reading.at.getTime()],
  );
  return times.length === 0 ? [] : [age(new Date(Math.min(...times)), now)];
}

/** The first thing that a check of the group measures, at the highest that any of them saw it. */
function tellingMeasurement(told: readonly Standing[]): string {
  const readings = told.flatMap((standing) =>
    standing.kind === "not-looked" ? [] : [standing.reading],
  );
  const measured = readings.flatMap(({ measurements }) => measurements.filter(isTelling));
  const [first] = measured;
  if (first === undefined) {
    const slowestMs = Math.max(0, ...readings.map(({ durationMs }) => durationMs));
    return formatDuration(slowestMs);
  }
  const same = measured.filter(({ name }) => name === first.name);
  return measurementText({
    name: first.name,
    value: Math.max(...same.map(({ value }) => value)),
  });
}

/** How a check was asked is not what it saw. */
function isTelling({ name }: Measurement): boolean {
  return name !== "retries";
}

function crossedLimits(standing: Standing): readonly string[] {
  if (standing.kind !== "current") return [];
  return standing.check.limits.flatMap(({ measurement, atMost }) =>
    standing.reading.measurements
      .filter(({ name, value }) => name === measurement && value > atMost)
      .map(({ name, value }) => {
        const { unit } = measurementName(name);
        return `${valueText(value, unit)}, limit ${bareValueText(atMost, unit)}`;
      }),
  );
}

function restLine(rest: readonly BoardGroup[]): CardPart {
  const isWell = (group: BoardGroup): boolean =>
    group.standings.every(({ status }) => status === "pass" || status === "not-configured");
  const well = rest.filter(isWell).length;
  const notWell = rest.length - well;
  if (notWell === 0) return line(`${SIGN.pass} … and ${well} more`);
  return line(`${SIGN.unknown} … and ${rest.length} more, ${notWell} of them not well`);
}
