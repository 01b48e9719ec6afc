import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  acknowledge,
  decideAlert,
  isFlapping,
  SAME_ALERT_WITHIN_MS,
  type Alert,
  type AlertDecision,
  type AlertNews,
  type AlertRule,
  type Circumstances,
} from "./alert.ts";
import type { Trouble } from "./trouble.ts";

const START = Date.parse("2026-11-23T03:00:00Z");
const at = (seconds: number): Date => new Date(START + seconds * 1000);
const MINUTE = 60;
const HOUR = 60 * MINUTE;

const rule: AlertRule = {
  check: "api-is-ready",
  severity: "page",
  forMs: 0,
  resolveAfterMs: MINUTE * 1000,
  gapMs: 3 * MINUTE * 1000,
};
const quiet: Circumstances = { behind: undefined, isSilenced: false, disturbedUntil: undefined };

type Seen = "bad" | "good" | "blind";
const TROUBLES: Readonly<Record<Seen, Trouble | undefined>> = {
  bad: { kind: "down", seen: "status should be 200, is 503" },
  blind: { kind: "blind", seen: "connection refused" },
  good: undefined,
};

function look(
  before: Alert | undefined,
  seconds: number,
  seen: Seen,
  about: { readonly rule?: AlertRule; readonly circumstances?: Partial<Circumstances> } = {},
): AlertDecision {
  const circumstances = { ...quiet, ...about.circumstances };
  const sight = { at: at(seconds), trouble: TROUBLES[seen] };
  return decideAlert(about.rule ?? rule, before, sight, circumstances);
}

/** When, what was seen (or who took it on), and what came of it: the state, then the news. */
type Row = readonly [
  seconds: number,
  seen: Seen | "ack",
  outcome: string,
  circumstances?: Partial<Circumstances>,
];

/** Goes through a life and tells what became of it, row by row, in the words of the table. */
function live(rows: readonly Row[], change: Partial<AlertRule> = {}) {
  const told: string[] = [];
  let alert: Alert | undefined;
  for (const [seconds, seen, , circumstances = {}] of rows) {
    if (seen === "ack") {
      const taken: Alert | undefined =
        alert && acknowledge(alert, { acknowledgedBy: "Ada", acknowledgedAt: at(seconds) });
      alert = taken ?? alert;
      told.push(alert?.state ?? "none");
      continue;
    }
    const decision = look(alert, seconds, seen, { rule: { ...rule, ...change }, circumstances });
    ({ alert } = decision);
    told.push([alert?.state ?? "none", ...decision.news].join(" "));
  }
  return { alert, told };
}

const silenced = { isSilenced: true };
const behind = { behind: "database-is-up" };
const disturbed = (seconds: number) => ({ disturbedUntil: at(seconds) });

describe("the life of an alert", () => {
  test.each<[string, Partial<AlertRule>, readonly Row[]]>([
    [
      "without a `for` fires at the first bad look, and is over once it stays well",
      {},
      [
        [0, "good", "none"],
        [30, "bad", "firing fired"],
        [60, "bad", "firing"],
        [90, "good", "firing changed"],
        [120, "good", "firing"],
        [149, "good", "firing"],
        [150, "good", "resolved resolved"],
        [180, "good", "resolved"],
        [150 + SAME_ALERT_WITHIN_MS / 1000 + 1, "good", "none"],
      ],
    ],
    [
      "is pending until the trouble has lasted, to the second",
      { forMs: 5 * MINUTE * 1000 },
      [
        [0, "bad", "pending"],
        [150, "bad", "pending"],
        [299, "bad", "pending"],
        [300, "bad", "firing fired"],
      ],
    ],
    [
      "leaves nothing when the trouble passes before its time",
      { forMs: 5 * MINUTE * 1000 },
      [
        [0, "bad", "pending"],
        [150, "good", "none"],
        [180, "bad", "pending"],
        [330, "bad", "pending"],
        [479, "bad", "pending"],
        [480, "bad", "firing fired"],
      ],
    ],
    [
      "begins anew when nobody looked for longer than the gap",
      { forMs: 5 * MINUTE * 1000 },
      [
        [0, "bad", "pending"],
        [181, "bad", "pending"],
        [300, "bad", "pending"],
        [480, "bad", "pending"],
        [481, "bad", "firing fired"],
      ],
    ],
    [
      "counts looks that are just as far apart as the gap",
      { forMs: 5 * MINUTE * 1000 },
      [
        [0, "bad", "pending"],
        [180, "bad", "pending"],
        [300, "bad", "firing fired"],
      ],
    ],
    [
      "does not take an hour without looks for an hour of health",
      {},
      [
        [0, "bad", "firing fired"],
        [30, "good", "firing changed"],
        [HOUR, "good", "firing"],
        [HOUR + 59, "good", "firing"],
        [HOUR + 60, "good", "resolved resolved"],
      ],
    ],
    [
      "tells when the trouble is another one, but not that a number in it moved",
      {},
      [
        [0, "bad", "firing fired"],
        [30, "blind", "firing changed"],
        [60, "blind", "firing"],
        [90, "bad", "firing changed"],
      ],
    ],
    [
      "waits, pending, for the deadline of a step that disturbs it",
      {},
      [
        [0, "bad", "pending", disturbed(120)],
        [119, "bad", "pending", disturbed(120)],
        [120, "bad", "firing fired", disturbed(120)],
      ],
    ],
    [
      "is forgotten when it was the step alone",
      {},
      [
        [0, "bad", "pending", disturbed(120)],
        [100, "good", "none", disturbed(120)],
      ],
    ],
    [
      "that fires already is not hushed by a step that disturbs its check",
      {},
      [
        [0, "bad", "firing fired"],
        [30, "good", "firing changed"],
        [60, "bad", "firing changed", disturbed(120)],
      ],
    ],
    [
      "that is over stays so while a step disturbs its check",
      {},
      [
        [0, "bad", "firing fired"],
        [30, "good", "firing changed"],
        [90, "good", "resolved resolved"],
        [120, "bad", "resolved", disturbed(200)],
        [200, "bad", "firing changed", disturbed(200)],
      ],
    ],
  ])("%s", (_what, change, rows) => {
    expect(live(rows, change).told).toEqual(rows.map(([, , outcome]) => outcome));
  });
});

