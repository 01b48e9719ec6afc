import type { Chart, ChartCurve, ChartPanel, ChartPoint } from "../core/chart.ts";
import { bareValueText } from "../core/measurement-text.ts";
import { curveText } from "../core/status-board-chart.ts";
import { shortened, visibleText } from "../core/visible-text.ts";
import { axisTop, dayTicks, type Tick } from "./chart-axis.ts";

/** Shown 330 points wide on a phone, so what is drawn is a third of its size there. */
const WIDTH = 1000;
const TEXT = 34;
const TITLE_TEXT = 44;
const LINE = 5;
const MARGIN = 36;

const PLOT = { left: 166, right: WIDTH - MARGIN, height: 260 } as const;
const TITLE_HEIGHT = 92;
const PANEL_TITLE_HEIGHT = 56;
const LEGEND_ROW = 50;
const ABOVE_PLOT = 30;
const AXIS_HEIGHT = 62;
const PANEL_GAP = 36;
/** What of this text goes into a row; of a name at least so much is shown. */
const ROW_LIMIT = 52;
const NAME_AT_LEAST = 8;
const FEW = 3;

const INK = {
  text: "#1d2733",
  quiet: "#5b6875",
  grid: "#d5dbe1",
  limit: "#b3261e",
  fail: "#f6c9c5",
  paper: "#ffffff",
} as const;

/** A rim of paper keeps words readable where they lie over lines. */
const HALO = ` stroke="${INK.paper}" stroke-width="8" stroke-linejoin="round" paint-order="stroke"`;

/** Told apart by dash and mark first, and by colour besides. */
const STYLES = [
  { colour: "#0b57b0", dash: "", mark: "circle" },
  { colour: "#8a4a00", dash: "20 12", mark: "square" },
  { colour: "#0a6b4b", dash: "6 10", mark: "triangle" },
] as const;
type Style = (typeof STYLES)[number];

type Frame = { readonly chart: Chart; readonly panel: ChartPanel; readonly top: number };

