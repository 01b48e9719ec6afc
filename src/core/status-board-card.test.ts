import { describe, expect, test } from "vitest";

import { cardText } from "./card-text.ts";
import { line } from "./card.ts";
import { boardCard, type BoardView } from "./status-board-card.ts";
import type { BoardCheck, Reading, Standing } from "./status-board.ts";

const now = new Date("2026-11-23T04:51:07Z");

type Shape = Partial<BoardCheck> &
  Partial<Omit<Reading, "check" | "at">> & { readonly ageMs?: number };

function current(name: string, shape: Shape = {}): Standing {
  const { ageMs = 12_000, status = "pass", durationMs = 9, reason, measurements = [] } = shape;
  const reading = { check: name, status, durationMs, reason, measurements };
  const at = new Date(now.getTime() - ageMs);
  return { check: checkOf(name, shape), kind: "current", status, reading: { ...reading, at } };
}

function stale(name: string, shape: Shape = {}): Standing {
  const { check, ...rest } = current(name, shape);
  if (rest.kind !== "current") throw new Error("unreachable");
  return { check, kind: "stale", status: "unknown", reading: rest.reading };
}

function notLooked(name: string, shape: Shape = {}): Standing {
  return { check: checkOf(name, shape), kind: "not-looked", status: "unknown" };
}

function checkOf(name: string, shape: Shape): BoardCheck {
  const { group, severity = "page", everyMs = 30_000, limits = [] } = shape;
  return { name, group, severity, everyMs, limits };
}

function card(standings: readonly Standing[], more: Partial<BoardView> = {}) {
  return boardCard({
    id: "tg-1",
    target: "production",
    verdict: "healthy",
    standings,
    facts: [line("No preflight yet")],
    now,
    timeZone: "Europe/Berlin",
    ...more,
  });
}

/** What the board says of these checks, without its title, facts and footer. */
function said(standings: readonly Standing[]): readonly string[] {
  return cardText(card(standings)).split("\n").slice(1, -2);
}

const latency = (value: number) => [{ name: "latencyMs", value }];
const jobs = (value: number) => [{ name: "queue.jobs", value }];
const limits = [{ measurement: "queue.jobs", atMost: 50 }];

describe("a line of the board", () => {
  const api = { group: "api" };
  const rows: readonly (readonly [string, readonly Standing[], string])[] = [
    [
      "says the highest of what a healthy group measured, and is as old as its oldest sample",
      [
        current("a", { ...api, measurements: latency(7), ageMs: 3_000 }),
        current("b", { ...api, measurements: latency(41), ageMs: 200_000 }),
      ],
      "✓ api · latency 41ms · 3m 20s ago",
    ],
    [
      "says how fast it was where nothing was measured",
      [current("a", { ...api, durationMs: 9 }), current("b", { ...api, durationMs: 15 })],
      "✓ api · 15ms · 12s ago",
    ],
    [
      "does not take a retry for a measurement",
      [current("a", { ...api, measurements: [{ name: "retries", value: 1 }] })],
      "✓ api · 9ms · 12s ago",
    ],
    [
      "says what the first of a healthy group measures, be it a warning or not",
      [
        current("soft", { group: "queue", severity: "warn", measurements: jobs(3) }),
        current("hard", { group: "queue", measurements: latency(7) }),
      ],
      "✓ queue · queue 3 jobs · 12s ago",
    ],
    [
      "names who failed, and the limit that was crossed",
      [
        current("empty", { group: "queue", measurements: jobs(0) }),
        current("depth", { group: "queue", status: "fail", measurements: jobs(61), limits }),
      ],
      "✗ queue · depth · 61 jobs, limit 50 · 12s ago",
    ],
    [
      "says when all that failed is a warning",
      [current("depth", { group: "queue", status: "fail", severity: "warn" }), current("b", api)],
      "✗ queue · depth · warning · 12s ago",
    ],
    [
      "says that a lone check is a warning without repeating its name",
      [current("depth", { status: "fail", severity: "warn" })],
      "✗ depth · warning · 12s ago",
    ],
    [
      "puts a failure that decides before a warning",
      [
        current("soft", { ...api, status: "fail", severity: "warn" }),
        current("hard", { ...api, status: "fail" }),
      ],
      "✗ api · hard, soft · 12s ago",
    ],
    [
      "lets a failure outweigh a blind spot",
      [
        current("a", { ...api, status: "unknown", reason: "x" }),
        current("b", { ...api, status: "fail" }),
      ],
      "✗ api · b · 12s ago",
    ],
    [
      "counts those who failed beyond two",
      ["a", "b", "c", "d"].map((name) => current(name, { ...api, status: "fail" })),
      "✗ api · a, b and 2 more · 12s ago",
    ],
    [
      "says why nobody could look, by the end of the reason",
      [current("a", { ...api, status: "unknown", reason: "GET http://x/: no answer within 5s" })],
      "? api · a · no answer within 5s · 12s ago",
    ],
    [
      "does not judge a check by itself twice",
      [current("lone", { status: "unknown", reason: "refused" })],
      "? lone · refused · 12s ago",
    ],
    [
      "is not green when stale",
      [stale("a", { ...api, ageMs: 2_460_000 })],
      "? api · stale · 41m ago",
    ],
    [
      "says how many of a group are stale",
      [stale("a", { ...api, ageMs: 2_460_000 }), current("b", api)],
      "? api · 1 of 2 · stale · 41m ago",
    ],
    [
      "says that nobody looked yet",
      [notLooked("a", api), notLooked("b", api)],
      "? api · not looked yet",
    ],
    [
      "says of how many nobody looked yet, whatever they decide",
      [notLooked("a", api), notLooked("b", { ...api, severity: "warn" }), current("c", api)],
      "? api · 2 of 3 · not looked yet",
    ],
    [
      "says what is not configured, and of what age that is does not matter",
      [current("a", { group: "outside", status: "not-configured" })],
      "– outside · not configured",
    ],
    [
      "goes by what is configured where something is",
      [
        current("a", { ...api, status: "not-configured" }),
        current("b", { ...api, measurements: latency(7) }),
      ],
      "✓ api · latency 7ms · 12s ago",
    ],
  ];
  test.each(rows)("%s", (_title, standings, text) => {
    expect(said(standings)[0]).toBe(text);
  });
});

