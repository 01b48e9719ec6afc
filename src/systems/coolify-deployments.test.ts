import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { deploymentLogSchema } from "./coolify-deployments.ts";

const logOf = (entries: unknown): string =>
  deploymentLogSchema.parse({ logs: JSON.stringify(entries) });

describe("the log of a deployment", () => {
  test("is its visible lines by their order, whatever order they are kept in", () => {
    const entries = [
      { output: "third\n", hidden: false, order: 3, type: "stdout", batch: 1 },
      { output: "hidden", hidden: true, order: 2, command: "docker build" },
      { output: "second", hidden: false, order: 2, type: "stderr" },
      { output: "first\nline", hidden: false, order: 1 },
    ];
    expect(logOf(entries)).toBe("first\nline\nsecond\nthird");
  });

  test("keeps lines without an order where they stand", () => {
    const entries = ["a", "b", "c"].map((output) => ({ output, hidden: false }));
    expect(logOf(entries)).toBe("a\nb\nc");
  });

  test("shows nothing that does not say that it may be seen", () => {
    expect(logOf([{ output: "a" }, { output: "b", hidden: true }])).toBe("");
  });

  test("has no line for an entry that says nothing", () => {
    expect(
      logOf([{ hidden: false, output: null }, { hidden: false }, { hidden: false, output: "" }]),
    ).toBe("");
  });

  test.each([null, "", "  "])("of a deployment that wrote nothing is empty: %j", (logs) => {
    expect(deploymentLogSchema.parse({ logs })).toBe("");
  });

  test("that is hidden from us is not taken for an empty one", () => {
    expect(deploymentLogSchema.safeParse({ status: "finished" }).success).toBe(false);
  });

  test("is never a hidden line, whatever there is in it", () => {
    const entry = fc.record(
      {
        output: fc.constantFrom("canary", "canary\n", null),
        hidden: fc.constantFrom(true, undefined, null, 0, "false"),
        order: fc.oneof(fc.integer(), fc.constant(null)),
      },
      { requiredKeys: ["output"] },
    );
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const answer = deploymentLogSchema.safeParse({ logs: JSON.stringify(entries) });
        expect(answer.success ? answer.data : "").not.toContain("canary");
      }),
      { seed: 4_311, numRuns: 300 },
    );
  });

  test("of any other form is refused, and breaks nothing", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (logs) => {
        const { success } = deploymentLogSchema.safeParse({ logs });
        const isEmpty = logs.trim() === "" || /^\s*\[\s*\]\s*$/.test(logs);
        expect(success && !isEmpty ? JSON.parse(logs) : []).toEqual(expect.any(Array));
      }),
      { seed: 4_311, numRuns: 500 },
    );
  });
});
