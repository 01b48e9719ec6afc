import { expect, test } from "vitest";

import { createRefusalTally } from "./refusal-tally.ts";

function tallyAt() {
  const clock = { nowMs: 1_000 };
  const said: Readonly<Record<string, number>>[] = [];
  const tally = createRefusalTally(
    (fresh) => said.push({ ...fresh }),
    () => clock.nowMs,
  );
  return { clock, said, tally };
}

test("the first refusal is said at once, later ones once a minute, and each is said once", () => {
  const { clock, said, tally } = tallyAt();
  tally.count("stranger");
  expect(said).toEqual([{ stranger: 1 }]);
  for (let count = 0; count < 1_000; count += 1) tally.count("forwarded");
  clock.nowMs += 59_999;
  tally.count("stranger");
  expect(said).toHaveLength(1);
  clock.nowMs += 1;
  tally.count("stranger");
  expect(said[1]).toEqual({ forwarded: 1_000, stranger: 2 });
  clock.nowMs += 3_600_000;
  tally.count("bot");
  expect(said[2]).toEqual({ bot: 1 });
});

test("the counts hold all since the start, and nobody can change them from outside", () => {
  const { tally } = tallyAt();
  expect(tally.counts()).toEqual({});
  tally.count("stranger");
  tally.count("stranger");
  tally.count("edited");
  const counts = tally.counts() as Record<string, number>;
  expect(counts).toEqual({ stranger: 2, edited: 1 });
  counts["stranger"] = 0;
  expect(tally.counts()).toEqual({ stranger: 2, edited: 1 });
});
