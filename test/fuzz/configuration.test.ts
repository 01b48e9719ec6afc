import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";

import { parseConfig } from "../../src/config/load-config.ts";
import { formatProblems } from "../../src/config/problem.ts";
import { breath, cases, FUZZ_TIMEOUT_MS } from "./cases.ts";
import { changed, hostileJson, hostileText } from "./hostile-text.ts";

/** What only references lead to; no problem may repeat any of it. */
const environment = {
  BOT_TOKEN: `123456789:${"A".repeat(35)}`,
  COOLIFY: "7|a-coolify-token-of-nobody-0123456789abcdef",
  KEY: "the key of a model, known to few",
  DATABASE: "postgresql://app:hunter2-of-the-database@db.example.com/app",
  REDIS: "redis://:hunter2-of-the-queue@redis.example.com:6379/0",
  CHAT: "-1001000000001",
  EMPTY: "",
};
const SECRETS = ["A".repeat(35), "a-coolify-token", "known to few", "hunter2"];
/** Typed into the file where a reference belongs, or anywhere else. */
const TYPED = "correct horse battery staple";
const TYPED_BY_FIELDS = "correct horse battery staple secret";

const sources = {
  environment,
  readFile: (path: string): string => {
    if (path === "/run/secrets/key") return `${environment.KEY}\n`;
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  },
};

const FILE = `
target: production
timeZone: Europe/Berlin
telegram:
  token: \${env:BOT_TOKEN}
  chat: \${env:CHAT}
operators:
  - name: Ada
    telegram: 1003
    role: approver
  - name: Otto
    telegram: 1002
    role: operator
systems:
  coolify:
    url: https://coolify.example.com
    token: \${env:COOLIFY}
    applications: { api: og888os0example01 }
checks:
  api-is-live:
    kind: http
    url: https://api.example.com/health/live
    every: 30s
    for: 2m
    severity: page
    bearer: \${file:/run/secrets/key}
    expect: { status: 200, json: { status: ok } }
  postgres-accepts-connections:
    kind: postgres
    url: \${env:DATABASE}
  queue-depth-is-normal:
    kind: redis-queue
    url: \${env:REDIS}
    lists: { default_queue: { atMost: 50 } }
schedules:
  nightly-preflight: { cron: "0 3 * * *", run: preflight }
`.trimStart();
const TREE: unknown = parse(FILE);

/** What is told of a text: nothing when it is a configuration, its problems in lines otherwise. */
function told(text: string): string | undefined {
  const loaded = parseConfig(text, sources);
  return loaded.ok ? undefined : formatProblems(loaded.problems, "test.yaml");
}

const LINE = /^test\.yaml:[1-9]\d*:[1-9]\d* {2}.*\S/;
const STEERING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Holds what is told to its promises: each problem on a line with its place, and no value among the words. */
function expectTold(text: string, lines: string | undefined): void {
  const each = lines?.split("\n") ?? [];
  const last = text.split(/\r\n|\r|\n/).length;
  expect(lines).not.toBe("");
  for (const line of each) {
    expect(line).toMatch(LINE);
    expect(line).not.toMatch(STEERING);
    expect(Number(line.split(":")[1])).toBeLessThanOrEqual(last);
  }
  for (const secret of SECRETS) expect(lines ?? "").not.toContain(secret);
}

const fragment = fc.oneof(
  fc.constantFrom(
    ..."\n,  ,- ,: ,&a ,*a,<<: *a\n,{,[,},],|,>,!,!!binary ,${env:,${env:KEY},${file:/run/secrets/key}"
      .split(",")
      .concat(["? ", "---\n", "...\n", "\t", "%YAML 1.1\n", "'", '"', "#", "\ufeff", "0x", ".inf"]),
  ),
  hostileText,
  fc.constantFrom("", " # a word", "\n# a line\n", "x", "7", "-", "\n\n"),
);
const edits = fc.array(
  fc.record({ at: fc.nat({ max: FILE.length }), cut: fc.nat({ max: 8 }), put: fragment }),
  { minLength: 1, maxLength: 3 },
);

test(
  "the text of a file, whatever was done to it, is a configuration or is told what is wrong, line by line",
  async () => {
    const ends = { valid: 0, refused: 0 };
    await fc.assert(
      fc
        .asyncProperty(edits, async (all) => {
          const text = all.reduce(
            (whole, { at, cut, put }) => whole.slice(0, at) + put + whole.slice(at + cut),
            FILE,
          );
          const lines = told(text);
          ends[lines === undefined ? "valid" : "refused"] += 1;
          expectTold(text, lines);
        })
        .beforeEach(breath),
      cases(250, 40_000),
    );
    expect(Math.min(ends.valid, ends.refused)).toBeGreaterThan(5);
  },
  FUZZ_TIMEOUT_MS,
);

const otherTree = fc.oneof({ weight: 4, arbitrary: changed(TREE) }, hostileJson);

test(
  "any values in any of its places are settings or told, each with its line",
  async () => {
    let refused = 0;
    await fc.assert(
      fc
        .asyncProperty(otherTree, async (tree) => {
          const text = stringify(tree) ?? "";
          const lines = told(text);
          refused += lines === undefined ? 0 : 1;
          expectTold(text, lines);
        })
        .beforeEach(breath),
      cases(150, 40_000),
    );
    expect(refused).toBeGreaterThan(50);
  },
  FUZZ_TIMEOUT_MS,
);

/** What names a thing of the file, or a command, is repeated with the name that it resembles; no value is. */
const places = leaves(TREE).filter((place) => place.at(-1) !== "run");

test(
  "what somebody typed into any place of the file is repeated by no problem",
  async () => {
    let refused = 0;
    await fc.assert(
      fc
        .asyncProperty(
          fc.constantFrom(...places),
          fc.constantFrom(TYPED, TYPED_BY_FIELDS, `${TYPED}\n${TYPED}`, `https://${TYPED}@x`),
          async (place, typed) => {
            const text = stringify(withLeaf(TREE, place, typed));
            const lines = told(text) ?? "";
            refused += lines === "" ? 0 : 1;
            for (const word of ["correct", "horse", "battery"]) expect(lines).not.toContain(word);
          },
        )
        .beforeEach(breath),
      cases(150, 20_000),
    );
    expect(refused).toBeGreaterThan(50);
  },
  FUZZ_TIMEOUT_MS,
);

type Place = readonly string[];

function leaves(value: unknown): readonly Place[] {
  if (typeof value !== "object" || value === null) return [[]];
  return Object.entries(value).flatMap(([name, inner]) =>
    leaves(inner).map((place) => [name, ...place]),
  );
}

function withLeaf(value: unknown, [name, ...rest]: Place, put: string): unknown {
  if (name === undefined || typeof value !== "object" || value === null) return put;
  const members = Object.entries(value).map(([member, inner]) => [
    member,
    member === name ? withLeaf(inner, rest, put) : (inner as unknown),
  ]);
  return Array.isArray(value)
    ? members.map(([, inner]) => inner)
    : Object.fromEntries(members as [string, unknown][]);
}
