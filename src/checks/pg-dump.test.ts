import { describe, expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "../core/secret.ts";
import { pgDump } from "./pg-dump.ts";

const signal = new AbortController().signal;
const schema = z.strictObject(pgDump.settings);
const url = new Secret("postgresql://reader@db/app");

async function ask(
  client: readonly [number, number] | undefined,
  server: number,
  program?: string,
) {
  const find = async () =>
    client && { path: "/usr/bin/pg_dump", version: { major: client[0], minor: client[1] } };
  const query = async () => [{ version: server }];
  const settings = schema.parse({ url, program });
  const { observations } = await pgDump.observe(
    { systems: { pgDump: { find }, postgres: { query } }, settings },
    signal,
  );
  return observations[0];
}

describe("a client is compared with the server", () => {
  test.each([
    ["the same", [15, 18], 150_018, true],
    ["a newer major", [17, 2], 150_018, true],
    ["a newer minor", [15, 19], 150_018, true],
    ["an older minor", [15, 7], 150_018, false],
    ["an older major with a higher minor", [14, 30], 150_002, false],
  ] as const)("%s", async (_name, client, server, ok) => {
    expect(await ask(client, server)).toMatchObject({ ok });
  });
});

test("says both versions, and which program it means", async () => {
  expect(await ask([14, 9], 150_018)).toEqual({
    what: "version of pg_dump",
    expected: "at least 15.18, which the server has",
    actual: "14.9 at /usr/bin/pg_dump",
    ok: false,
  });
});

test("none at all fails, and says where it was looked for", async () => {
  expect(await ask(undefined, 150_018)).toMatchObject({
    actual: "none is installed at PATH, /usr/lib/postgresql and Homebrew",
    ok: false,
  });
  expect(await ask(undefined, 150_018, "/opt/pg_dump")).toMatchObject({
    actual: "none is installed at /opt/pg_dump",
  });
});

test("a program is named by its whole path", () => {
  expect(schema.safeParse({ url, program: "pg_dump" }).error?.issues[0]?.message).toBe(
    "expected an absolute path",
  );
});
