import { setImmediate as nextTurn } from "node:timers/promises";

import { expect, test } from "vitest";

import { inBatches } from "./batches.ts";

/** Takes batches when it is told to, and refuses those with "bad" in them. */
function taker() {
  const batches: (readonly string[])[] = [];
  const gates: (() => void)[] = [];
  const accept = inBatches<string>(async (items) => {
    batches.push(items);
    await new Promise<void>((open) => void gates.push(open));
    if (items.includes("bad")) throw new Error(`cannot take ${items.join()}`);
  });
  const next = async (): Promise<void> => {
    gates.shift()?.();
    await nextTurn();
  };
  return { batches, accept, next };
}

test("one that comes alone is taken at once, and those that come meanwhile are taken together", async () => {
  const { batches, accept, next } = taker();
  const first = accept("a");
  const others = ["b", "c", "d"].map(async (item) => accept(item));
  expect(batches).toEqual([["a"]]);
  await next();
  await first;
  expect(batches).toEqual([["a"], ["b", "c", "d"]]);
  await next();
  await Promise.all(others);
  const last = accept("e");
  await next();
  await last;
  expect(batches.at(-1)).toEqual(["e"]);
});

test("nobody hears that he was taken before he was", async () => {
  const { accept, next } = taker();
  const ended: string[] = [];
  const all = ["a", "b"].map(async (item) => accept(item).then(() => ended.push(item)));
  await nextTurn();
  expect(ended).toEqual([]);
  await next();
  expect(ended).toEqual(["a"]);
  await next();
  await Promise.all(all);
  expect(ended).toEqual(["a", "b"]);
});

test("one bad item fails alone, and the way in stays open behind it", async () => {
  const { batches, accept, next } = taker();
  const ends = ["first", "b", "bad", "c"].map(async (item) =>
    accept(item).then(
      () => `${item} taken`,
      (error: unknown) => String(error),
    ),
  );
  for (let turn = 0; turn < 6; turn += 1) await next();
  expect(await Promise.all(ends)).toEqual([
    "first taken",
    "b taken",
    "Error: cannot take bad",
    "c taken",
  ]);
  expect(batches).toEqual([["first"], ["b", "bad", "c"], ["b"], ["bad"], ["c"]]);
  const after = accept("d");
  await next();
  await after;
});

test("no batch holds more than a hundred", async () => {
  const { batches, accept, next } = taker();
  const all = Array.from({ length: 251 }, async (_none, index) => accept(String(index)));
  for (let turn = 0; turn < 5; turn += 1) await next();
  await Promise.all(all);
  expect(batches.map(({ length }) => length)).toEqual([1, 100, 100, 50]);
});
