import { expect, test } from "vitest";

import { severalLooks } from "./several-looks.ts";

const good = { what: "one", expected: "1", actual: "1", ok: true };
const bad = { what: "two", expected: "2", actual: "3", ok: false };
const saw = async (...observations: (typeof good)[]) => observations;
const blind = async () => Promise.reject(new Error("could not look"));

test("what was seen is told in the order of the looks", async () => {
  expect(await severalLooks([saw(good), saw(), saw(bad, good)])).toEqual([good, bad, good]);
});

test("a look that failed hides what passed, and not what failed", async () => {
  await expect(severalLooks([saw(good), blind()])).rejects.toThrow("could not look");
  expect(await severalLooks([blind(), saw(bad), saw(good)])).toEqual([bad, good]);
});

test("several that failed are one failure, and no look has seen nothing", async () => {
  await expect(severalLooks([blind(), blind()])).rejects.toThrow("could not look");
  expect(await severalLooks([])).toEqual([]);
});
