import { join } from "node:path";

import { expect, test } from "vitest";

import { run } from "../support/run-program.ts";

const program = join(import.meta.dirname, "../../src/main.ts");

test("what a library leaves ticking keeps no process that has done all it was asked for", async () => {
  const ticking = "data:text/javascript,setInterval(() => {}, 60_000)";
  const said = await run(process.execPath, ["--import", ticking, program, "config", "schema"]);
  expect(JSON.parse(said)).toHaveProperty("properties.target");
}, 30_000);
