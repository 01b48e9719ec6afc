import { describe, expect, test } from "vitest";

import type { Chart, ChartCurve, ChartPanel } from "../core/chart.ts";
import { pngOf, chartPicture } from "./chart-picture.ts";
import { chartSvg } from "./chart-svg.ts";

const to = new Date("2026-11-23T04:50:00Z");
const from = new Date(to.getTime() - 86_400_000);
const hours = (count: number): Date => new Date(from.getTime() + count * 3_600_000);

function curve(
  name: string,
  values: readonly number[],
  more: Partial<ChartCurve> = {},
): ChartCurve {
  const points = values.map((value, index) => ({ at: hours(index), value }));
  return { name, points, gapMs: 3_600_000, limit: undefined, ...more };
}

const latency: ChartPanel = {
  title: "Latency",
  unit: "Ms",
  curves: [curve("api", [40, 55, 488, 50, 60], { limit: 5_000 }), curve("outside", [200, 210])],
  troubles: [{ kind: "unknown", from: hours(5), to: hours(6) }],
};
const jobs: ChartPanel = {
  title: "Jobs",
  unit: "jobs",
  curves: [curve("default_queue", [1, 2, 61, 3, 4], { limit: 50 })],
  troubles: [{ kind: "fail", from: hours(2), to: hours(3) }],
};
const chart: Chart = {
  title: "production · last 24 h",
  from,
  to,
  timeZone: "Europe/Berlin",
  panels: [latency, jobs],
};

function words(svg: string): readonly string[] {
  return [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map((match) => match[1] ?? "");
}

function withPanel(panel: Partial<ChartPanel>): string {
  return chartSvg({ ...chart, panels: [{ ...latency, troubles: [], ...panel }] });
}

describe("the chart", () => {
  test("says everything that its curves mean", () => {
    expect(words(chartSvg(chart))).toEqual(
      expect.arrayContaining([
        "production · last 24 h",
        "Latency",
        "api: last 60ms, highest 488ms, limit 5s",
        "outside: last 210ms, highest 210ms",
        "a check could not look",
        "0",
        "300ms",
        "600ms",
        "06:00",
        "12:00",
        "18:00",
        "00:00",
        "Jobs",
        "default_queue: last 4, highest 61, limit 50",
        "a check failed",
        "limit 50",
        "40",
        "80",
      ]),
    );
  });

  test("is legible on a phone: 1000 wide, no text under 32, no line under 4", () => {
    const svg = chartSvg(chart);
    expect(svg).toMatch(/^<svg [^>]*width="1000"/);
    const sizes = [...svg.matchAll(/font-size="(\d+)"/g)].map((match) => Number(match[1]));
    const widths = [...svg.matchAll(/stroke-width="(\d+)"/g)].map((match) => Number(match[1]));
    expect(sizes.length).toBeGreaterThan(10);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(32);
    expect(Math.min(...widths)).toBeGreaterThanOrEqual(4);
  });

  test("is the same for the same data", () => {
    expect(chartSvg(structuredClone(chart))).toBe(chartSvg(chart));
  });

  test("tells curves apart by dash and mark, and trouble by hatching, not by colour alone", () => {
    const uncoloured = chartSvg(chart).replaceAll(/#[0-9a-f]{6}/g, "#000000");
    const svg = withPanel({ curves: ["a", "b", "c"].map((name) => curve(name, [1, 2])) });
    expect(svg).toContain('stroke-dasharray="20 12"');
    expect(svg).toContain('stroke-dasharray="6 10"');
    expect(svg).toContain("<circle");
    expect(svg).toMatch(/m-10 -10h20v20h-20z/);
    expect(svg).toMatch(/l13 23h-26z/);
    expect(uncoloured).toContain('fill="url(#hatch)"');
  });

  test("draws no line over a time in which nobody looked, and marks a look that stands alone", () => {
    const points = [0, 1, 2, 3, 9, 20, 21, 22, 23].map((hour) => ({ at: hours(hour), value: 5 }));
    const svg = withPanel({ curves: [curve("api", [], { points })] });
    const lines = [...svg.matchAll(/<path d="M[\d.]+ [\d.]+L[^"]*"/g)];
    expect(lines).toHaveLength(2);
    // One in the legend, the lone look, and the last.
    expect([...svg.matchAll(/<circle/g)]).toHaveLength(3);
  });

  test("draws a limit that is near, and only tells one that is far above everything", () => {
    const near = withPanel({ curves: [curve("api", [40], { limit: 100 })] });
    expect(words(near)).toContain("limit 100ms");
    const far = withPanel({ curves: [curve("api", [40], { limit: 5_000 })] });
    expect(words(far)).not.toContain("limit 5s");
    expect(words(far)).toContain("api: last 40ms, highest 40ms, limit 5s");
  });

  test("keeps everything inside the picture, however high, late or long", () => {
    const wild = withPanel({
      curves: [
        curve("x".repeat(200), [0, 1e9], { limit: 1e9 }),
        { ...curve("late", []), points: [{ at: to, value: 1 }] },
      ],
      troubles: [{ kind: "fail", from: hours(23.9), to }],
    });
    const height = Number(/height="(\d+)"/.exec(wild)?.[1]);
    for (const [, x, y] of wild.matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)) {
      expect(Number(x)).toBeGreaterThanOrEqual(0);
      expect(Number(x)).toBeLessThanOrEqual(1000);
      expect(Number(y)).toBeGreaterThanOrEqual(0);
      expect(Number(y)).toBeLessThanOrEqual(height);
    }
    expect(words(wild).every((text) => text.length <= 60)).toBe(true);
    expect(wild).not.toContain("NaN");
  });

  test("shows a name as it is and lets none of it become markup", () => {
    const svg = withPanel({ curves: [curve('a<b>&"\u202E', [1, 2])] });
    expect(svg).toContain("a&lt;b&gt;&amp;");
    expect(svg).not.toContain("\u202E");
  });
});

describe("the picture", () => {
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

  test("is a PNG of the chart's size, far below what Telegram takes", async () => {
    const png = Buffer.from(await chartPicture(chart));
    expect(png.subarray(0, 8)).toEqual(signature);
    expect(png.readUInt32BE(16)).toBe(1000);
    expect(png.readUInt32BE(20)).toBe(Number(/height="(\d+)"/.exec(chartSvg(chart))?.[1]));
    expect(png.length).toBeLessThan(1_000_000);
  });

  test("has its words drawn, in both weights", async () => {
    const svg = chartSvg(chart);
    const bold = svg.replaceAll(/<text (?![^>]*font-weight)[^>]*>[^<]*<\/text>/g, "");
    const none = svg.replaceAll(/<text [^>]*>[^<]*<\/text>/g, "");
    const [all, onlyBold, without] = await Promise.all([svg, bold, none].map(pngOf));
    // A font that is missing leaves its words out without a word about it.
    expect(Buffer.compare(all!, onlyBold!)).not.toBe(0);
    expect(Buffer.compare(onlyBold!, without!)).not.toBe(0);
  });

  test("is the same for the same data", async () => {
    const [one, other] = await Promise.all([chartPicture(chart), chartPicture(chart)]);
    expect(Buffer.compare(one, other)).toBe(0);
  });
});
