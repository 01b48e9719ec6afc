import { basename } from "node:path";

import { rows, type Cell, type Fault, type Row } from "./cells.ts";
import { families, type Family } from "./families.ts";
import { filesThatTry } from "./trying-files.ts";

/** What each family is, for whoever has not read the code. */
const COLUMNS: Readonly<Record<Family, string>> = {
  reading: "/status, /preflight, /smoke",
  backup: "/backup",
  rotate: "/rotate",
  deploy: "/deploy",
  rollback: "/rollback and its approval",
  alerts: "alerts",
};

const cellsOf = (row: Row): readonly Cell[] => families.map((family) => row.cells[family]);

/** The matrix as a page: which test holds which cell, and then what holds in each. */
export function matrixDocument(): string {
  const all = rows.flatMap(cellsOf);
  const count = (kind: Cell["kind"]): number => all.filter((cell) => cell.kind === kind).length;
  return [
    "# The fault matrix",
    "",
    "What must hold everywhere when something goes wrong: nothing is lost, nothing is done twice, and people are told.",
    `Here ${rows.length} faults meet ${families.length} families of what Flightdeck does. Of ${all.length} cells, ${count("tried")} are tried by whole bots in the sandbox,`,
    `which counts the effects itself, ${count("held")} are held by tests of their own, and ${count("does not apply")} do not apply.`,
    "",
    "`npm test` tries one cell of each row, by the row and `FC_SEED`, and takes turns where all of a row takes long.",
    "`LONG=1` tries all of them:",
    "",
    "```sh",
    "LONG=1 npx vitest run --project integration test/faults/matrix",
    "```",
    "",
    "This page is written by `node test/faults/matrix/print.ts > docs/fault-matrix.md`, and a test holds it to the table",
    "in `test/faults/matrix/cells.ts`, and the table to the tests that it names.",
    "",
    "## Which test holds it",
    "",
    ...table([
      ["fault", ...families.map((family) => COLUMNS[family])],
      ...rows.map((row) => [row.fault, ...tableCells(row, row.fault)]),
    ]),
    "",
    "## What holds",
    ...rows.flatMap((row) => ["", `### ${row.fault}`, "", ...whatHolds(row)]),
    "",
  ].join("\n");
}

/** As the formatter of this repository would have it: every column as wide as what is widest in it. */
function table([head = [], ...body]: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...body].map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)];
}

function tableCells(row: Row, fault: Fault): readonly string[] {
  return cellsOf(row).map((cell) => {
    if (cell.kind === "does not apply") return "–";
    const files =
      cell.kind === "held"
        ? cell.by.map(({ file }) => file)
        : filesThatTry(fault).map((name) => `test/faults/matrix/${name}`);
    const links = [...new Set(files)].map((file) => `[${basename(file, ".test.ts")}](../${file})`);
    return cell.kind === "held" ? links.join(", ") : `tried: ${links.join(", ")}`;
  });
}

/** A line for each thing that holds, with those of which it holds. */
function whatHolds(row: Row): readonly string[] {
  const said = new Map<string, Family[]>();
  for (const family of families) {
    const cell = row.cells[family];
    const text = "holds" in cell ? cell.holds : `does not apply, because ${cell.because}`;
    said.set(text, [...(said.get(text) ?? []), family]);
  }
  return [...said].map(([text, of]) => `- ${of.join(", ")}: ${text}`);
}
