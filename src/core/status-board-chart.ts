import { line, type Card, type CardPart } from "./card.ts";
import type { Chart, ChartCurve, ChartPanel, ChartPoint, ChartTrouble } from "./chart.ts";
import { bareValueText, measurementName } from "./measurement-text.ts";
import { staleAfterMs, type BoardCheck } from "./status-board.ts";

/** The highest value of a measurement within a bin that begins at this moment. */
export type Peak = {
  readonly check: string;
  readonly name: string;
  readonly at: Date;
  readonly value: number;
};

/** A bin in which a check failed, or could not look. */
export type Trouble = {
  readonly check: string;
  readonly at: Date;
  readonly status: "fail" | "unknown";
};

export type History = {
  readonly from: Date;
  readonly to: Date;
  readonly binMs: number;
  readonly peaks: readonly Peak[];
  readonly troubles: readonly Trouble[];
};

/** As many as a phone can tell apart. */
const CURVES_SHOWN = 3;

/** Charts what has a limit: one panel for every unit, one curve for every measurement of a group. */
export function boardChart(
  target: string,
  timeZone: string,
  checks: readonly BoardCheck[],
  history: History,
): Chart {
  const { from, to } = history;
  const panels = panelsOf(chartedOf(checks), history);
  return { title: `${target} · last 24 h`, from, to, timeZone, panels };
}

/** Charts all that one check measures, whether or not it has a limit. */
export function checkChart(
  target: string,
  timeZone: string,
  check: BoardCheck,
  history: History,
): Chart {
  const measured = [...new Set(history.peaks.map(({ name }) => name))].filter(isMeasured);
  const charted = measured.map((name): Charted => {
    const limit = check.limits.find(({ measurement }) => measurement === name)?.atMost;
    return { group: check.name, name, checks: [check], limit };
  });
  const { from, to } = history;
  const title = `${target} · ${check.name} · last 24 h`;
  return { title, from, to, timeZone, panels: panelsOf(charted, history) };
}

/** How often a check was asked again is not what it saw. */
function isMeasured(name: string): boolean {
  return name !== "retries";
}

/** The chart in words, for whoever cannot see it, and for a terminal. */
export function chartCard({ title, panels }: Chart): Card {
  if (panels.length === 0) {
    const parts = [line("Nothing that has a limit was measured, so there is nothing to draw.")];
    return { title, parts, actions: [] };
  }
  const parts = panels.flatMap(({ unit, curves }) =>
    curves.map((curve) => line({ bold: curve.name }, ` · ${curveText(curve, unit)}`)),
  );
  return { title, parts: [...parts, ...panels.flatMap(troubleParts)], actions: [] };
}

/** `last 3, highest 61, limit 50`; the limit is said because a curve far below it would not show it. */
export function curveText({ points, limit }: ChartCurve, unit: string): string {
  const last = bareValueText(points.at(-1)?.value ?? 0, unit);
  const highest = bareValueText(Math.max(...points.map(({ value }) => value)), unit);
  const end = limit === undefined ? "" : `, limit ${bareValueText(limit, unit)}`;
  return `last ${last}, highest ${highest}${end}`;
}

function troubleParts({ title, troubles }: ChartPanel): readonly CardPart[] {
  const failed = troubles.filter(({ kind }) => kind === "fail").length;
  const blind = troubles.length - failed;
  const words = [
    ...(failed > 0 ? [`failed ${times(failed)}`] : []),
    ...(blind > 0 ? [`could not look ${times(blind)}`] : []),
  ];
  return words.length > 0 ? [line({ faint: `${title}: ${words.join(", ")}` })] : [];
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

/** A measurement of a group, with the checks that take it. */
type Charted = {
  readonly group: string;
  readonly name: string;
  readonly checks: readonly BoardCheck[];
  readonly limit: number | undefined;
};

function chartedOf(checks: readonly BoardCheck[]): readonly Charted[] {
  const limited = checks.flatMap((check) =>
    check.limits.map(({ measurement, atMost }) => ({
      check,
      group: check.group ?? check.name,
      name: measurement,
      limit: atMost,
    })),
  );
  return [...Map.groupBy(limited, ({ group, name }) => JSON.stringify([group, name])).values()].map(
    (members): Charted => ({
      group: members[0]!.group,
      name: members[0]!.name,
      checks: members.map(({ check }) => check),
      // What the strictest of them bears.
      limit: Math.min(...members.map(({ limit }) => limit)),
    }),
  );
}

function panelsOf(charted: readonly Charted[], history: History): readonly ChartPanel[] {
  return [...Map.groupBy(charted, ({ name }) => measurementName(name).unit)]
    .map(([unit, members]) => panelOf(unit, members, history))
    .filter((panel) => panel.curves.length > 0 || panel.troubles.length > 0);
}

function panelOf(unit: string, charted: readonly Charted[], history: History): ChartPanel {
  const shown = charted.slice(0, CURVES_SHOWN);
  // What has a name of its own, as queues have, is called by it; a latency is somebody's.
  const subjects = new Set(shown.map(({ name }) => measurementName(name).what));
  const isOneSubject = subjects.size === 1 && !shown.some(({ name }) => name.includes("."));
  const [subject = ""] = subjects;
  return {
    title: capitalised(isOneSubject ? subject : unit),
    unit,
    curves: shown.flatMap((member) =>
      curveOf(member, isOneSubject ? member.group : measurementName(member.name).what, history),
    ),
    troubles: troublesOf(new Set(shown.flatMap(({ checks }) => checks)), history),
  };
}

function curveOf(charted: Charted, name: string, { peaks, binMs }: History): readonly ChartCurve[] {
  const checks = new Set(charted.checks.map((check) => check.name));
  const own = peaks.filter((peak) => peak.name === charted.name && checks.has(peak.check));
  const highest = new Map<number, number>();
  for (const { at, value } of own) {
    highest.set(at.getTime(), Math.max(value, highest.get(at.getTime()) ?? value));
  }
  const points = [...highest]
    .toSorted(([one], [other]) => one - other)
    .map(([atMs, value]): ChartPoint => ({ at: new Date(atMs), value }));
  if (points.length === 0) return [];
  const gapMs = binMs + Math.max(...charted.checks.map(staleAfterMs));
  return [{ name, points, gapMs, limit: charted.limit }];
}

/** Bins of the same kind that touch are one stretch; where both kinds meet, the failure is what counts. */
function troublesOf(
  checks: ReadonlySet<BoardCheck>,
  { troubles, binMs, to }: History,
): readonly ChartTrouble[] {
  const names = new Set([...checks].map(({ name }) => name));
  const bins = new Map<number, ChartTrouble["kind"]>();
  for (const { check, at, status } of troubles) {
    if (!names.has(check)) continue;
    if (bins.get(at.getTime()) !== "fail") bins.set(at.getTime(), status);
  }
  const stretches: ChartTrouble[] = [];
  for (const [startMs, kind] of [...bins].toSorted(([one], [other]) => one - other)) {
    const from = new Date(startMs);
    const until = new Date(Math.min(startMs + binMs, to.getTime()));
    const last = stretches.at(-1);
    if (last?.kind === kind && last.to.getTime() >= startMs) {
      stretches[stretches.length - 1] = { ...last, to: until };
    } else {
      stretches.push({ kind, from, to: until });
    }
  }
  return stretches;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