describe("what speaks against speaking", () => {
  test.each<[string, readonly Row[]]>([
    [
      "a silence hushes what begins under it, which speaks when the silence ends",
      [
        [0, "bad", "firing", silenced],
        [30, "bad", "firing", silenced],
        [60, "bad", "firing fired"],
      ],
    ],
    [
      "what begins and ends under a silence is never spoken of",
      [
        [0, "bad", "firing", silenced],
        [30, "good", "firing changed", silenced],
        [90, "good", "resolved changed", silenced],
        [120, "good", "resolved"],
      ],
    ],
    [
      "what was told before a silence is not told again after it, but that it is over is",
      [
        [0, "bad", "firing fired"],
        [30, "bad", "firing", silenced],
        [60, "bad", "firing"],
        [90, "good", "firing changed"],
        [150, "good", "resolved resolved"],
      ],
    ],
    [
      "behind another alert it does not speak for itself until that one is over",
      [
        [0, "bad", "firing", behind],
        [30, "bad", "firing", behind],
        [60, "bad", "firing fired"],
      ],
    ],
    [
      "that it stands behind another now, and no longer, changes its card and says no word",
      [
        [0, "bad", "firing fired"],
        [30, "bad", "firing changed", behind],
        [60, "bad", "firing", behind],
        [90, "bad", "firing changed"],
      ],
    ],
    [
      "what goes together with its cause was never spoken of",
      [
        [0, "bad", "firing", behind],
        [30, "good", "firing changed"],
        [90, "good", "resolved changed"],
      ],
    ],
  ])("%s", (_what, rows) => {
    expect(live(rows).told).toEqual(rows.map(([, , outcome]) => outcome));
  });
});

describe("an alert that somebody has", () => {
  const two = 2 * HOUR;
  test.each<[string, readonly Row[]]>([
    [
      "is quiet for two hours and then speaks, because nobody has it any more",
      [
        [0, "bad", "firing fired"],
        [10, "ack", "acknowledged"],
        [60, "bad", "acknowledged"],
        [two + 9, "bad", "acknowledged"],
        [two + 10, "bad", "firing lapsed"],
        [two + 40, "bad", "firing"],
        [two + 50, "ack", "acknowledged"],
      ],
    ],
    [
      "is over by itself, and that is said",
      [
        [0, "bad", "firing fired"],
        [10, "ack", "acknowledged"],
        [30, "good", "acknowledged changed"],
        [90, "good", "resolved resolved"],
      ],
    ],
    [
      "stays with them while it is silenced, and lapses with the silence",
      [
        [0, "bad", "firing fired"],
        [10, "ack", "acknowledged"],
        [two + 10, "bad", "acknowledged", silenced],
        [two + 40, "bad", "firing lapsed"],
      ],
    ],
    [
      "can be taken before it ever spoke, and then does not until it lapses",
      [
        [0, "bad", "firing", silenced],
        [10, "ack", "acknowledged"],
        [60, "bad", "acknowledged"],
        [two + 10, "bad", "firing lapsed"],
      ],
    ],
    [
      "shows on its card what comes back, and says no word of it",
      [
        [0, "bad", "firing fired"],
        [10, "ack", "acknowledged"],
        [30, "good", "acknowledged changed"],
        [60, "bad", "acknowledged changed"],
      ],
    ],
  ])("%s", (_what, rows) => {
    expect(live(rows).told).toEqual(rows.map(([, , outcome]) => outcome));
  });

  test.each<[string, readonly Row[]]>([
    ["pending", [[0, "bad", "", disturbed(60)]]],
    [
      "acknowledged",
      [
        [0, "bad", ""],
        [10, "ack", ""],
      ],
    ],
    [
      "resolved",
      [
        [0, "bad", ""],
        [30, "good", ""],
        [90, "good", ""],
      ],
    ],
  ])("is not taken on when it is %s", (state, rows) => {
    const { alert } = live(rows);
    expect(alert?.state).toBe(state);
    const taken = alert && acknowledge(alert, { acknowledgedBy: "Otto", acknowledgedAt: at(300) });
    expect(taken).toBeUndefined();
  });
});

