import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Fault } from "./cells.ts";

/** The files of this folder that try the cells of a row. */
export function filesThatTry(fault: Fault): readonly string[] {
  return readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith(".test.ts"))
    .filter((name) => {
      const text = readFileSync(join(import.meta.dirname, name), "utf8");
      return text.replaceAll(/tryCells\(\s+/g, "tryCells(").includes(`tryCells("${fault}",`);
    });
}
