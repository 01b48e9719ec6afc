import { fileURLToPath } from "node:url";

import type { Chart } from "../core/chart.ts";
import { chartSvg } from "./chart-svg.ts";

/** Named one by one: without its own font file resvg draws no text and says nothing about it. */
const FONT_FILES = [
  import.meta.resolve("@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf"),
  import.meta.resolve("@expo-google-fonts/inter/700Bold/Inter_700Bold.ttf"),
].map((file) => fileURLToPath(file));

/** A chart as a PNG, the same on every machine; drawn on a thread of its own, so that the bot goes on meanwhile. */
export async function chartPicture(chart: Chart): Promise<Uint8Array> {
  return pngOf(chartSvg(chart));
}

export async function pngOf(svg: string): Promise<Uint8Array> {
  // Loaded with the first picture: most processes never draw one.
  const { renderAsync } = await import("@resvg/resvg-js");
  const image = await renderAsync(svg, {
    font: { loadSystemFonts: false, fontFiles: FONT_FILES, defaultFontFamily: "Inter" },
  });
  return image.asPng();
}
