import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { tries } from "../../support/long-run.ts";
import { rowOf, rows, titleOf, type Fault } from "./cells.ts";
import { families, type Family } from "./families.ts";

/** Two deployments and the waits between them, on a slow machine; most cells take seconds. */
const CELL_MS = 600_000;
/** Whoever tries one cell of a row tries one that costs little, if there is one. */
const SLOW: readonly Family[] = ["rotate", "deploy"];
/** Of the rows in which all is slow, everybody's run takes every so many. */
const SLOW_TAKES_TURNS = 3;

/** Makes a test of every cell of a row that is tried here; a short run takes one at most, by the row and FC_SEED. */
export function tryCells(
  fault: Fault,
  trial: (family: Family) => Promise<void>,
  { isPossible = true }: { readonly isPossible?: boolean } = {},
): void {
  const { cells } = rowOf(fault);
  const tried = families.filter((family) => cells[family].kind === "tried");
  const amount = tries({ short: 1, long: tried.length });
  const chosen = amount < tried.length ? oneOf(fault, tried) : tried;
  const titled = chosen.map((family) => ({ family, title: titleOf(family, cells[family]) }));
  if (chosen.length === 0) return;
  describe.skipIf(!isPossible).each([fault])("%s", () => {
    test.each(titled)(
      "$title",
      async ({ family }) => {
        expect.hasAssertions();
        await trial(family);
      },
      CELL_MS,
    );
  });
}

function oneOf(fault: Fault, tried: readonly Family[]): readonly Family[] {
  const place = rows.findIndex((row) => row.fault === fault) + (fc.readConfigureGlobal().seed ?? 0);
  const quick = tried.filter((family) => !SLOW.includes(family));
  if (quick.length === 0 && place % SLOW_TAKES_TURNS !== 0) return [];
  const from = quick.length > 0 ? quick : tried;
  const first = place % from.length;
  return from.slice(first, first + 1);
}
