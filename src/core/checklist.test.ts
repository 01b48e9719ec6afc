import { describe, expect, test } from "vitest";

import {
  decideChecklist,
  gatesOf,
  standingsOf,
  tickProblem,
  verdictOf,
  type ChecklistItem,
  type FoundRun,
  type Proof,
} from "./checklist.ts";
import type { Status } from "./status.ts";

const now = new Date("2026-11-23T12:00:00Z");
const before = new Date(now.getTime() + 1);
const item = (name: string, proof: Proof, gate?: string): ChecklistItem => ({
  name,
  what: name,
  proof,
  gate,
});
const seen = (name: string, ...checks: string[]): ChecklistItem =>
  item(name, { kind: "checks", checks });
const asked = (name: string): ChecklistItem => item(name, { kind: "person", role: "operator" });
const TICK = { item: "query", by: "Otto", at: now };

type Statuses = Readonly<Record<string, Status>>;
const looked = (statuses: Statuses, runs: readonly FoundRun[] = []) => ({
  reports: Object.entries(statuses).map(([check, status]) => ({ check, status })),
  runs,
  since: now,
});

describe("an item", () => {
  test.each<[string, Statuses, Status]>([
    ["passes when all its checks do", { a: "pass", b: "pass" }, "pass"],
    ["fails with one of them", { a: "unknown", b: "fail" }, "fail"],
    ["is unknown when one could not be seen", { a: "pass", b: "unknown" }, "unknown"],
    ["is unknown when one was not asked", { a: "pass" }, "unknown"],
    ["passes beside what is not configured", { a: "pass", b: "not-configured" }, "pass"],
    [
      "is not configured when nothing of it is",
      { a: "not-configured", b: "not-configured" },
      "not-configured",
    ],
  ])("%s", (_what, statuses, status) => {
    const [standing] = standingsOf([seen("item", "a", "b")], looked(statuses), []);
    expect(standing).toMatchObject({ kind: "seen", status });
  });

  test("without checks is a person's word and nothing else", () => {
    const items = [asked("query"), asked("sync")];
    const kinds = standingsOf(items, looked({ query: "pass", sync: "pass" }), [TICK]);
    expect(kinds.map(({ kind }) => kind)).toEqual(["ticked", "not-ticked"]);
  });

  test("with checks cannot be ticked", () => {
    const tick = { ...TICK, item: "live" };
    const [standing] = standingsOf([seen("live", "a")], looked({ a: "fail" }), [tick]);
    expect(standing).toMatchObject({ kind: "seen", status: "fail" });
  });

  const MINUTE_MS = 60_000;
  const saved = item("backup", {
    kind: "run",
    operation: "backup",
    verdict: "SAVED",
    withinMs: 10 * MINUTE_MS,
  });
  const run = (change: Partial<FoundRun> = {}): FoundRun => ({
    operation: "backup",
    run: "R-7",
    verdict: "SAVED",
    end: "SAVED",
    begunAt: now,
    endedAt: now,
    isWhole: true,
    ...change,
  });
  const ago = (minutes: number) => new Date(now.getTime() - minutes * MINUTE_MS);

  test.each<[string, readonly FoundRun[], Status, string]>([
    ["passes by the newest run with its verdict", [run()], "pass", "R-7 SAVED"],
    ["passes by a run that came later", [run({ endedAt: ago(-60) })], "pass", "R-7 SAVED"],
    ["passes by one as old as it may be", [run({ endedAt: ago(10) })], "pass", "R-7 SAVED"],
    [
      "is unknown by one that is older",
      [run({ endedAt: ago(11) })],
      "unknown",
      "R-7 SAVED, older than 10m",
    ],
    ["is unknown before there is any", [run({ operation: "drill" })], "unknown", "no backup yet"],
    [
      "fails by another verdict",
      [run({ verdict: "DAMAGED", end: "DAMAGED" })],
      "fail",
      "R-7 DAMAGED",
    ],
    [
      "fails by a run that failed",
      [run({ verdict: undefined, end: "failed" })],
      "fail",
      "R-7 failed",
    ],
    [
      "is unknown by one that was cancelled",
      [run({ verdict: undefined, end: "cancelled" })],
      "unknown",
      "R-7 cancelled",
    ],
    [
      "is unknown by one that looked at a part",
      [run({ isWhole: false })],
      "unknown",
      "R-7 SAVED, of some checks alone",
    ],
  ])("of a run %s", (_what, runs, status, told) => {
    const [standing] = standingsOf([saved], looked({}, runs), []);
    expect(standing).toEqual({ item: saved, kind: "seen", status, told });
  });
});

