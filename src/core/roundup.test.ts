import { describe, expect, test } from "vitest";

import {
  decideRoundup,
  goesOn,
  kindOf,
  roundupFor,
  stormLimit,
  type Roundup,
  type RoundupTally,
} from "./roundup.ts";

const NOW = new Date("2026-11-23T06:22:00Z");
const ago = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1_000);
const minutes = (count: number): number => count * 60;

const none = { firing: 0, acknowledged: 0, resolved: 0 };
const open: RoundupTally = { page: { ...none, firing: 1 }, warn: none };
const over: RoundupTally = { page: { ...none, resolved: 1 }, warn: none };

function storm(parts: Partial<Roundup> = {}): Roundup {
  const { kind = "storm", beganAt = ago(60), fedAt = ago(1), rangAt, endedAt } = parts;
  return { kind, beganAt, fedAt, rangAt, endedAt };
}

describe("what waits in a chat", () => {
  test.each([
    ["five alerts are said one by one", 5, ago(1), undefined],
    ["a sixth makes a storm", 6, ago(1), "storm"],
    ["silent ones count, too", 6, undefined, "storm"],
    ["a word of two minutes may still be said", 1, ago(minutes(2)), undefined],
    ["an older one is told as having happened meanwhile", 1, ago(minutes(2) + 1), "away"],
    ["and so are many of them", 300, ago(minutes(9)), "away"],
  ] as const)("%s", (_what, alerts, wordsSince, kind) => {
    expect(roundupFor({ alerts, wordsSince }, 5, NOW)).toBe(kind);
  });

  test("is a storm the sooner, the less a chat bears", () => {
    expect([1, 3, 4, 9, 15, Number.POSITIVE_INFINITY].map(stormLimit)).toEqual([1, 1, 2, 4, 5, 5]);
  });
});

describe("a storm", () => {
  const told = { isTold: true, wordAt: undefined };

  test("ends when nothing new came for two minutes, and never before its card is there", () => {
    const calm = storm({ fedAt: ago(minutes(2)) });
    const ends = (roundup: Roundup, isTold: boolean): boolean =>
      decideRoundup(roundup, open, { ...told, isTold }, NOW).ends;
    expect(ends(calm, true)).toBe(true);
    expect(ends(calm, false)).toBe(false);
    expect(ends(storm({ fedAt: ago(minutes(2) - 1) }), true)).toBe(false);
    expect(ends({ ...calm, endedAt: ago(1) }, true)).toBe(false);
  });

  test("ends and rings although the clock was set back since", () => {
    const ahead = ago(-minutes(60));
    const before = storm({ fedAt: ahead, rangAt: ahead });
    const { ends, rings } = decideRoundup(before, open, { isTold: true, wordAt: ago(1) }, NOW);
    expect([ends, rings]).toEqual([true, true]);
  });

  test("neither ends nor rings again for whoever comes to it a moment too late", () => {
    const before = storm({ fedAt: ago(-5), rangAt: ago(-5) });
    const { ends, rings } = decideRoundup(before, open, { isTold: true, wordAt: ago(1) }, NOW);
    expect([ends, rings]).toEqual([false, false]);
  });

  test("is over when it has ended and so have all its alerts", () => {
    const ended = storm({ endedAt: ago(1) });
    expect(decideRoundup(ended, open, told, NOW).closes).toBe(false);
    expect(decideRoundup(ended, over, told, NOW).closes).toBe(true);
    expect(decideRoundup(storm(), over, told, NOW).closes).toBe(false);
  });

  test("rings for the first page at once, for later ones every five minutes, for the same never", () => {
    const rings = (rangAt: Date | undefined, wordAt: Date | undefined): boolean =>
      decideRoundup(storm({ rangAt }), open, { isTold: true, wordAt }, NOW).rings;
    expect(rings(undefined, undefined)).toBe(false);
    expect(rings(undefined, ago(1))).toBe(true);
    expect(rings(ago(minutes(5)), ago(1))).toBe(true);
    expect(rings(ago(minutes(5) - 1), ago(1))).toBe(false);
    expect(rings(ago(minutes(9)), ago(minutes(9)))).toBe(false);
  });

  test("of which nobody heard for two minutes is told as what happened meanwhile", () => {
    const old = storm({ beganAt: ago(minutes(2) + 1) });
    expect(kindOf(old, false, NOW)).toBe("away");
    expect(kindOf(old, true, NOW)).toBe("storm");
    expect(kindOf(storm({ beganAt: ago(minutes(2)) }), false, NOW)).toBe("storm");
    // Its card was seen and is gone, or stands in another chat now.
    expect(kindOf({ ...old, endedAt: ago(1) }, false, NOW)).toBe("storm");
  });

  test("goes on under the same card when many come again within the hour", () => {
    expect(goesOn(storm({ fedAt: ago(minutes(59)) }), NOW)).toBe(true);
    expect(goesOn(storm({ fedAt: ago(minutes(60)) }), NOW)).toBe(false);
    expect(goesOn(storm({ kind: "away" }), NOW)).toBe(false);
  });
});

describe("what happened while nobody could be told", () => {
  test("ends as soon as it is told, and rings by itself", () => {
    const away = storm({ kind: "away" });
    const decided = decideRoundup(away, open, { isTold: true, wordAt: ago(1) }, NOW);
    expect(decided).toEqual({ ends: true, closes: false, rings: false });
    expect(decideRoundup(away, over, { isTold: false, wordAt: undefined }, NOW)).toEqual({
      ends: false,
      closes: false,
      rings: false,
    });
  });
});
