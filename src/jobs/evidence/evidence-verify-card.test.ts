import { describe, expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import type { Run, RunState } from "../../storage/run.ts";
import type { EvidenceReport } from "./evidence-report.ts";
import { evidenceVerifyCard, evidenceVerifyDetails } from "./evidence-verify-card.ts";

const now = new Date("2026-11-23T03:04:05Z");

const sound: EvidenceReport = {
  verdict: "sound",
  files: 2,
  entries: 120,
  checkpoints: 3,
  vouchedFor: 100,
  findings: [],
  remarks: ["20 entries at the end: chained, and vouched for by no signature yet."],
};

const tampered: EvidenceReport = {
  ...sound,
  verdict: "tampered",
  findings: [
    {
      kind: "edited",
      part: "log.md",
      offset: 790,
      seq: "7",
      message: "Its text was edited.",
      expected: "GO",
      found: "NO-GO",
    },
    { kind: "open", part: "the database", message: "R-2 has no outcome yet." },
  ],
};

function cardOf(report: EvidenceReport | undefined, state: RunState, verdict?: string): string {
  const run = {
    id: "7",
    target: "alpha",
    operation: "evidence-verify",
    state,
    verdict,
    reason: state === "failed" ? "the database is away" : undefined,
    actor: { via: "telegram", name: "Ada", telegram: "5", role: "viewer" },
    createdAt: now,
    endedAt: now,
  } as unknown as Run;
  const card = evidenceVerifyCard({ run, input: {}, steps: [], now, timeZone: "UTC" }, report);
  const buttons = card.actions.flat().map(({ label }) => label);
  return `${cardText(card)}\n[${buttons.join("] [")}]`;
}

describe("the card of a verification", () => {
  test("says what a sound log rests on", () => {
    const text = cardOf(sound, "ok", "SOUND");
    expect(text).toContain(
      "🟢 alpha · evidence SOUND\n120 entries in order, 3 signed checkpoints;",
    );
    expect(text).toContain("the last one vouches for #1 to #100.");
    expect(text).toContain("The files say the same as the database.");
    expect(text).toContain("20 entries at the end");
    expect(text).toContain("[Verify again] [Export]");
  });

  test("says that files which are elsewhere were not looked at, and that nothing is signed yet", () => {
    const text = cardOf({ ...sound, files: 0, checkpoints: 0, vouchedFor: 0 }, "ok", "SOUND");
    expect(text).toContain("The files are not on this machine; the database alone was looked at.");
    expect(text).toContain("0 signed checkpoints; none by a key of this log.");
  });

  test("names the first thing that is wrong, and never says that all is the same", () => {
    const text = cardOf(tampered, "ok", "TAMPERED");
    expect(text).toContain(
      "🔴 alpha · evidence TAMPERED\nedited: Its text was edited. And 1 more.",
    );
    expect(text).not.toContain("say the same");
    expect(text).toContain("[Verify again] [Export] [Details]");
  });

  test.each<[RunState, string]>([
    ["running", "⏳ alpha · evidence verify"],
    ["failed", "⚪️ alpha · evidence verify failed\nthe database is away"],
  ])("that is %s", (state, begins) => {
    expect(cardOf(undefined, state).startsWith(begins)).toBe(true);
  });
});

describe("its details", () => {
  test("tell each finding with its place and what stood there", () => {
    expect(evidenceVerifyDetails(tampered)).toEqual([
      {
        kind: "code",
        text:
          "edited: log.md, byte 790, #7\nIts text was edited.\nexpected: GO\nfound: NO-GO\n\n" +
          "open: the database\nR-2 has no outcome yet.",
      },
    ]);
    expect(evidenceVerifyDetails(sound)).toEqual([]);
  });
});
