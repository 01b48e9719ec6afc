import { describe, expect, test } from "vitest";

import { decideChecklist, standingsOf, verdictOf, type ChecklistItem } from "./checklist.ts";
import type { Status } from "./status.ts";

const now = new Date("2026-11-23T12:00:00Z");
const before = new Date(now.getTime() + 1);
const seen = (name: string, ...checks: string[]): ChecklistItem => ({ name, what: name, checks });
const TICK = { item: "query", by: "Otto", at: now };

type Seen = Readonly<Record<string, Status>>;
const reports = (statuses: Seen) =>
  Object.entries(statuses).map(([check, status]) => ({ check, status }));

describe("an item", () => {
  test.each<[string, Seen, Status]>([
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
    const [standing] = standingsOf([seen("item", "a", "b")], reports(statuses), []);
    expect(standing).toMatchObject({ kind: "seen", status });
  });

  test("without checks is a person's word and nothing else", () => {
    const items = [seen("query"), seen("sync")];
    const kinds = standingsOf(items, reports({ query: "pass", sync: "pass" }), [TICK]);
    expect(kinds.map(({ kind }) => kind)).toEqual(["ticked", "not-ticked"]);
  });

  test("with checks cannot be ticked", () => {
    const tick = { ...TICK, item: "live" };
    const [standing] = standingsOf([seen("live", "a")], reports({ a: "fail" }), [tick]);
    expect(standing).toMatchObject({ kind: "seen", status: "fail" });
  });
});

describe("a list", () => {
  const items = [seen("live", "a"), seen("ready", "b"), seen("query")];
  const good: Seen = { a: "pass", b: "not-configured" };

  test.each<[string, Seen | undefined, boolean, Date, string]>([
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
    const standings = standingsOf(items, statuses && reports(statuses), ticks);
    expect(decideChecklist(standings, endsAt, now)).toBe(outcome);
  });

  test.each<[Seen | undefined, string]>([
    [{ a: "pass", b: "pass" }, "GO"],
    [{ a: "pass", b: "not-configured" }, "GO"],
    [{ a: "pass", b: "unknown" }, "UNKNOWN"],
    [{ a: "fail", b: "unknown" }, "NO-GO"],
    [{ a: "not-configured", b: "not-configured" }, "UNKNOWN"],
    [undefined, "UNKNOWN"],
  ])("of which %o was seen is %s, whatever people tick", (statuses, verdict) => {
    const standings = standingsOf(items, statuses && reports(statuses), [TICK]);
    expect(verdictOf(standings)).toBe(verdict);
  });
});