describe("what comes back", () => {
  const over: readonly Row[] = [
    [0, "bad", "firing fired"],
    [30, "good", "firing changed"],
    [90, "good", "resolved resolved"],
  ];
  test.each<[string, readonly Row[]]>([
    [
      "soon is the same alert, which speaks five minutes after its last word",
      [
        ...over,
        [120, "bad", "firing changed"],
        [299, "bad", "firing"],
        [300, "bad", "firing relapsed"],
        [330, "bad", "firing"],
      ],
    ],
    [
      "later than that speaks at once, still the same alert",
      [...over, [400, "bad", "firing relapsed"]],
    ],
    [
      "after ten minutes is another alert",
      [
        ...over,
        [90 + SAME_ALERT_WITHIN_MS / 1000, "good", "resolved"],
        [91 + SAME_ALERT_WITHIN_MS / 1000, "bad", "firing fired"],
      ],
    ],
    [
      "and goes before its word was due needs none: the chat heard last that it is over",
      [
        ...over,
        [120, "bad", "firing changed"],
        [130, "good", "firing changed"],
        [190, "good", "resolved changed"],
      ],
    ],
    [
      "under a silence says so when the silence ends",
      [
        ...over,
        [400, "bad", "firing changed", silenced],
        [430, "bad", "firing", silenced],
        [460, "bad", "firing relapsed"],
      ],
    ],
  ])("%s", (_what, rows) => {
    expect(live(rows).told).toEqual(rows.map(([, , outcome]) => outcome));
  });

  test("within the ten minutes is a relapse in the last second and a new one after it", () => {
    const { alert } = live(over);
    const last = 90 + SAME_ALERT_WITHIN_MS / 1000;
    expect(look(alert, last, "bad").alert?.relapses).toBe(1);
    expect(look(alert, last + 1, "bad").alert?.relapses).toBe(0);
  });
});

describe("when the clock is set back by an hour", () => {
  test.each<[string, Partial<AlertRule>, readonly Row[]]>([
    [
      "trouble fires when it has lasted its time from then on",
      { forMs: 5 * MINUTE * 1000 },
      [
        [HOUR, "bad", "pending"],
        [10, "bad", "pending"],
        [160, "bad", "pending"],
        [309, "bad", "pending"],
        [310, "bad", "firing fired"],
      ],
    ],
    [
      "what looks well is over when it has for its time from then on",
      {},
      [
        [HOUR, "bad", "firing fired"],
        [HOUR + 30, "good", "firing changed"],
        [60, "good", "firing"],
        [120, "good", "resolved resolved"],
      ],
    ],
    [
      "what comes back speaks five minutes later at most",
      { resolveAfterMs: 0 },
      [
        [HOUR, "bad", "firing fired"],
        [HOUR + 30, "good", "resolved resolved"],
        [60, "bad", "firing changed"],
        [359, "bad", "firing"],
        [360, "bad", "firing relapsed"],
      ],
    ],
    [
      "what somebody has lapses two hours later at most",
      {},
      [
        [HOUR, "bad", "firing fired"],
        [HOUR, "ack", "acknowledged"],
        [60, "bad", "acknowledged"],
        [59 + 2 * HOUR, "bad", "acknowledged"],
        [60 + 2 * HOUR, "bad", "firing lapsed"],
      ],
    ],
  ])("%s", (_what, change, rows) => {
    expect(live(rows, change).told).toEqual(rows.map(([, , outcome]) => outcome));
  });
});

