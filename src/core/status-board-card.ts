import { line, type Card, type CardPart } from "./card.ts";
import { formatDuration } from "./duration.ts";
import { measurementText } from "./measurement-text.ts";
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
const REASON_LIMIT = 80;
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
    .map((group) => ({ group, rank: Math.min(...group.standings.map(rankOf)) }))
    .toSorted((one, other) => one.rank - other.rank);
  const shown = groups.length > room ? groups.slice(0, room - 1) : groups;
  const rest = groups.slice(shown.length);
  const lines = shown.map(({ group, rank }) => groupLine(group, rank, now));
  return rest.length > 0 ? [...lines, restLine(rest.map(({ group }) => group))] : lines;
}

/** Of two equally bad the one that decides comes first. */
function rankOf({ check, kind, status }: Standing): number {
  const badness = ["fail", "unknown", "stale", "not-looked", "pass", "not-configured"].indexOf(
    kind === "current" ? status : kind,
  );
  return 2 * badness + (check.severity === "page" ? 0 : 1);
}

/** What decides about a group speaks for it; the others agree or are better. */
function groupLine({ name, standings }: BoardGroup, rank: number, now: Date): CardPart {
  const told = standings.filter((standing) => rankOf(standing) === rank);
  const [first] = told;
  if (!first) return line(name);
  const head = `${SIGN[first.status]} `;
  const words = [...who(name, told, standings.length), ...what(told), ...when(told, now)];
  return line(head, { bold: name }, words.length > 0 ? ` · ${words.join(" · ")}` : "");
}

/** Which of the group's checks is meant, where it is not all of them. */
function who(group: string, told: readonly Standing[], size: number): readonly string[] {
  const [first] = told;
  const isTrouble = first?.kind === "current" && ["fail", "unknown"].includes(first.status);
  const isOnlyItself = size === 1 && first?.check.name === group;
  if (isTrouble && !isOnlyItself) {
    const names = told.slice(0, NAMED_CHECKS).map(({ check }) => check.name);
    const rest = told.length - names.length;
    const warning = first.status === "fail" && first.check.severity === "warn" ? " (warning)" : "";
    return [`${names.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}${warning}`];
  }
  const isSilent = first?.kind === "current" && first.status === "not-configured";
  return told.length < size && first?.kind !== "current" && !isSilent
    ? [`${told.length} of ${size}`]
    : [];
}

function what(told: readonly Standing[]): readonly string[] {
  const [first] = told;
  switch (first?.kind) {
    case undefined:
      return [];
    case "not-looked":
      return ["not looked yet"];
    case "stale":
      return ["stale"];
    case "current":
      break;
  }
  const { status, reading } = first;
  switch (status) {
    case "pass":
      return [tellingMeasurement(told)];
    case "fail":
      return told.flatMap(crossedLimits).slice(0, 1);
    case "unknown":
      return reading.reason === undefined ? [] : [shortened(reading.reason, REASON_LIMIT)];
    case "not-configured":
      return ["not configured"];
  }
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
    return `answered in ${formatDuration(slowestMs)}`;
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
      .map((measured) => `${measurementText(measured)}, limit ${atMost}`),
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
