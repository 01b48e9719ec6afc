import { describe, expect, test } from "vitest";

import type { Bond } from "../../core/approval-bond.ts";
import { factsOf, spokenText } from "./approval-facts.ts";

const COMMIT = "9e107d9d372bb6826bd81d3542a419d6c0ffee00";
const at = new Date("2026-11-23T03:04:05.678Z");

const bond: Bond = {
  runId: "7",
  n: 1,
  target: "alpha",
  operation: "rollback",
  requester: { via: "telegram", name: "Otto", telegram: "1002", role: "operator" },
  policy: "second-person",
  needsCode: false,
  parameters: { to: COMMIT, api: "from ab12", order: "worker, api" },
  observed: { worker: "ab12", api: "ab12" },
  basis: "digest",
  configHash: "config",
  logOrigin: "flightdeck/evidence/alpha",
  nonce: Buffer.alloc(16),
  askedAt: at,
  expiresAt: at,
};

describe("the facts of a question in the evidence", () => {
  test("read the same whatever order the database gives them back in", () => {
    const again: Bond = {
      ...bond,
      parameters: { order: "worker, api", api: "from ab12", to: COMMIT },
      observed: { api: "ab12", worker: "ab12" },
    };
    expect(factsOf(again)).toEqual(factsOf(bond));
    expect(factsOf(bond)).toMatchObject({
      parameters: `api: from ab12; order: worker, api; to: ${COMMIT}`,
      observed: "api: ab12; worker: ab12",
    });
  });

  test.each([
    ["why not; to: 0000000", '"why not; to: 0000000"'],
    ['he said "go"', '"he said \\"go\\""'],
    ["two\nlines", '"two\\nlines"'],
    ["captures answer 500: to no good", "captures answer 500: to no good"],
  ])("a reason such as %j is no fact of its own", (why, told) => {
    const { parameters } = factsOf({ ...bond, parameters: { to: COMMIT, why } });
    expect(parameters).toBe(`to: ${COMMIT}; why: ${told}`);
  });
});

test("people are told what is done first, by the commits that they know, and the long reason last", () => {
  const why = `because ${"of this and that ".repeat(20)}; to: 0000000`;
  const said = spokenText({ why, api: "from ab12, image kept", to: COMMIT });
  expect(said.startsWith('to: 9e107d9; api: from ab12, image kept; why: "because of')).toBe(true);
});

test("nothing that is said turns the words around it, or hides among them", () => {
  expect(spokenText({ why: "no \u202ereason\u200b" })).not.toMatch(/[\u202e\u200b]/);
});
