import { describe, expect, test } from "vitest";

import { Secret } from "../../core/secret.ts";
import type { Results } from "../operation.ts";
import { smokeSetting, type Flow } from "./flow-settings.ts";
import type { FlowParts } from "./flow-step.ts";
import { flowWithin, ownResults, verdictName } from "./flow-within.ts";

const url = new Secret("postgresql://reader:password@db/app");
const insert = { name: "count", kind: "sql", url, sql: "select 1 as n", capture: { before: "n" } };
const compare = {
  name: "compare",
  kind: "sql",
  url,
  sql: "select $1",
  values: ["{{before}}"],
  expect: { row: { n: "{{before}}" } },
};

const flow: Flow = smokeSetting.parse({ flow: "a", flows: { a: { steps: [insert, compare] } } })!
  .flows["a"]!;

/** Answers each query with its own number, one after another. */
function partsWith(...numbers: readonly number[]): FlowParts {
  let asked = 0;
  return {
    scrub: (text) => text,
    systems: {
      http: {
        request: async () => {
          throw new Error("nobody asks");
        },
        close: async () => {},
      },
      postgres: { query: async () => [{ n: numbers[asked++] }] },
      redis: { read: async () => [] },
    },
  };
}

async function perform(part: string, parts: FlowParts, before: Results = {}): Promise<Results> {
  const results: Record<string, Results[string]> = { ...before };
  const { signal } = new AbortController();
  for (const step of flowWithin(part, flow, parts)) {
    if (step.applies?.(results) === false || step.kind !== "look") continue;
    const context = { signal, run: "R-7", key: "", results, report: () => {} };
    results[step.name] = await step.look(context);
  }
  return results;
}

describe("a flow within a longer run", () => {
  test("has its verdict as the step behind it", async () => {
    const results = await perform("smoke", partsWith(4, 4));
    expect(Object.keys(results)).toEqual(["smoke: count", "smoke: compare", "smoke is GO"]);
    expect(results[verdictName("smoke")]).toEqual({ verdict: "GO" });
  });

  test("fails the run when it proved nothing, and says at which step and why", async () => {
    await expect(perform("smoke", partsWith(4, 5))).rejects.toThrow(
      /^smoke is NO-GO at "compare": .*should be 4, is 5/,
    );
  });

  test("goes by its own results, whatever else the run did, and whatever another flow called its steps", async () => {
    const others = { "deploy api": { decidedBy: "Ada" }, "job: count": { status: "fail" } };
    const results = await perform("smoke", partsWith(4, 4), others);
    expect(results[verdictName("smoke")]).toEqual({ verdict: "GO" });
    expect(Object.keys(ownResults("smoke", results))).toEqual(["count", "compare"]);
  });
});
