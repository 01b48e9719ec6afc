import { describe, expect, test } from "vitest";

import type { FileTrouble } from "../../storage/evidence-file.ts";
import { evidenceStanding } from "./evidence-standing.ts";

const NOW = new Date("2026-11-23T12:00:00Z");
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);
const trouble = (kind: FileTrouble) => ({ kind, detail: "what is wrong", since: NOW });

describe("the standing of a log's file", () => {
  test.each([
    ["nothing waits", undefined, undefined, "fine"],
    ["an entry waits for a minute", undefined, 60_000, "fine"],
    ["for more than a minute", undefined, 60_001, "lags"],
    ["for a quarter of an hour", undefined, 15 * 60_000, "lags"],
    ["for more than that", undefined, 15 * 60_000 + 1, "stuck"],
    ["it cannot be written, and nothing waits", "cannot-write", undefined, "lags"],
    ["it cannot be written for long", "cannot-write", 16 * 60_000, "stuck"],
    ["it was edited", "edited", undefined, "stuck"],
    ["it goes on beyond the rows", "ahead", undefined, "stuck"],
    ["it is another log's", "foreign", undefined, "stuck"],
  ] as const)("%s", (_when, kind, behindMs, standing) => {
    const file = {
      trouble: kind && trouble(kind),
      behindSince: behindMs === undefined ? undefined : ago(behindMs),
      signingRefused: undefined,
    };
    expect(evidenceStanding(file, NOW).kind).toBe(standing);
  });

  test("is stuck while the log contradicts what was signed of it, however well the file is", () => {
    const file = { trouble: undefined, behindSince: undefined };
    const refused = evidenceStanding({ ...file, signingRefused: "Two histories." }, NOW);
    expect(refused).toMatchObject({
      kind: "stuck",
      words: "the log is not signed. Two histories.",
      wayOut: expect.stringContaining("flightdeck evidence adopt") as unknown,
    });
  });

  test("says how far behind it is, and what a person can do", () => {
    const signed = { signingRefused: undefined };
    const behind = evidenceStanding(
      { ...signed, trouble: undefined, behindSince: ago(90_000) },
      NOW,
    );
    expect(behind).toMatchObject({ words: "log.md is 1m 30s behind" });
    const edited = evidenceStanding(
      { ...signed, trouble: trouble("edited"), behindSince: undefined },
      NOW,
    );
    expect(edited).toMatchObject({ wayOut: expect.stringContaining("flightdeck evidence repair") });
  });
});