describe("the board", () => {
  test("leads with target and verdict, and ends with the moment in the team's time", () => {
    const text = cardText(card([current("a")])).split("\n");
    expect(text[0]).toBe("🟢 production · healthy");
    expect(text.at(-2)).toBe("No preflight yet");
    expect(text.at(-1)).toBe("as of 05:51:07");
  });

  test.each([
    ["failing", "🔴 production · failing"],
    ["unknown", "🟡 production · unknown"],
  ] as const)("wears the colour of %s", (verdict, title) => {
    expect(card([], { verdict }).title).toBe(title);
  });

  test("counts warnings beside a verdict that they do not change", () => {
    const warning = { status: "fail", severity: "warn" } as const;
    expect(card([current("a", warning)]).title).toBe("🟢 production · healthy · 1 warning");
    expect(card([current("a", warning), current("b", warning)]).title).toBe(
      "🟢 production · healthy · 2 warnings",
    );
  });

  test("puts the worst on top and keeps the order of the file otherwise", () => {
    const standings = [
      current("one"),
      notLooked("two"),
      current("three", { status: "not-configured" }),
      current("four", { status: "fail" }),
      current("five"),
      stale("six"),
      current("seven", { status: "unknown" }),
    ];
    expect(said(standings).map((text) => text.split(" ")[1])).toEqual([
      "four",
      "seven",
      "six",
      "two",
      "one",
      "five",
      "three",
    ]);
  });

  test("has no more than twelve lines, and says how many it leaves out and whether they are well", () => {
    const well = Array.from({ length: 30 }, (_, index) => current(`check-${index}`));
    const lines = cardText(card(well)).split("\n");
    expect(lines).toHaveLength(12);
    expect(lines.at(-3)).toBe("✓ … and 22 more");
    const bad = Array.from({ length: 12 }, (_, index) => notLooked(`other-${index}`));
    const mixed = cardText(card([...well, ...bad])).split("\n");
    expect(mixed).toHaveLength(12);
    expect(mixed.at(-3)).toBe("? … and 34 more, 4 of them not well");
  });

  test("shows nine groups of nine, for leaving one out to say so would help nobody", () => {
    const nine = Array.from({ length: 9 }, (_, index) => current(`check-${index}`));
    const text = cardText(card(nine));
    expect(text.split("\n")).toHaveLength(12);
    expect(text).not.toContain("more");
  });

  test("says so when nothing is configured", () => {
    expect(said([])).toEqual(["No checks are configured, so nothing is known."]);
  });

  test("has a button that brings this very message up to date", () => {
    expect(card([]).actions.flat()).toEqual([
      { label: "Refresh", command: "status --refresh tg-1" },
      { label: "Ask now", command: "preflight", style: "primary" },
      { label: "Chart", command: "status --chart" },
    ]);
  });
});
