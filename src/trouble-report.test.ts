import { expect, test } from "vitest";

import { createTroubleReport } from "./trouble-report.ts";

function reportAt() {
  const clock = { nowMs: 0 };
  const said: { readonly fields: object; readonly during: string }[] = [];
  const report = createTroubleReport(
    { warn: (fields, during) => said.push({ fields, during }) },
    () => clock.nowMs,
  );
  return { clock, said, report };
}

test("a trouble is said once, and again after ten minutes with how often it came", () => {
  const { clock, said, report } = reportAt();
  for (let second = 0; second < 599; second += 1) {
    clock.nowMs = second * 1_000;
    report(new Error("refused"), "fetching updates");
  }
  expect(said).toHaveLength(1);
  clock.nowMs = 600_000;
  report(new Error("refused"), "fetching updates");
  expect(said[1]).toMatchObject({ fields: { repeated: 598 } });
});

test("another trouble, and the same one elsewhere, are said at once", () => {
  const { said, report } = reportAt();
  report(new Error("refused"), "fetching updates");
  report(new Error("timed out"), "fetching updates");
  report(new Error("refused"), "sending run:1");
  expect(said.map(({ during }) => during)).toEqual([
    "fetching updates",
    "fetching updates",
    "sending run:1",
  ]);
});

test("a flood of different troubles does not fill the memory", () => {
  const { said, report } = reportAt();
  for (let n = 0; n < 1_000; n += 1) report(new Error(`trouble ${n}`), "working");
  report(new Error("trouble 0"), "working");
  report(new Error("trouble 999"), "working");
  expect(said).toHaveLength(1_001);
});
