import type { Goal, Unit } from "./bench.ts";
import type { Summary } from "./summary.ts";

const HEADINGS = [
  "measured",
  "Flightdeck",
  "beside it",
  "ratio",
  "difference",
  "goal",
  "",
] as const;

/** For a terminal: columns padded to equal width. */
export function textTable(summaries: readonly Summary[]): string {
  const rows = [HEADINGS, ...summaries.map(cells)];
  const widths = HEADINGS.map((_heading, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("   ")
      .trimEnd();
  const [headings = [], ...others] = rows;
  const ruler = widths.map((width) => "─".repeat(width)).join("───");
  return [line(headings), ruler, ...others.map(line)].join("\n");
}

/** For docs/benchmarks.md. */
export function markdownTable(summaries: readonly Summary[]): string {
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const ruler = HEADINGS.map(() => "---");
  return [HEADINGS, ruler, ...summaries.map(cells)].map(line).join("\n");
}

function cells(summary: Summary): readonly string[] {
  const { what, unit, ours, beside, besideName, difference, goal } = summary;
  return [
    what,
    withUnit(ours, unit),
    `${withUnit(beside, unit)}, ${besideName}`,
    ratioOf(summary),
    `${difference < 0 ? "−" : "+"}${withUnit(Math.abs(difference), unit)}`,
    goal === undefined ? "–" : goalInWords(goal, unit),
    verdict(summary),
  ];
}

/** Beside nothing there is no ratio. */
function ratioOf({ beside, ratio, ratioRange: [lowest, highest] }: Summary): string {
  return beside === 0 ? "–" : `${ratio.toFixed(2)} (${lowest.toFixed(2)}–${highest.toFixed(2)})`;
}

function goalInWords(goal: Goal, unit: Unit): string {
  const [sign, limit] = "atMost" in goal ? ["≤", goal.atMost] : ["≥", goal.atLeast];
  switch (goal.of) {
    case "value":
      return `${sign} ${withUnit(limit, unit)}`;
    case "ratio":
      return `ratio ${sign} ${limit}`;
    case "difference":
      return `${sign} +${withUnit(limit, unit)}`;
  }
}

function verdict({ reached }: Summary): string {
  if (reached === undefined) return "";
  return reached ? "reached" : "falls short";
}

/** Three digits say what there is to say; more of them are noise. */
function withUnit(value: number, unit: Unit): string {
  const digits = Math.abs(value) < 100 ? 1 : 0;
  return `${Number(value.toFixed(digits))} ${unit}`;
}
