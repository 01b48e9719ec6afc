import { expect, test } from "vitest";

import { scheduleOf } from "./schedule.ts";

const MINUTE_MS = 60_000;

test("the same seed says and breaks the same at the same times, and another one does not", () => {
  expect(scheduleOf(7, MINUTE_MS)).toEqual(scheduleOf(7, MINUTE_MS));
  expect(scheduleOf(8, MINUTE_MS)).not.toEqual(scheduleOf(7, MINUTE_MS));
});

test("a longer run begins as the shorter one with its seed", () => {
  const [short, long] = [scheduleOf(7, MINUTE_MS), scheduleOf(7, 3 * MINUTE_MS)];
  expect(long.deeds.slice(0, short.deeds.length)).toEqual(short.deeds);
  expect(long.mischief.slice(0, short.mischief.length)).toEqual(short.mischief);
});

test("nothing begins after the end, and all of it comes in order", () => {
  const { deeds, mischief } = scheduleOf(7, MINUTE_MS);
  for (const all of [deeds, mischief]) {
    const times = all.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(times.at(-1)).toBeLessThan(MINUTE_MS);
  }
});

test("in half an hour everything that can be said and broken is", () => {
  const { deeds, mischief, replies } = scheduleOf(7, 30 * MINUTE_MS);
  const kinds = (all: readonly { readonly what: { readonly kind: string } }[]): readonly string[] =>
    [...new Set(all.map(({ what }) => what.kind))].toSorted();
  expect(kinds(deeds)).toEqual(["edit", "forge", "of-newest", "say", "say-again", "say-late"]);
  expect(kinds(mischief)).toEqual([
    "bandwidth",
    "black-hole",
    "cut",
    "cut-after-request",
    "down",
    "empty-redis",
    "full-disk",
    "kill",
    "kill-database",
    "latency",
    "limit-data",
    "mark",
    "pause",
    "reset-peer",
    "restart-database",
    "restart-redis",
    "slicer",
    "stop",
    "telegram",
    "world",
  ]);
  expect([...new Set(replies.map(({ how }) => how))].toSorted()).toEqual([
    "no",
    "nobody",
    "own-yes",
    "withdraw",
    "yes",
    "yes-by-two",
  ]);
});
