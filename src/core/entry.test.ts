import { createHash } from "node:crypto";

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { digestOf } from "./digest.ts";
import { canonicalForm, entryHash, entrySchema, genesisHash, type Entry } from "./entry.ts";

const entry: Entry = {
  v: 1,
  log: "flightdeck/evidence/alpha",
  seq: "1",
  prev: "0".repeat(64),
  at: "2026-11-23T01:22:33.123Z",
  kind: "run.result",
  target: "alpha",
  actor: { via: "telegram", name: "Ada", telegram: "5", role: "operator" },
  operation: "preflight",
  run: "R-7",
  result: "NO-GO",
  config: "c".repeat(64),
  build: "0.1.0",
  instance: "host-1",
  facts: { pass: "api-is-live", fail: "xai-key-works" },
};

/** RFC 8785 for objects of strings and the one integer: members in order of UTF-16 units, no space. */
function canonicalByHand(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalByHand(member)}`).join(",")}}`;
}

function shuffled(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, shuffled(member)]),
  );
}

describe("the canonical form", () => {
  test("is what RFC 8785 says, computed another way", () => {
    expect(canonicalForm(entry)).toBe(canonicalByHand(entry));
  });

  test("does not depend on the order of members, and reads back as the same entry", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z][a-z-]{0,20}$/), fc.string({ unit: "grapheme" })),
        (facts) => {
          const one: Entry = { ...entry, facts };
          const form = canonicalForm(one);
          expect(canonicalForm(shuffled(one) as Entry)).toBe(form);
          expect(canonicalForm(entrySchema.parse(JSON.parse(form)))).toBe(form);
          expect(form).not.toMatch(/[\n\r\0]/);
        },
      ),
    );
  });
});

describe("the hash of an entry", () => {
  test("is the leaf hash of RFC 6962", () => {
    const form = canonicalForm(entry);
    const independent = createHash("sha256").update(`\0${form}`, "utf8").digest("hex");
    expect(entryHash(form)).toBe(independent);
    // The leaf hash of an empty leaf, as printed in the test vectors of certificate transparency.
    expect(entryHash("")).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  });

  test("changes with every single member", () => {
    const hash = entryHash(canonicalForm(entry));
    const changes: Partial<Entry>[] = [
      { log: "x" },
      { seq: "2" },
      { prev: "1".repeat(64) },
      { at: "2026-11-23T01:22:33.124Z" },
      { kind: "run.intent" },
      { target: "beta" },
      { actor: { via: "flightdeck", name: "schedule" } },
      { operation: "smoke" },
      { run: "R-8" },
      { step: "look" },
      { result: "GO" },
      { config: "d".repeat(64) },
      { build: "0.1.1" },
      { instance: "host-2" },
      { facts: {} },
    ];
    const hashes = changes.map((change) => entryHash(canonicalForm({ ...entry, ...change })));
    expect(new Set([hash, ...hashes]).size).toBe(changes.length + 1);
  });
});

describe("the beginning of a log", () => {
  test("is bound to its origin", () => {
    const origin = "flightdeck/evidence/alpha";
    const independent = createHash("sha256")
      .update(Buffer.from(`flightdeck-evidence-v1\n${origin}`))
      .digest("hex");
    expect(genesisHash(origin)).toBe(independent);
    expect(genesisHash("flightdeck/evidence/staging")).not.toBe(genesisHash(origin));
  });
});

describe("an entry", () => {
  test.each([
    ["a number in place of a string", { seq: 1 }],
    ["a sequence that does not begin at one", { seq: "0" }],
    ["a previous hash that is none", { prev: "abc" }],
    ["a time without milliseconds", { at: "2026-11-23T01:22:33Z" }],
    ["a time with an offset", { at: "2026-11-23T01:22:33.123+01:00" }],
    ["an unknown kind", { kind: "run.rewritten" }],
    ["an unknown member", { note: "x" }],
    ["a fact that is no string", { facts: { count: 3 } }],
  ])("with %s is refused", (_what, change) => {
    expect(entrySchema.safeParse({ ...entry, ...change }).success).toBe(false);
    expect(entrySchema.safeParse(entry).success).toBe(true);
  });
});

/** Without the one name that no plain object can hold as its own. */
const json = fc.jsonValue().filter((value) => !JSON.stringify(value).includes("__proto__"));

describe("a digest", () => {
  test("is the same for every order of members and differs for every other value", () => {
    fc.assert(
      fc.property(json, json, (one, other) => {
        expect(digestOf(one)).toBe(digestOf(JSON.parse(JSON.stringify(one))));
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(digestOf(one) === digestOf(other)).toBe(same);
      }),
    );
  });

  test("does not exist for what is no JSON", () => {
    expect(() => digestOf(undefined)).toThrow(TypeError);
    expect(() => digestOf(Number.NaN)).toThrow(/NaN/);
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? 0 : value;
  const members = Object.entries(value).map(([name, member]) => [name, sorted(member)] as const);
  // Told apart from a list of the same pairs.
  return { members: members.toSorted(([one], [other]) => (one < other ? -1 : 1)) };
}
