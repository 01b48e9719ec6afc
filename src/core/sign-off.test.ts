import { describe, expect, test } from "vitest";

import {
  decideAnswer,
  decideReview,
  fieldStandings,
  isReadyForReview,
  SIGN_OFF_FIELDS,
  signOffFacts,
  type FieldStanding,
} from "./sign-off.ts";

const at = new Date("2026-11-23T12:00:00Z");
const otto = { name: "Otto", telegram: "1002" };
const ada = { name: "Ada", telegram: "1003" };
const rule = { name: "rule ready-keeps-failing" };

const allSeen = Object.fromEntries(
  SIGN_OFF_FIELDS.map((field) => [field, { yes: true, words: `${field} was seen` }]),
);
const fieldOf = (standings: readonly FieldStanding[], field: string): FieldStanding | undefined =>
  standings.find((one) => one.field === field);

describe("the fields of a sign-off", () => {
  test("are filled by what the rollout saw, then by what a person says, and are open until then", () => {
    const standings = fieldStandings({ api: { yes: true, words: "2 checks pass" } }, [
      { field: "worker", yes: true, by: "Otto", at },
    ]);
    expect(standings.map(({ field, kind }) => [field, kind])).toEqual([
      ["backup", "open"],
      ["migration", "open"],
      ["api", "seen"],
      ["worker", "answered"],
      ["smoke", "open"],
      ["rollback", "open"],
    ]);
  });

  test("cannot be talked away: what was seen outweighs what is said", () => {
    const seen = { smoke: { yes: false, words: "NO-GO" } };
    const standings = fieldStandings(seen, [{ field: "smoke", yes: true, by: "Otto", at }]);
    expect(fieldOf(standings, "smoke")).toMatchObject({ kind: "seen", yes: false });
  });

  test("are kept by the evidence with whoever vouches for them", () => {
    const standings = fieldStandings({ api: { yes: true, words: "2 checks pass" } }, [
      { field: "worker", yes: false, by: "Otto", at },
    ]);
    expect(signOffFacts(standings)).toMatchObject({
      api: "yes: 2 checks pass",
      worker: "no, by Otto",
      backup: "open",
    });
  });
});

describe("answering a field", () => {
  const standings = fieldStandings({ api: { yes: true, words: "2 checks pass" } }, []);

  test.each([
    ["is for whoever asked for the rollout", "worker", otto, otto, true],
    ["is for nobody else", "worker", otto, ada, false],
    ["is for anybody when a rule asked", "worker", rule, ada, true],
    ["is not possible where the rollout saw for itself", "api", otto, otto, false],
    ["is not possible for a field that is none", "weather", otto, otto, false],
  ])("%s", (_title, field, requester, by, ok) => {
    expect(decideAnswer(fieldOf(standings, field), requester, by).ok).toBe(ok);
  });

  test("may be done again, as long as it is not signed", () => {
    const answered = fieldStandings({}, [{ field: "worker", yes: false, by: "Otto", at }]);
    expect(decideAnswer(fieldOf(answered, "worker"), otto, otto).ok).toBe(true);
  });
});

describe("the last gate", () => {
  const ready = fieldStandings(allSeen, []);

  test("is passed by somebody else when every field is yes", () => {
    expect(isReadyForReview(ready)).toBe(true);
    expect(decideReview(ready, otto, ada, false)).toEqual({ ok: true });
  });

  test("is not passed by whoever asked, unless the team is one person", () => {
    expect(decideReview(ready, otto, otto, false).ok).toBe(false);
    expect(decideReview(ready, otto, otto, true).ok).toBe(true);
  });

  test("is not passed by Flightdeck itself", () => {
    expect(decideReview(ready, rule, rule, true).ok).toBe(false);
  });

  test.each(SIGN_OFF_FIELDS)("is shut while %s is open, or no", (field) => {
    const { [field]: _left, ...others } = allSeen;
    const open = fieldStandings(others, []);
    const against = fieldStandings(others, [{ field, yes: false, by: "Otto", at }]);
    for (const standings of [open, against]) {
      expect(isReadyForReview(standings)).toBe(false);
      const decision = decideReview(standings, otto, ada, false);
      expect(!decision.ok && decision.message).toContain(field);
    }
  });
});
