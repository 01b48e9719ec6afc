import { randomBytes } from "node:crypto";

import { describe, expect, test } from "vitest";

import { fingerprintsOf } from "./fingerprint.ts";
import type { FingerprintForm } from "./fingerprint.ts";
import { Secret } from "./secret.ts";

const key = randomBytes(32);
const prints = (text: string, form: FingerprintForm): readonly string[] =>
  fingerprintsOf(new Secret(text), form, key);
const haveInCommon = (one: string, other: string, form: FingerprintForm): boolean =>
  prints(one, form).some((print) => prints(other, form).includes(print));

describe("two secrets have in common", () => {
  test.each<readonly [FingerprintForm, string, string]>([
    ["value", "s3cret", "s3cret"],
    ["members", "old, new", "new"],
    ["members", "token-a:usr_1,token-b:usr_2", "token-b"],
    ["members", "token-b", " token-b : usr_9 "],
    ["server", "postgresql+asyncpg://a:1@db:5432/app", "postgres://b:2@DB/other?sslmode=disable"],
    ["server", "redis://:a@cache/0", "rediss://:b@cache:6379/1"],
    ["database", "postgresql://a:1@db/app", "postgresql+psycopg://b:2@db:5432/app/"],
    ["database", "no address", "no address"],
  ])("by %s: %s and %s", (form, one, other) => {
    expect(haveInCommon(one, other, form)).toBe(true);
  });
});

describe("two secrets have nothing in common", () => {
  test.each<readonly [FingerprintForm, string, string]>([
    ["value", "s3cret", "s3creT"],
    ["value", "", ""],
    ["members", "a,b", "c"],
    ["members", ",,", ","],
    ["members", "token-a:usr_1", "token-b:usr_1"],
    ["server", "redis://cache:6379", "redis://cache:6380"],
    ["server", "redis://host:6379", "postgresql://host:6379"],
    ["database", "postgresql://u@db/production", "postgresql://u@db/staging"],
  ])("by %s: %s and %s", (form, one, other) => {
    expect(haveInCommon(one, other, form)).toBe(false);
  });
});

test("a fingerprint says nothing about its secret, and another key gives another one", () => {
  const secret = new Secret("hunter22");
  const [print] = fingerprintsOf(secret, "value", key);
  expect(print).toMatch(/^[0-9a-f]{64}$/);
  expect(fingerprintsOf(secret, "value", randomBytes(32))).not.toContain(print);
});
