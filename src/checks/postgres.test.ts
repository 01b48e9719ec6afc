import { describe, expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "../core/secret.ts";
import { SystemError } from "../systems/system-error.ts";
import { postgres } from "./postgres.ts";

const signal = new AbortController().signal;
const schema = z.strictObject(postgres.settings);
const url = new Secret("postgresql://reader:hunter2@db.example.com/app");
const failure = (code: string) => new SystemError("postgres", "rejected", code, { code });

const session = {
  role: "reader",
  version: "15.18",
  openConnections: 20,
  allowedConnections: 97,
  sizeBytes: 8_123_456,
};

/** Asks a check whose second query, for the revision, gives `revisions`. */
async function ask(expected: unknown, revisions: readonly string[] | Error = []) {
  const query = async ({ sql }: { sql: string }): Promise<readonly unknown[]> => {
    if (sql.includes("current_user")) return [session];
    if (revisions instanceof Error) throw revisions;
    expect(sql).toContain('"version_num"');
    return revisions.map((revision) => ({ revision }));
  };
  const settings = schema.parse({ url, expect: expected });
  return postgres.observe({ systems: { postgres: { query } }, settings }, signal);
}

test("a connection that is accepted passes, and says as whom", async () => {
  expect((await ask({})).observations).toEqual([
    {
      what: "connection",
      expected: "accepted",
      actual: "accepted as reader by version 15.18",
      ok: true,
    },
  ]);
});

test("the role must be the expected one", async () => {
  expect((await ask({ role: "reader" })).observations[1]).toMatchObject({ ok: true });
  expect((await ask({ role: "owner" })).observations[1]).toEqual({
    what: "role",
    expected: "owner",
    actual: "reader",
    ok: false,
  });
});

test.each([
  [20, false],
  [21, true],
] as const)("20 of 97 connections are more than %i%%: %s", async (limit, ok) => {
  expect((await ask({ connectionsAtMostPercent: limit })).observations[1]).toEqual({
    what: "open connections",
    expected: `at most ${limit}% of 97`,
    actual: "21% (20)",
    ok,
  });
});

test("connections and size are measured whatever is expected", async () => {
  const measurements = [
    { name: "openConnections", value: 20 },
    { name: "sizeBytes", value: 8_123_456 },
  ];
  expect((await ask({})).measurements).toEqual(measurements);
  expect((await ask({ revision: { is: "c3a2" } }, ["c3a2"])).measurements).toEqual(measurements);
});

describe("the revision", () => {
  test.each([
    ["the one of before", "c3a2", true],
    ["the one that comes", "a1c4", true],
    ["neither", "9c5f", false],
  ])("may be either of two while a release is on its way: %s", async (_title, found, ok) => {
    const { observations } = await ask({ revision: { is: ["c3a2", "a1c4"] } }, [found]);
    expect(observations).toContainEqual({
      what: "revision in alembic_version",
      expected: "c3a2 or a1c4",
      actual: found,
      ok,
    });
  });

  test.each([
    ["is the head", ["c3a2"], "c3a2", true],
    ["is an older one", ["9c5f"], "9c5f", false],
    ["is two at once", ["c3a2", "9c5f"], "c3a2, 9c5f", false],
    ["is none", [], "none", false],
    ["has no table", failure("42P01"), "no alembic_version.version_num", false],
    ["has no column", failure("42703"), "no alembic_version.version_num", false],
  ] as const)("%s", async (_name, found, actual, ok) => {
    const { observations } = await ask({ revision: { is: "c3a2" } }, found);
    expect(observations[1]).toEqual({
      what: "revision in alembic_version",
      expected: "c3a2",
      actual,
      ok,
    });
  });

  test("that may not be read is unknown", async () => {
    const denied = failure("42501");
    await expect(ask({ revision: { is: "c3a2" } }, denied)).rejects.toBe(denied);
  });

  test.each(['a"; drop table x --', "a.b", "", "a".repeat(64)])("has no table %j", (table) => {
    expect(schema.safeParse({ url, expect: { revision: { table, is: "x" } } }).success).toBe(false);
  });
});

describe("a refused connection", () => {
  const look = async (expected: unknown, error: Error) =>
    postgres.observe(
      {
        systems: { postgres: { query: async () => Promise.reject(error) } },
        settings: schema.parse({ url, expect: expected }),
      },
      signal,
    );

  test.each(["ECONNREFUSED", "53300", "57P03"])(
    "(%s) fails a check that asks for it",
    async (code) => {
      const { observations } = await look({ reachable: true }, failure(code));
      expect(observations).toEqual([
        expect.objectContaining({
          what: "connection",
          actual: expect.stringMatching(/^refused/),
          ok: false,
        }),
      ]);
      await expect(look({}, failure(code))).rejects.toMatchObject({ code });
    },
  );

  test("a refused password is about us, so it is unknown", async () => {
    await expect(look({ reachable: true }, failure("28P01"))).rejects.toMatchObject({
      code: "28P01",
    });
  });
});

test.each([
  ["mysql://x", /postgresql:\/\//],
  ["postgresql://u:p@h/d?sslmode=require", /verify-full or sslmode=disable/],
  ["postgresql://u:pa/ss@h/d", /not encoded/],
])("a URL like %s is refused without repeating it", (text, message) => {
  const result = schema.safeParse({ url: new Secret(text) });
  expect(result.error?.issues[0]?.message).toMatch(message);
  expect(result.error?.issues[0]?.message).not.toContain("pa/ss");
});
