import { describe, expect, test } from "vitest";

import { onCallAt, onCallSetting, rosterAt, unknownPeople } from "./on-call.ts";
import { momentOf, wallOf } from "./wall-clock.ts";

const BERLIN = "Europe/Berlin";
const weekly = onCallSetting.parse({ rotation: ["Ada", "Otto", "Vera"], since: "2026-11-23" });
const at = (settings: typeof weekly, iso: string, zone = BERLIN) => {
  const { people, until } = onCallAt(settings, zone, new Date(iso));
  return [people.join(" "), until.toISOString()];
};

describe("a week each, from Monday at nine in Berlin", () => {
  test.each([
    [
      "before it begins, the first",
      "2026-11-01T00:00:00Z",
      "Ada Otto Vera",
      "2026-11-30T08:00:00Z",
    ],
    ["as it begins", "2026-11-23T08:00:00Z", "Ada Otto Vera", "2026-11-30T08:00:00Z"],
    ["a second before", "2026-11-30T07:59:59Z", "Ada Otto Vera", "2026-11-30T08:00:00Z"],
    ["the hand-over", "2026-11-30T08:00:00Z", "Otto Vera Ada", "2026-12-07T08:00:00Z"],
    ["the last of them", "2026-12-07T08:00:00Z", "Vera Ada Otto", "2026-12-14T08:00:00Z"],
    ["the first again", "2026-12-14T08:00:00Z", "Ada Otto Vera", "2026-12-21T08:00:00Z"],
    // The clocks went forward on 28 March 2027, so nine is an hour earlier.
    ["a summer's second before", "2027-03-29T06:59:59Z", "Vera Ada Otto", "2027-03-29T07:00:00Z"],
    ["a summer's hand-over", "2027-03-29T07:00:00Z", "Ada Otto Vera", "2027-04-05T07:00:00Z"],
  ])("%s: %s", (_what, now, people, until) => {
    expect(at(weekly, now)).toEqual([people, new Date(until).toISOString()]);
  });

  test("begins on the Monday of the week of its first day", () => {
    const midweek = onCallSetting.parse({ rotation: ["Ada", "Otto"], since: "2026-11-25" });
    expect(at(midweek, "2026-11-25T12:00:00Z")[0]).toBe("Ada Otto");
    expect(at(midweek, "2026-11-30T08:00:00Z")[0]).toBe("Otto Ada");
  });
});

describe("a day each", () => {
  const daily = (handOver: string, since: string) =>
    onCallSetting.parse({ rotation: ["Ada", "Otto"], since, handOver });

  test("changes every day at the same time of the wall's clock", () => {
    const settings = daily("09:00", "2027-03-27");
    expect(at(settings, "2027-03-28T06:59:59Z")[0]).toBe("Ada Otto");
    expect(at(settings, "2027-03-28T07:00:00Z")[0]).toBe("Otto Ada");
  });

  test("hands over once in the night that has its hour twice", () => {
    const settings = daily("02:30", "2026-10-24");
    // 25 October 2026 in Berlin: 02:00–02:59 comes at 00:00Z and again at 01:00Z.
    const seen = ["00:29", "00:30", "00:59", "01:00", "01:29", "01:31", "02:00"].map(
      (time) => at(settings, `2026-10-25T${time}:00Z`)[0],
    );
    expect(seen).toEqual(["Ada Otto", ...Array.from({ length: 6 }, () => "Otto Ada")]);
  });

  test("hands over once in the night that leaves its hour out", () => {
    const settings = daily("02:30", "2027-03-27");
    const seen = ["00:29", "00:59", "01:00", "01:29", "01:30", "02:00"].map(
      (time) => at(settings, `2027-03-28T${time}:00Z`)[0],
    );
    expect(seen).toEqual([
      ...Array.from({ length: 4 }, () => "Ada Otto"),
      ...Array.from({ length: 2 }, () => "Otto Ada"),
    ]);
  });
});

describe("somebody who stands in", () => {
  const settings = onCallSetting.parse({
    ...weekly,
    instead: [{ who: "Vera", from: "2026-11-24 18:00", until: "2026-11-25 09:00" }],
  });

  test.each([
    ["before", "2026-11-24T16:59:59Z", "Ada Otto Vera", "2026-11-24T17:00:00.000Z"],
    ["during", "2026-11-24T17:00:00Z", "Vera Ada Otto", "2026-11-25T08:00:00.000Z"],
    ["after", "2026-11-25T08:00:00Z", "Ada Otto Vera", "2026-11-30T08:00:00.000Z"],
  ])("is on call in that time alone: %s", (_when, now, people, until) => {
    expect(at(settings, now)).toEqual([people, until]);
  });
});

describe("the configuration", () => {
  test.each([
    ["a day that is none", { since: "2026-02-30" }, "2026-02-30 is no day of the calendar"],
    ["no weekday", { handOver: "Someday 09:00" }, "expected a time such as 09:00 for every day"],
    ["no hour", { handOver: "Mon 24:00" }, "expected a time such as 09:00 for every day"],
    [
      "an end before its beginning",
      { instead: [{ who: "Ada", from: "2026-12-25 09:00", until: "2026-12-24 09:00" }] },
      "expected a time after 2026-12-25 09:00",
    ],
  ])("refuses %s", (_what, change, message) => {
    const parsed = onCallSetting.safeParse({ rotation: ["Ada"], since: "2026-11-23", ...change });
    expect(parsed.error?.issues[0]?.message).toContain(message);
  });

  test("names whoever is no operator, and where", () => {
    const instead = [{ who: "Olga", from: "2026-12-24 09:00", until: "2026-12-25 09:00" }];
    expect(unknownPeople({ ...weekly, instead }, ["Ada", "Vera"])).toEqual([
      { path: ["rotation", 1], name: "Otto" },
      { path: ["instead", 0, "who"], name: "Olga" },
    ]);
  });
});

describe("the operators who can be called", () => {
  const operators = [
    { name: "Vera", telegram: 1, role: "viewer" },
    { name: "Otto", telegram: 2, role: "operator" },
    { name: "Ada", telegram: 3, role: "approver" },
  ] as const;
  const now = new Date("2026-11-23T12:00:00Z");
  const names = (onCall?: typeof weekly) =>
    rosterAt({ operators, onCall, timeZone: BERLIN }, now).map(({ name }) => name);

  test("are those of the rotation, whoever is on call first", () => {
    expect(names(weekly)).toEqual(["Ada", "Otto", "Vera"]);
  });

  test("are all who may act when there is no rotation", () => {
    expect(names()).toEqual(["Otto", "Ada"]);
  });
});

describe("the clock on the wall", () => {
  test.each([
    ["2026-11-23T12:00", "2026-11-23T11:00:00.000Z"],
    ["2026-07-01T00:00", "2026-06-30T22:00:00.000Z"],
    // Twice, and the first one counts.
    ["2026-10-25T02:30", "2026-10-25T00:30:00.000Z"],
    // Left out.
    ["2027-03-28T02:30", "2027-03-28T01:30:00.000Z"],
  ])("says %s in Berlin at %s first", (wall, moment) => {
    expect(momentOf(Date.parse(`${wall}:00Z`), BERLIN).toISOString()).toBe(moment);
  });

  test.each(["UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"])(
    "goes there and back in %s",
    (zone) => {
      for (let day = 0; day < 366; day += 1) {
        const moment = new Date(Date.UTC(2026, 0, 1 + day, 11, 17));
        expect(momentOf(wallOf(moment, zone), zone)).toEqual(moment);
      }
    },
  );
});
