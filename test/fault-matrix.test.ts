import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { rows, type Cell } from "./faults/matrix/cells.ts";
import { matrixDocument } from "./faults/matrix/document.ts";
import { families } from "./faults/matrix/families.ts";
import { filesThatTry } from "./faults/matrix/trying-files.ts";

const root = join(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const all = rows.flatMap(({ fault, cells }) =>
  families.map((family): { fault: string; cell: Cell } => ({ fault, cell: cells[family] })),
);

/** What stands first in a call in a file of tests: the names of its tests, and of what groups them. */
function titlesIn(file: string): readonly string[] {
  const literal = /\(\s*(["`])((?:(?!\1)[^\\]|\\.)*)\1\s*,/g;
  return [...read(file).matchAll(literal)].map(([, , title = ""]) => title);
}

test("every test that is said to hold a cell of the fault matrix is there", () => {
  const named = all.flatMap(({ cell }) => (cell.kind === "held" ? cell.by : []));
  expect(named.length).toBeGreaterThan(0);
  const missing = named.filter(({ file, title }) => !titlesIn(file).includes(title));
  expect(missing).toEqual([]);
});

test("every row of the fault matrix that is to be tried is tried in one place", () => {
  const tried = rows.filter(({ cells }) => families.some((one) => cells[one].kind === "tried"));
  expect(tried.map(({ fault }) => [fault, filesThatTry(fault).length])).toEqual(
    tried.map(({ fault }) => [fault, 1]),
  );
});

test("no fault of the matrix stands there twice, and whatever does not apply says why", () => {
  expect(new Set(rows.map(({ fault }) => fault)).size).toBe(rows.length);
  for (const { cell } of all) {
    expect("holds" in cell ? cell.holds : cell.because).toMatch(/\w/);
  }
});

test("at least one hundred and fifty cells of the fault matrix are held", () => {
  const held = all.filter(({ cell }) => cell.kind === "held" || cell.kind === "tried");
  expect(held.length).toBeGreaterThanOrEqual(150);
});

test("docs/fault-matrix.md says what the table says", () => {
  expect(read("docs/fault-matrix.md")).toBe(matrixDocument());
});