describe("flapping", () => {
  /** Every second another state, for an hour; gives each word with its second. */
  function flap(resolveAfterMs: number) {
    const words: [number, AlertNews][] = [];
    let alert: Alert | undefined;
    const see = (seconds: number, seen: Seen): void => {
      const decision = look(alert, seconds, seen, { rule: { ...rule, resolveAfterMs } });
      ({ alert } = decision);
      for (const one of decision.news) if (one !== "changed") words.push([seconds, one]);
    };
    for (let second = 0; second < HOUR; second += 1) see(second, second % 2 === 0 ? "bad" : "good");
    return { words, see, alert: () => alert };
  }

  test("for an hour at once a second is one word, one card and a count", () => {
    const { words, see, alert } = flap(MINUTE * 1000);
    expect(words).toEqual([[0, "fired"]]);
    expect(alert()).toMatchObject({ state: "firing", relapses: HOUR / 2 - 1 });
    expect(isFlapping(alert()!)).toBe(true);
    // It has to stay well for five minutes in one piece.
    for (let second = HOUR; second < HOUR + 298; second += 1) see(second, "good");
    expect(alert()?.state).toBe("firing");
    see(HOUR + 299, "good");
    expect(words).toEqual([
      [0, "fired"],
      [HOUR + 299, "resolved"],
    ]);
  });

  test("what still fires after it is told, even where every good look was the end", () => {
    const { words, see, alert } = flap(0);
    expect(words).toEqual([
      [0, "fired"],
      [1, "resolved"],
      [300, "relapsed"],
    ]);
    see(HOUR, "bad");
    expect(alert()?.state).toBe("firing");
  });
});

describe("whatever is seen, in whatever circumstances", () => {
  const step = fc.record({
    afterSeconds: fc.integer({ min: 1, max: 200 }),
    seen: fc.constantFrom<Seen>("bad", "good", "blind"),
    isSilenced: fc.boolean(),
    behind: fc.constantFrom(undefined, undefined, "database-is-up"),
    disturbs: fc.constantFrom(0, 0, 30, 300),
    takesOn: fc.boolean(),
  });
  const life = fc.record({
    steps: fc.array(step, { maxLength: 60 }),
    forMs: fc.constantFrom(0, 60_000, 300_000),
    resolveAfterMs: fc.constantFrom(0, 60_000),
  });

  /** The end is told once, of what was told, and never while it is bad; "again" follows an end. */
  function mayFollow(word: AlertNews, heard: AlertNews | undefined, seen: Seen): boolean {
    if (word === "resolved") return seen === "good" && heard !== undefined && heard !== "resolved";
    return seen !== "good" && (word !== "relapsed" || heard === "resolved");
  }

  test("words alternate, health is never claimed while it is bad, and no lasting trouble stays untold", () => {
    fc.assert(
      fc.property(life, ({ steps, forMs, resolveAfterMs }) => {
        const own = { ...rule, forMs, resolveAfterMs };
        let alert: Alert | undefined;
        let second = 0;
        let heard: AlertNews | undefined;
        const misplaced: string[] = [];
        const see = (seen: Seen, circumstances: Partial<Circumstances>): void => {
          const decision = look(alert, second, seen, { rule: own, circumstances });
          ({ alert } = decision);
          for (const word of decision.news.filter((one) => one !== "changed")) {
            const isHushed = circumstances.isSilenced === true && word !== "resolved";
            if (isHushed || !mayFollow(word, heard, seen)) {
              misplaced.push(`${word} after ${heard}, ${seen}`);
            }
            heard = word;
          }
        };
        for (const { afterSeconds, seen, isSilenced, behind: cause, disturbs, takesOn } of steps) {
          second += afterSeconds;
          const disturbedUntil = disturbs === 0 ? undefined : at(second + disturbs);
          see(seen, { isSilenced, behind: cause, disturbedUntil });
          const acknowledgement = { acknowledgedBy: "Ada", acknowledgedAt: at(second) };
          if (takesOn && alert) alert = acknowledge(alert, acknowledgement) ?? alert;
        }
        expect(misplaced).toEqual([]);
        // Nothing stands in the way any more and it stays bad: at the latest when it lapses, people know.
        for (let rest = 0; rest <= 2 * HOUR + 10 * MINUTE; rest += 150) {
          second += 150;
          see("bad", { isSilenced: false });
        }
        expect(alert?.state).toBe("firing");
        expect(heard).toMatch(/^(?:fired|relapsed|lapsed)$/);
        // And it stays well: it ends, and people hear of that.
        for (let rest = 0; rest <= 10 * MINUTE; rest += 150) {
          second += 150;
          see("good", { isSilenced: false });
        }
        expect([alert?.state, heard]).toEqual(["resolved", "resolved"]);
        expect(misplaced).toEqual([]);
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});
