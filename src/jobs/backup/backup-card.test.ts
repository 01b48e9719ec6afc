import { describe, expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import type { Json } from "../../core/json.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import { RUN_STATES, type RunState } from "../../storage/run.ts";
import type { RunView } from "../operation.ts";
import { backupCard, progressText } from "./backup-card.ts";
import { STEPS } from "./backup-report.ts";

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 23, 3, 4, seconds));
const id = "20261123T030405Z";
const dumped = {
  id,
  bytes: 34_500_000,
  sha256: "ab".repeat(32),
  tookMs: 4_500,
  snapshotAt: at(5).toISOString(),
  serverVersionNumber: 150_018,
  tables: 12,
  rows: 2_013,
};

function view(
  state: RunState,
  results: Readonly<Record<string, Json>>,
  more: { readonly open?: Partial<JournalledStep>; readonly kept?: Json } = {},
): RunView<unknown> {
  const step = (name: string, change: Partial<JournalledStep>, n: number): JournalledStep => ({
    n,
    name,
    kind: "look",
    state: "done",
    key: "k",
    baseline: null,
    progress: null,
    result: null,
    error: null,
    startedAt: at(1),
    endedAt: at(2),
    ...change,
  });
  const steps = Object.entries(results).map(([name, result], n) => step(name, { result }, n));
  if (more.open) {
    steps.push(step(more.open.name ?? "", { state: "started", ...more.open }, steps.length));
  }
  const ended = state !== "waiting" && state !== "running";
  return {
    run: {
      id: "7",
      target: "alpha",
      operation: "backup",
      input: {},
      mutating: true,
      cause: "tg-1",
      actor: { via: "telegram", name: "Ada", telegram: "5", role: "operator" },
      configHash: "c",
      state,
      epoch: 1,
      cancelRequestedAt: null,
      verdict: state === "ok" ? "SAVED" : null,
      reason: state === "failed" ? "x".repeat(5_000) : null,
      createdAt: at(0),
      startedAt: at(1),
      endedAt: ended ? at(9) : null,
    },
    input: {},
    steps,
    kept: more.kept ?? null,
    now: at(10),
    timeZone: "UTC",
  };
}

describe("progress", () => {
  test.each<[string, Parameters<typeof progressText>, string]>([
    [
      "of the first dump of all, which nobody can guess",
      [{ bytes: 5e6, of: null, sinceMs: 1_000 }, null],
      "5 MB · 5 MB/s",
    ],
    [
      "of an upload, by its bytes",
      [{ bytes: 5e6, of: 20e6, sinceMs: 1_000 }, null],
      "5 MB of about 20 MB · 5 MB/s · about 3s left",
    ],
    [
      "of a dump, by the slower of both guesses",
      [{ bytes: 15e6, of: 20e6, sinceMs: 1_000 }, 5_000],
      "15 MB of about 20 MB · 15 MB/s · about 4s left",
    ],
    [
      "of a dump that is larger than the last one",
      [{ bytes: 25e6, of: 20e6, sinceMs: 1_000 }, null],
      "25 MB of about 20 MB · 25 MB/s",
    ],
    [
      "that has not begun",
      [{ bytes: 0, of: 20e6, sinceMs: 0 }, null],
      "0 B of about 20 MB · 0 B/s",
    ],
  ])("%s", (_what, [progress, lastTookMs], words) => {
    expect(progressText(progress, lastTookMs)).toBe(words);
  });
});

describe("the card", () => {
  test("says what is being done and how far it is, and can be cancelled", () => {
    const prepared = { known: 3, last: { bytes: 69_000_000, tookMs: 9_000 } };
    const open = {
      name: STEPS.dump,
      progress: { bytes: 34_500_000, of: 69_000_000, sinceMs: 4_500 },
    };
    const card = backupCard(
      view("running", { [STEPS.prepare]: prepared }, { open }),
      "store/bucket",
    );
    expect(card.title).toBe("⏳ alpha · backup: dumping");
    expect(cardText(card)).toContain("34.5 MB of about 69 MB · 7.67 MB/s · about 4.5s left");
    expect(card.actions.flat().map(({ command }) => command)).toEqual(["cancel R-7"]);
  });

  test("of a backup says what it is, where, how it was proved, and what went for it", () => {
    const results = {
      [STEPS.dump]: dumped,
      [STEPS.readBack]: { listed: 61 },
      [STEPS.retention]: { removed: ["20260101T000000Z"], locked: [], failed: [] },
    };
    const card = backupCard(view("ok", results), "store/bucket");
    const text = cardText(card);
    expect(card.actions.flat()).toContainEqual({ label: "Drill", command: `drill ${id}` });
    expect(text).toContain(`${id} · 34.5 MB · 12 tables, 2013 rows`);
    expect(text).toContain("opened and parsed to its end: 61 entries");
    expect(text).toContain("deleted as too old: 20260101T000000Z");
  });

  test("of one that nobody could open here says so", () => {
    const results = { [STEPS.dump]: dumped, [STEPS.readBack]: { listed: null } };
    expect(cardText(backupCard(view("ok", results), "store"))).toContain(
      "not opened, for want of a key",
    );
  });

  test("of a failure names the last good backup, or that there is none", () => {
    const kept = { id, snapshotAt: at(5).toISOString() };
    expect(cardText(backupCard(view("failed", {}, { kept }), "store"))).toContain(
      `Last good backup: ${id}, 5s ago.`,
    );
    expect(cardText(backupCard(view("failed", {}), "store"))).toContain("There is no backup yet.");
  });

  test.each(RUN_STATES)("of a run that is %s fits a phone", (state) => {
    const failed = Array.from({ length: 3 }, () => ({ id, reason: "x".repeat(5_000) }));
    const results = {
      [STEPS.dump]: dumped,
      [STEPS.readBack]: { listed: 61 },
      [STEPS.retention]: { removed: Array.from({ length: 90 }, () => id), locked: [id], failed },
    };
    const card = backupCard(view(state, results), "store");
    expect(card.title.length).toBeLessThanOrEqual(50);
    expect(card.parts.length).toBeLessThanOrEqual(12);
    for (const text of cardText(card).split("\n")) expect(text.length).toBeLessThanOrEqual(400);
  });
});