/** The picture as SVG: the same chart gives the same text. */
export function chartSvg(chart: Chart): string {
  const heights = chart.panels.map(panelHeight);
  const height =
    TITLE_HEIGHT + heights.reduce((sum, each) => sum + each + PANEL_GAP, 0) + MARGIN - PANEL_GAP;
  const panels = chart.panels.map((panel, index) => {
    const above = heights.slice(0, index).reduce((sum, each) => sum + each + PANEL_GAP, 0);
    return drawPanel({ chart, panel, top: TITLE_HEIGHT + above });
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="Inter" font-size="${TEXT}">`,
    `<defs><pattern id="hatch" width="16" height="16" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">`,
    `<rect width="16" height="16" fill="#eef0f2"/><rect width="6" height="16" fill="#aab4be"/></pattern></defs>`,
    `<rect width="${WIDTH}" height="${height}" fill="${INK.paper}"/>`,
    text(MARGIN, 62, chart.title, { size: TITLE_TEXT, isBold: true }),
    ...panels,
    "</svg>",
  ].join("\n");
}

function panelHeight(panel: ChartPanel): number {
  return PANEL_TITLE_HEIGHT + legendHeight(panel) + PLOT.height + AXIS_HEIGHT;
}

function legendHeight({ curves, troubles }: ChartPanel): number {
  const rows = curves.length + new Set(troubles.map(({ kind }) => kind)).size;
  return rows * LEGEND_ROW + ABOVE_PLOT;
}

function drawPanel(frame: Frame): string {
  const { chart, panel, top } = frame;
  const plotTop = top + PANEL_TITLE_HEIGHT + legendHeight(panel);
  const highest = Math.max(
    0,
    ...panel.curves.flatMap(({ points }) => points.map(({ value }) => value)),
  );
  const limits = visibleLimits(panel, highest);
  const axisMaximum = axisTop(Math.max(highest, ...limits), panel.unit);
  const spanMs = chart.to.getTime() - chart.from.getTime();
  const scale: Scale = {
    x: (at) =>
      PLOT.left + ((at.getTime() - chart.from.getTime()) / spanMs) * (PLOT.right - PLOT.left),
    y: (value) => plotTop + PLOT.height * (1 - value / axisMaximum),
  };
  return [
    text(MARGIN, top + 36, panel.title, { isBold: true }),
    legend(panel, top + PANEL_TITLE_HEIGHT),
    ...panel.troubles.map(({ kind, from, to }) => {
      const left = scale.x(from);
      // A moment of trouble must not be thinner than a line.
      const width = Math.max(2 * LINE, scale.x(to) - left);
      return box({ left, top: plotTop, width, height: PLOT.height }, fillOf(kind));
    }),
    ...[0, axisMaximum / 2, axisMaximum].map((value) =>
      gridLine(scale.y(value), value, panel.unit),
    ),
    ...dayTicks(chart.from, chart.to, chart.timeZone).map((tick) =>
      timeTick(scale.x(tick.at), plotTop + PLOT.height, tick),
    ),
    ...limits.map((limit) => limitLine(scale.y(limit))),
    ...panel.curves.map((curve, index) => drawCurve(curve, styleOf(index), scale)),
    // Over the curves, so that none of them strikes through the number.
    ...limits.map((limit) => limitLabel(scale.y(limit), plotTop, limit, panel.unit)),
  ].join("\n");
}

type Scale = { readonly x: (at: Date) => number; readonly y: (value: number) => number };

/** A limit far above everything would press the curves flat; the legend tells it all the same. */
function visibleLimits({ curves }: ChartPanel, highest: number): readonly number[] {
  const limits = new Set(curves.flatMap(({ limit }) => (limit === undefined ? [] : [limit])));
  return [...limits].filter((limit) => limit > 0 && limit <= 4 * Math.max(highest, limit / 8));
}

function legend(panel: ChartPanel, top: number): string {
  const rows = panel.curves.map((curve, index) => {
    const style = styleOf(index);
    const y = top + index * LEGEND_ROW + LEGEND_ROW / 2;
    const said = `: ${curveText(curve, panel.unit)}`;
    const room = Math.max(NAME_AT_LEAST, ROW_LIMIT - said.length);
    const name = shortened(visibleText(curve.name), room);
    return [
      stroke(`M${MARGIN} ${y}H${MARGIN + 92}`, style),
      mark(MARGIN + 46, y, style),
      text(MARGIN + 112, y + 12, `${name}${said}`),
    ].join("\n");
  });
  const kinds = [...new Set(panel.troubles.map(({ kind }) => kind))].toSorted();
  const bands = kinds.map((kind, index) => {
    const y = top + (panel.curves.length + index) * LEGEND_ROW + LEGEND_ROW / 2;
    const label = kind === "fail" ? "a check failed" : "a check could not look";
    return [
      box({ left: MARGIN, top: y - 16, width: 92, height: 32 }, fillOf(kind)),
      text(MARGIN + 112, y + 12, label),
    ].join("\n");
  });
  return [...rows, ...bands].join("\n");
}

function drawCurve(curve: ChartCurve, style: Style, { x, y }: Scale): string {
  const place = ({ at, value }: ChartPoint): string => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
  const stretches = stretchesOf(curve);
  const lines = stretches
    .filter((points) => points.length > 1)
    .map((points) => stroke(`M${points.map(place).join("L")}`, style));
  // A few looks that stand alone make no line to speak of, and the last one is where the eye goes.
  const marked = new Set([
    ...stretches.flatMap((points) => (points.length <= FEW ? points : [])),
    ...curve.points.slice(-1),
  ]);
  const marks = [...marked].map(({ at, value }) => mark(x(at), y(value), style));
  return [...lines, ...marks].join("\n");
}

/** A line over a time in which nobody looked would claim what nobody knows. */
function stretchesOf({ points, gapMs }: ChartCurve): readonly (readonly ChartPoint[])[] {
  const stretches: ChartPoint[][] = [];
  for (const point of points) {
    const current = stretches.at(-1);
    const last = current?.at(-1);
    const isNear = last !== undefined && point.at.getTime() - last.at.getTime() <= gapMs;
    if (current && isNear) current.push(point);
    else stretches.push([point]);
  }
  return stretches;
}

function gridLine(y: number, value: number, unit: string): string {
  return [
    `<path d="M${PLOT.left} ${y}H${PLOT.right}" stroke="${INK.grid}" stroke-width="4"/>`,
    text(PLOT.left - 16, y + 12, bareValueText(value, unit), { anchor: "end", ink: INK.quiet }),
  ].join("\n");
}

function timeTick(x: number, bottom: number, { label }: Tick): string {
  const half = 48;
  const middle = Math.min(Math.max(x, PLOT.left), PLOT.right - half + MARGIN / 2);
  return [
    `<path d="M${x.toFixed(1)} ${bottom}v12" stroke="${INK.quiet}" stroke-width="4"/>`,
    text(middle, bottom + 50, label, { anchor: "middle", ink: INK.quiet }),
  ].join("\n");
}

function limitLine(y: number): string {
  return `<path d="M${PLOT.left} ${y}H${PLOT.right}" stroke="${INK.limit}" stroke-width="4" stroke-dasharray="28 10"/>`;
}

function limitLabel(y: number, plotTop: number, limit: number, unit: string): string {
  const hasRoomAbove = y - plotTop > TEXT + LINE;
  const words = `limit ${bareValueText(limit, unit)}`;
  return text(PLOT.left + 12, hasRoomAbove ? y - 14 : y + 42, words, { ink: INK.limit });
}

function styleOf(index: number): Style {
  return STYLES[index % STYLES.length]!;
}

function fillOf(kind: "fail" | "unknown"): string {
  return kind === "fail" ? INK.fail : "url(#hatch)";
}

function stroke(path: string, { colour, dash }: Style): string {
  const dashes = dash === "" ? "" : ` stroke-dasharray="${dash}"`;
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${LINE}" stroke-linejoin="round"${dashes}/>`;
}

function mark(x: number, y: number, { colour, mark: shape }: Style): string {
  const at = `${x.toFixed(1)} ${y.toFixed(1)}`;
  switch (shape) {
    case "circle":
      return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="11" fill="${colour}"/>`;
    case "square":
      return `<path d="M${at}m-10 -10h20v20h-20z" fill="${colour}"/>`;
    case "triangle":
      return `<path d="M${at}m0 -13l13 23h-26z" fill="${colour}"/>`;
  }
}

type Box = {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
};

function box({ left, top, width, height }: Box, fill: string): string {
  return `<rect x="${left.toFixed(1)}" y="${top}" width="${width.toFixed(1)}" height="${height}" fill="${fill}"/>`;
}

type TextOptions = {
  readonly size?: number;
  readonly isBold?: boolean;
  readonly anchor?: "start" | "middle" | "end";
  readonly ink?: string;
};

function text(x: number, y: number, words: string, options: TextOptions = {}): string {
  const { size = TEXT, isBold = false, anchor = "start", ink = INK.text } = options;
  const weight = isBold ? ' font-weight="700"' : "";
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}"${weight} text-anchor="${anchor}" fill="${ink}"${HALO}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
  return visibleText(words).replaceAll(/[&<>]/g, (character) => entities[character] ?? "");
}
