import { describe, expect, test } from "vitest";

import { escalationOf, escalationSetting, reached, type Escalating } from "./escalation.ts";

const policy = escalationSetting.parse(undefined);
const FIRED = new Date("2026-11-23T03:00:00Z");
const after = (text: string): Date => {
  const [minutes = 0, seconds = 0] = text.split(":").map(Number);
  return new Date(FIRED.getTime() + (minutes * 60 + seconds) * 1_000);
};
type Row = {
  readonly when: string;
  readonly now: string;
  readonly alert?: Partial<Escalating>;
  readonly due: readonly number[];
  readonly next: string | undefined;
};

const rows: readonly Row[] = [
  { when: "it fires", now: "0:00", due: [0], next: "2:00" },
  {
    when: "whoever is on call was mentioned",
    now: "0:01",
    alert: { stepsDone: 1 },
    due: [],
    next: "2:00",
  },
  {
    when: "a second is missing to two minutes",
    now: "1:59",
    alert: { stepsDone: 1 },
    due: [],
    next: "2:00",
  },
  {
    when: "nobody took it for two minutes",
    now: "2:00",
    alert: { stepsDone: 1 },
    due: [1],
    next: "5:00",
  },
  {
    when: "nobody took it for five minutes",
    now: "5:00",
    alert: { stepsDone: 2 },
    due: [2],
    next: "10:00",
  },
  {
    when: "nobody took it for ten minutes",
    now: "10:00",
    alert: { stepsDone: 3 },
    due: [3],
    next: undefined,
  },
  {
    when: "everybody was called",
    now: "59:00",
    alert: { stepsDone: 4 },
    due: [],
    next: undefined,
  },
  {
    when: "nobody was there to do anything for six minutes",
    now: "6:00",
    alert: { stepsDone: 1 },
    due: [1, 2],
    next: "10:00",
  },
  {
    when: "somebody took it",
    now: "5:00",
    alert: { isAcknowledged: true, stepsDone: 1 },
    due: [],
    next: undefined,
  },
  {
    when: "somebody took it, although much is overdue",
    now: "30:00",
    alert: { isAcknowledged: true },
    due: [],
    next: undefined,
  },
  {
    when: "the acknowledgement has lapsed: it starts again",
    now: "120:00",
    alert: { since: after("120:00"), stepsDone: 0 },
    due: [0],
    next: "122:00",
  },
  {
    when: "the acknowledgement has lapsed two minutes ago",
    now: "122:00",
    alert: { since: after("120:00"), stepsDone: 1 },
    due: [1],
    next: "125:00",
  },
  { when: "the clock went back before it fired", now: "-1:00", due: [], next: "0:00" },
];

describe("what is due", () => {
  test.each(rows)("when $when", ({ now, alert, due, next }) => {
    const escalating = { since: FIRED, isAcknowledged: false, stepsDone: 0, ...alert };
    const found = escalationOf(escalating, policy, after(now));
    expect(found.due.map(({ index }) => index)).toEqual(due);
    expect(found.nextAt).toEqual(next === undefined ? undefined : after(next));
  });

  test("says how and whom, as the configuration does", () => {
    const [step] = escalationOf(
      { since: FIRED, isAcknowledged: false, stepsDone: 0 },
      policy,
      FIRED,
    ).due;
    expect(step).toEqual({ index: 0, after: 0, reach: "on-call", by: ["mention"] });
  });
});

describe("whom a step reaches", () => {
  test.each([
    ["on-call", ["Ada", "Otto", "Vera"], ["Ada"]],
    ["next", ["Ada", "Otto", "Vera"], ["Otto"]],
    ["all", ["Ada", "Otto", "Vera"], ["Ada", "Otto", "Vera"]],
    ["next", ["Ada"], ["Ada"]],
    ["on-call", [], []],
    ["next", [], []],
  ] as const)("%s of %j is %j", (audience, people, expected) => {
    expect(reached(audience, people)).toEqual(expected);
  });
});

describe("the configuration", () => {
  test("may have other times, written as durations", () => {
    const steps = [{ after: "30s", reach: "all", by: ["call"] }];
    expect(escalationSetting.parse(steps)).toEqual([{ after: 30_000, reach: "all", by: ["call"] }]);
  });

  test.each([
    ["steps out of order", [5, 2]],
    ["two steps at once", [2, 2]],
  ])("refuses %s", (_what, minutes) => {
    const steps = minutes.map((after) => ({ after: `${after}m`, reach: "all", by: ["call"] }));
    expect(escalationSetting.safeParse(steps).error?.issues[0]).toMatchObject({
      path: [1, "after"],
      message: "expected steps in the order of their times, each later than the one before",
    });
  });

  test("refuses a step that reaches nobody by anything", () => {
    const steps = [{ after: "1m", reach: "nobody", by: [] }];
    expect(escalationSetting.safeParse(steps).error?.issues).toHaveLength(2);
  });
});
