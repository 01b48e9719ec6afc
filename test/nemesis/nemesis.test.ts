import { expect, test } from "vitest";

import { someOf } from "../support/long-run.ts";
import { reportText } from "./report.ts";
import { runNemesis } from "./run.ts";
import { SEEDS } from "./seeds.ts";

const SECOND_MS = 1_000;
/** What comes before and after it: starting a world, waiting until all is quiet, searching everything. */
const AROUND_MS = 300 * SECOND_MS;
const SHORT_MS = 25 * SECOND_MS;
const MINUTE_MS = 60 * SECOND_MS;
const LONGEST_MS = Math.max(...SEEDS.map(({ minutes }) => minutes * MINUTE_MS));

test(
  "while people use it and everything goes wrong, no promise is broken",
  async () => {
    const report = await runNemesis({ seed: 13, lastsMs: SHORT_MS });
    expect(reportText(report)).toContain("no violation");
    expect(report.recorded.runs.length).toBeGreaterThan(2);
    expect(report.recorded.done.length).toBeGreaterThan(2);
  },
  SHORT_MS + AROUND_MS,
);

test.each(someOf(SEEDS, 0))(
  "nor by seed $seed, which has shown that $showed",
  async ({ seed, minutes }) => {
    const report = await runNemesis({ seed, lastsMs: minutes * MINUTE_MS });
    expect(reportText(report)).toContain("no violation");
  },
  LONGEST_MS + AROUND_MS,
);