test("an item of a run that has to come after another is unknown by one that came before", () => {
  const smoke = item("smoke", {
    kind: "run",
    operation: "smoke",
    verdict: "GO",
    withinMs: 0,
    after: "deploy",
  });
  const at = (minute: number) => new Date(now.getTime() + minute * 60_000);
  const ran = (operation: string, run: string, from: number, to: number): FoundRun => ({
    operation,
    run,
    begunAt: at(from),
    endedAt: at(to),
    isWhole: true,
    ...(operation === "smoke" ? { verdict: "GO", end: "GO" } : { verdict: "DEPLOYED", end: "" }),
  });
  const standing = (...runs: readonly FoundRun[]) => standingsOf([smoke], looked({}, runs), [])[0];
  const early = ran("smoke", "R-7", 1, 2);
  expect(standing(early)).toMatchObject({ status: "pass", told: "R-7 GO" });
  expect(standing(ran("smoke", "R-6", -2, -1))).toMatchObject({
    status: "unknown",
    told: "R-6 GO, of before this list",
  });
  expect(standing(early, ran("deploy", "R-8", 3, 5))).toMatchObject({
    status: "unknown",
    told: "R-7 GO, before the deploy R-8",
  });
  expect(standing(ran("smoke", "R-9", 4, 6), ran("deploy", "R-8", 3, 5))).toMatchObject({
    status: "unknown",
  });
  expect(standing(ran("smoke", "R-9", 5, 6), ran("deploy", "R-8", 3, 5))).toMatchObject({
    status: "pass",
  });
});

describe("a list", () => {
  const items = [seen("live", "a"), seen("ready", "b"), asked("query")];
  const good: Statuses = { a: "pass", b: "not-configured" };

  test.each<[string, Statuses | undefined, boolean, Date, string]>([
    ["stays open while somebody has to tick", good, false, before, "open"],
    ["is complete with its last tick", good, true, before, "complete"],
    ["is complete at the last moment", good, true, now, "complete"],
    ["expires at its end", good, false, now, "expired"],
    ["stays open while something fails", { ...good, a: "fail" }, true, before, "open"],
    ["stays open while something is unknown", { ...good, a: "unknown" }, true, before, "open"],
    ["stays open while nobody has looked", undefined, true, before, "open"],
    ["expires when nobody looked at all", undefined, true, now, "expired"],
  ])("%s", (_what, statuses, isTicked, endsAt, outcome) => {
    const ticks = isTicked ? [TICK] : [];
    const standings = standingsOf(items, statuses && looked(statuses), ticks);
    expect(decideChecklist(standings, endsAt, now)).toBe(outcome);
  });

  test.each<[Statuses | undefined, string]>([
    [{ a: "pass", b: "pass" }, "GO"],
    [{ a: "pass", b: "not-configured" }, "GO"],
    [{ a: "pass", b: "unknown" }, "UNKNOWN"],
    [{ a: "fail", b: "unknown" }, "NO-GO"],
    [{ a: "not-configured", b: "not-configured" }, "UNKNOWN"],
    [undefined, "UNKNOWN"],
  ])("of which %o was seen is %s, whatever people tick", (statuses, verdict) => {
    const standings = standingsOf(items, statuses && looked(statuses), [TICK]);
    expect(verdictOf(standings)).toBe(verdict);
  });
});

describe("a list with gates", () => {
  const person = (name: string, gate: string) =>
    item(name, { kind: "person", role: "operator" }, gate);
  const items = [
    item("live", { kind: "checks", checks: ["a"] }, "preflight"),
    person("commit", "preflight"),
    item("ready", { kind: "checks", checks: ["b"] }, "deploy"),
    person("watched", "deploy"),
    person("signed", "sign-off"),
  ];
  const standings = (statuses: Statuses, ...ticked: readonly string[]) =>
    standingsOf(
      items,
      looked(statuses),
      ticked.map((name) => ({ ...TICK, item: name })),
    );
  const named = (statuses: Statuses, ...ticked: readonly string[]) => {
    const { passed, current, ahead } = gatesOf(standings(statuses, ...ticked));
    return [passed.map(({ name }) => name), current?.name, ahead.map(({ name }) => name)];
  };

  test("stands at the first gate that is not passed", () => {
    const good: Statuses = { a: "pass", b: "pass" };
    expect(named(good)).toEqual([[], "preflight", ["deploy", "sign-off"]]);
    expect(named(good, "commit")).toEqual([["preflight"], "deploy", ["sign-off"]]);
    expect(named(good, "commit", "watched")).toEqual([["preflight", "deploy"], "sign-off", []]);
    expect(named(good, "commit", "watched", "signed")[1]).toBeUndefined();
  });

  test("stands at an earlier gate again when that does not hold any more", () => {
    expect(named({ a: "fail", b: "pass" }, "commit", "watched")[1]).toBe("preflight");
  });

  test.each<[string, Statuses, readonly string[]]>([
    ["GO", { a: "pass", b: "fail" }, []],
    ["NO-GO", { a: "pass", b: "fail" }, ["commit"]],
    ["NO-GO", { a: "fail", b: "pass" }, ["commit"]],
    ["UNKNOWN", { a: "pass", b: "unknown" }, ["commit"]],
  ])("is %s by what lies no further than where it stands", (verdict, statuses, ticked) => {
    expect(verdictOf(standings(statuses, ...ticked))).toBe(verdict);
  });

  test.each<[string, readonly string[], string | undefined]>([
    ["commit", [], undefined],
    ["live", [], '"live" is proved by a alone; look again.'],
    ["watched", [], "The gate deploy comes after preflight, where commit is still open."],
    ["watched", ["commit"], undefined],
    ["signed", ["commit"], "The gate sign-off comes after deploy, where watched is still open."],
    ["commit", ["commit", "watched"], undefined],
  ])("lets %s be ticked when its turn has come", (name, ticked, problem) => {
    const meant = items.find((one) => one.name === name)!;
    expect(tickProblem(standings({ a: "pass", b: "pass" }, ...ticked), meant)).toBe(problem);
  });
});
