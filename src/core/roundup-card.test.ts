import { describe, expect, test } from "vitest";

import type { Alert } from "./alert.ts";
import { cardText } from "./card-text.ts";
import {
  awayCard,
  stormCard,
  stormOverWord,
  stormWord,
  type RoundupAlert,
  type RoundupView,
} from "./roundup-card.ts";

const NOW = new Date("2026-11-23T06:22:05Z");
const BEGAN = new Date("2026-11-23T06:10:00Z");
const none = { firing: 0, acknowledged: 0, resolved: 0 };

function alertAt(state: "firing" | "acknowledged" | "resolved"): Alert {
  const fired = { firedAt: BEGAN, toldAt: BEGAN, owesWord: false };
  const course = {
    since: BEGAN,
    lookedAt: NOW,
    trouble: { kind: "down", seen: "status 500" },
    goodSince: undefined,
    relapses: 0,
    behind: undefined,
  } as const;
  switch (state) {
    case "firing":
      return { ...course, ...fired, state };
    case "acknowledged":
      return { ...course, ...fired, state, acknowledgedBy: "Ada", acknowledgedAt: NOW };
    case "resolved":
      return { ...course, ...fired, state, resolvedAt: NOW };
  }
}

function named(
  id: string,
  check: string,
  state: "firing" | "acknowledged" | "resolved" = "firing",
) {
  return { id, check, severity: "page", alert: alertAt(state) } satisfies RoundupAlert;
}

function view(parts: Partial<RoundupView> = {}): RoundupView {
  return {
    target: "sandbox",
    tally: {
      page: { firing: 12, acknowledged: 1, resolved: 3 },
      warn: { firing: 280, acknowledged: 0, resolved: 4 },
    },
    first: [named("1", "api-is-live"), named("2", "api-is-ready"), named("3", "worker-runs")],
    called: [{ name: "Ada", telegram: 1003 }],
    beganAt: BEGAN,
    now: NOW,
    timeZone: "UTC",
    ...parts,
  };
}

const titleOf = (parts: Partial<RoundupView>): string => stormCard(view(parts)).title;

describe("the card of a storm", () => {
  test("counts exactly, names the first and leads to all of them", () => {
    const card = stormCard(view());
    expect(cardText(card)).toMatchInlineSnapshot(`
      "🔴 sandbox · storm · 12 pages and 280 warnings fire
      300 alerts since 06:10, told in this card.
      Pages: 12 fire, 1 taken, 3 over
      Warnings: 280 fire, 4 over
      🔴 A-1 api-is-live fails since 06:10
      🔴 A-2 api-is-ready fails since 06:10
      🔴 A-3 worker-runs fails since 06:10
      … and 297 more
      as of 06:22:05"
    `);
    expect(card.actions).toEqual([[{ label: "Alerts", command: "alerts" }]]);
  });

  test("is as urgent as the most urgent alert that nobody has", () => {
    const page = (counts: Partial<typeof none>) => ({ page: { ...none, ...counts }, warn: none });
    expect(titleOf({ tally: page({ firing: 1 }) })).toBe("🔴 sandbox · storm · 1 page fires");
    expect(titleOf({ tally: { page: none, warn: { ...none, firing: 2 } } })).toBe(
      "🟠 sandbox · storm · 2 warnings fire",
    );
    expect(titleOf({ tally: page({ acknowledged: 2 }) })).toBe("👤 sandbox · storm · 2 taken");
    expect(titleOf({ tally: page({ resolved: 2 }) })).toBe(
      "✅ sandbox · storm over · 2 alerts since 06:10",
    );
  });

  test("stays within twelve lines", () => {
    const first = Array.from({ length: 5 }, (_none, index) => named(String(index + 1), "check"));
    expect(cardText(stormCard(view({ first }))).split("\n").length).toBeLessThanOrEqual(12);
    expect(cardText(awayCard(view({ first }))).split("\n").length).toBeLessThanOrEqual(12);
  });
});

describe("the word of a storm", () => {
  test("calls whoever is on call, and says what came first", () => {
    const word = stormWord(view());
    expect(word.title).toBe("🔴 sandbox · storm · 12 pages and 280 warnings fire");
    expect(word.parts[0]).toEqual({
      kind: "line",
      words: [{ mention: "Ada", telegram: 1003 }],
    });
    expect(cardText(word)).toContain("api-is-live fails since 06:10");
  });

  test("calls nobody for warnings, or for what somebody has", () => {
    const tally = { page: { ...none, acknowledged: 3 }, warn: { ...none, firing: 9 } };
    expect(cardText(stormWord(view({ tally })))).not.toContain("Ada");
  });

  test("says how long it lasted when it is over", () => {
    const tally = { page: { ...none, resolved: 7 }, warn: none };
    expect(stormOverWord(view({ tally })).title).toBe(
      "✅ sandbox · storm over after 12m 5s · 7 alerts",
    );
  });
});

describe("the card of what happened while nobody could be told", () => {
  test("tells what fired, what is over again and what is still open", () => {
    const tally = { page: { firing: 1, acknowledged: 0, resolved: 2 }, warn: none };
    const first = [
      named("2", "api-is-ready"),
      named("1", "api-is-live", "resolved"),
      named("3", "worker-runs", "resolved"),
    ];
    expect(cardText(awayCard(view({ tally, first })))).toMatchInlineSnapshot(`
      "🔴 sandbox · While I was away (06:10–06:22)
      3 alerts fired: 1 fires, 2 over.
      Ada
      🔴 A-2 api-is-ready fails since 06:10
      ✅ A-1 api-is-live · over after 12m 5s
      ✅ A-3 worker-runs · over after 12m 5s
      as of 06:22:05"
    `);
  });
});
