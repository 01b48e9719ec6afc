import { describe, expect, test } from "vitest";

import {
  decideGates,
  passedGates,
  shutGates,
  type GateFacts,
  type GateName,
} from "./deploy-gate.ts";
import type { Status } from "./status.ts";

const MINUTE_MS = 60_000;
const now = new Date("2026-11-23T12:00:00Z");
const ago = (minutes: number): Date => new Date(now.getTime() - minutes * MINUTE_MS);
const limits = { preflightWithin: 30 * MINUTE_MS, backupWithin: 24 * 60 * MINUTE_MS };

const page = (name: string) => ({ name, severity: "page" }) as const;
const warn = (name: string) => ({ name, severity: "warn" }) as const;
const answer = (check: string, status: Status, minutes = 5) => ({
  check,
  status,
  at: ago(minutes),
});

const allOpen: GateFacts = {
  checks: [page("ready"), page("live"), warn("queue")],
  answers: [answer("ready", "pass"), answer("live", "pass", 12), answer("queue", "pass")],
  backup: { kind: "made", at: ago(90) },
  pages: [],
  underWay: [],
};

function gate(name: GateName, facts: Partial<GateFacts>) {
  const found = decideGates({ ...allOpen, ...facts }, limits, now).find((one) => one.name === name);
  return found && [found.ok, found.words];
}

describe("the gates of a deployment", () => {
  test("are all open when everything is as it should be", () => {
    expect(decideGates(allOpen, limits, now).map(({ name, ok }) => [name, ok])).toEqual([
      ["preflight", true],
      ["backup", true],
      ["alerts", true],
      ["runs", true],
    ]);
  });

  test.each<[string, Partial<GateFacts>, boolean, string]>([
    ["tells the age of its oldest answer", {}, true, "GO by 3 checks, 12m ago"],
    [
      "is shut by a failure that pages, before anything else",
      { answers: [answer("ready", "fail"), answer("live", "unknown")] },
      false,
      "NO-GO: ready",
    ],
    [
      "is shut by a check that could not look",
      { answers: [answer("ready", "pass"), answer("live", "unknown"), answer("queue", "pass")] },
      false,
      "UNKNOWN: live",
    ],
    [
      "is shut by a check that nobody asked",
      { answers: [answer("ready", "pass")] },
      false,
      "1 without a preflight within 30m; /preflight asks all",
    ],
    [
      "is shut by answers that are too old",
      { answers: [answer("ready", "pass", 31), answer("live", "pass", 31)] },
      false,
      "no preflight within 30m; /preflight asks all",
    ],
    [
      "is open to the very end of the time",
      { answers: [answer("ready", "pass", 30), answer("live", "pass", 30)] },
      true,
      "GO by 3 checks, 30m ago",
    ],
    [
      "is open although a warning fails",
      { answers: [answer("ready", "pass"), answer("live", "pass"), answer("queue", "fail")] },
      true,
      "GO by 3 checks, 5m ago",
    ],
    [
      "goes by warnings where nothing pages",
      { checks: [warn("queue")], answers: [answer("queue", "fail")] },
      false,
      "NO-GO: queue",
    ],
    [
      "does not count what is not configured",
      { answers: [answer("ready", "pass"), answer("live", "not-configured")] },
      true,
      "GO by 2 checks, 5m ago",
    ],
    [
      "is shut when nothing applies, for then nothing is known",
      { checks: [] },
      false,
      "no check applies, so nothing is known",
    ],
    [
      "names three failures and counts the others",
      {
        checks: ["a", "b", "c", "d", "e"].map(page),
        answers: ["a", "b", "c", "d", "e"].map((name) => answer(name, "fail")),
      },
      false,
      "NO-GO: a, b, c and 2 more",
    ],
  ])("preflight %s", (_title, facts, ok, words) => {
    expect(gate("preflight", facts)).toEqual([ok, words]);
  });

  test.each<[string, GateFacts["backup"], boolean, string]>([
    [
      "is open by a young one",
      { kind: "made", at: ago(90) },
      true,
      "the newest is from 1h 30m ago",
    ],
    [
      "is shut by an old one",
      { kind: "made", at: ago(25 * 60) },
      false,
      "the newest is from 1d 1h ago, expected within 1d; /backup",
    ],
    ["is shut without one", { kind: "none" }, false, "there is none; /backup makes one"],
    ["does not count where none is configured", { kind: "not-configured" }, true, "not configured"],
    [
      "is off for the first rollout of an empty database",
      { kind: "nothing-to-lose" },
      true,
      "first rollout, and the database is empty",
    ],
  ])("backup %s", (_title, backup, ok, words) => {
    expect(gate("backup", { backup })).toEqual([ok, words]);
  });

  test("alerts is shut while anything pages", () => {
    expect(gate("alerts", { pages: ["api-is-ready"] })).toEqual([false, "firing: api-is-ready"]);
  });

  test("runs is shut while something else changes the target", () => {
    expect(gate("runs", { underWay: ["R-7 smoke by Otto"] })).toEqual([false, "R-7 smoke by Otto"]);
  });
});

describe("an override", () => {
  const shut = decideGates(
    { ...allOpen, pages: ["api-is-ready"], backup: { kind: "none" } },
    limits,
    now,
  );

  test("passes the gate that it names and no other", () => {
    const passed = passedGates(shut, [{ gate: "alerts", because: "this release mends it" }]);
    expect(shutGates(passed).map(({ name }) => name)).toEqual(["backup"]);
    expect(passed.find(({ name }) => name === "alerts")?.overriddenBecause).toBe(
      "this release mends it",
    );
  });

  test("of an open gate is none, so nothing is recorded as passed that was not shut", () => {
    const passed = passedGates(shut, [{ gate: "runs", because: "whatever" }]);
    expect(passed.every(({ overriddenBecause }) => overriddenBecause === undefined)).toBe(true);
    expect(shutGates(passed).map(({ name }) => name)).toEqual(["backup", "alerts"]);
  });
});
