import { expect, test } from "vitest";

import type { Summary } from "./summary.ts";
import { markdownTable, textTable } from "./table.ts";

const late: Summary = {
  what: "an answer",
  unit: "ms",
  ours: 64.71,
  besideName: "bare bot",
  beside: 10.66,
  ratio: 6.071,
  ratioRange: [5.05, 7.449],
  difference: 54.12,
  goal: { of: "difference", atMost: 25 },
  reached: false,
};
const light: Summary = {
  ...late,
  what: "memory",
  unit: "MiB",
  ours: 90,
  beside: 120.4,
  ratio: 0.7475,
  ratioRange: [0.7, 0.8],
  difference: -30.4,
  goal: { of: "ratio", atMost: 1.5 },
  reached: true,
};
const unjudged: Summary = { ...late, what: "a note", goal: undefined, reached: undefined };

test("the Markdown table says what was measured, beside what, and which goal is missed", () => {
  expect(markdownTable([late, light, unjudged]).split("\n")).toEqual([
    "| measured | Flightdeck | beside it | ratio | difference | goal |  |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    "| an answer | 64.7 ms | 10.7 ms, bare bot | 6.07 (5.05–7.45) | +54.1 ms | ≤ +25 ms | falls short |",
    "| memory | 90 MiB | 120 MiB, bare bot | 0.75 (0.70–0.80) | −30.4 MiB | ratio ≤ 1.5 | reached |",
    "| a note | 64.7 ms | 10.7 ms, bare bot | 6.07 (5.05–7.45) | +54.1 ms | – |  |",
  ]);
});

test("the Markdown table stays one where a name holds a pipe, and gives no ratio to nothing", () => {
  const beside = { besideName: "pg_dump | gzip", beside: 0, ratio: Number.POSITIVE_INFINITY };
  expect(markdownTable([{ ...unjudged, ...beside }]).split("\n")[2]).toBe(
    String.raw`| a note | 64.7 ms | 0 ms, pg_dump \| gzip | – | +54.1 ms | – |  |`,
  );
});

test("the columns of the text table start at the same place in every row", () => {
  const [headings = "", , ...rows] = textTable([late, light]).split("\n");
  const column = headings.indexOf("beside it");
  expect(rows.map((row) => row.slice(column - 3, column + 2))).toEqual(["   10", "   12"]);
  expect(rows[0]).toMatch(/falls short$/);
});
